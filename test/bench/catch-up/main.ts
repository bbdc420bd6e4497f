// `npm run bench:catch-up`: how fast a replica comes back, beside how fast the same bytes can be read, sent and written
// on this machine at all.
//
//   delta      it was away while entries were written, and takes them from the logs
//   snapshot   its disk was lost and the logs no longer reach back
//   foreground what clients of the others notice of a snapshot, as p99 beside the quiet one
//   converge   a cut, one key in a hundred written on either side of it, and the heal
//   members    what clients notice when a fourth replica joins
//
// Reading order: this, cluster (what is driven), raw (the limit). `-- --keys N` for another number of keys,
// `-- delta` for one part. Every part runs `--rounds` times; the median counts.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { benchFolder } from '../install.ts';
import { converge } from './converge.ts';
import { delta } from './delta.ts';
import { members } from './members.ts';
import { snapshot } from './snapshot.ts';

export interface Row {
  readonly title: string;
  readonly value: number;
  readonly unit: string;
  /** What the issue asks for, where it asks for something. */
  readonly must: string;
}

export interface Part {
  readonly folder: string;
  readonly keys: number;
}

const PARTS: { readonly [name: string]: (part: Part) => Promise<readonly Row[]> } = {
  delta,
  snapshot,
  converge,
  members,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    keys: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '3' },
  },
});
const keys = Number(values.keys);
const rounds = Number(values.rounds);
if (!(keys >= 1000 && keys <= 10_000_000)) throw new Error('--keys is from 1000 to 10000000');
if (!(rounds >= 1 && rounds <= 20)) throw new Error('--rounds is from 1 to 20');
const names = positionals.length === 0 ? Object.keys(PARTS) : positionals;

mkdirSync(benchFolder, { recursive: true });
const folder = mkdtempSync(join(benchFolder, 'catch-up-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const found = new Map<string, { readonly row: Row; readonly values: number[] }>();
for (let round = 1; round <= rounds; round++) {
  for (const name of names) {
    const run = PARTS[name];
    if (run === undefined) throw new Error(`there is no part "${name}"`);
    console.error(`round ${round}: ${name}`);
    const place = mkdtempSync(join(folder, `${name}-`));
    for (const row of await run({ folder: place, keys })) {
      const known = found.get(row.title);
      if (known === undefined) found.set(row.title, { row, values: [row.value] });
      else known.values.push(row.value);
    }
    rmSync(place, { recursive: true, force: true });
  }
}

console.log(`${keys} keys of 100 bytes, ${rounds} rounds; median (least to most)\n`);
console.log('| | median | range | must |\n|---|---|---|---|');
for (const { row, values: all } of found.values()) {
  const sorted = all.toSorted((a, b) => a - b);
  const middle = sorted[sorted.length >> 1] as number;
  const range = `${text(sorted[0] as number)}–${text(sorted.at(-1) as number)}`;
  console.log(`| ${row.title} | ${text(middle)} ${row.unit} | ${range} | ${row.must} |`);
}

function text(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(2);
}
