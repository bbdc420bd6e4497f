// `npm run bench:catch-up`: how fast a replica catches up, compared with the rate at which this
// machine can read, send and write the same bytes.
//
//  delta      it was away while entries were written, and reads them from the logs
//  snapshot   its disk was lost and the logs no longer reach back; also how much the p99 of clients
//             of the other replicas grows meanwhile
//  converge   a partition, one key in a hundred written on each side of it, and the heal
//  members    how clients are affected when a fourth replica joins
//
// Reading order: this, field (the cluster), raw (the limit). Every part runs `--rounds` times; the
// median counts.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runProgram, wholeNumber, wordsIn } from '../../support/program.ts';
import { benchFolder } from '../install.ts';
import { type Row, tableOf } from '../rows.ts';
import { converge } from './converge.ts';
import { delta } from './delta.ts';
import { members } from './members.ts';
import { snapshot } from './snapshot.ts';

export interface Part {
  readonly folder: string;
  readonly keys: number;
}

const PARTS = {
  delta,
  snapshot,
  converge,
  members,
} satisfies { readonly [name: string]: (part: Part) => Promise<readonly Row[]> };
type PartName = keyof typeof PARTS;

const NAMES = Object.keys(PARTS) as PartName[];
const usage = `npm run bench:catch-up -- [options]
Measures how fast a replica of three comes back, beside how fast the same bytes can be read, sent and
written on this machine. With its defaults it takes minutes, on a quiet machine.

  --only A,B    of the parts below (all)
  --keys N      keys of 100 bytes, 1000 to 10000000 (100000)
  --rounds N    how often each part runs, 1 to 20; the median counts (3)
  --help        this text

  delta       it was away while entries were written, and takes them from the logs
  snapshot    its disk was lost, and the logs no longer reach back; and what clients notice meanwhile
  converge    a cut, one key in a hundred written on either side of it, and the heal
  members     what clients notice when a fourth replica joins`;

await runProgram(usage, parseOptions, runRounds);

interface Options {
  readonly names: readonly PartName[];
  readonly keys: number;
  readonly rounds: number;
}

function parseOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      keys: { type: 'string', default: '100000' },
      rounds: { type: 'string', default: '3' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  return {
    names: wordsIn(values.only, 'only', NAMES),
    keys: wholeNumber(values.keys, 'keys', 1000, 10_000_000),
    rounds: wholeNumber(values.rounds, 'rounds', 1, 20),
  };
}

async function runRounds({ names, keys, rounds }: Options): Promise<number> {
  mkdirSync(benchFolder, { recursive: true });
  const folder = mkdtempSync(join(benchFolder, 'catch-up-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

  const rows: Row[] = [];
  for (let round = 1; round <= rounds; round++) {
    for (const name of names) {
      const run = PARTS[name];
      console.error(`round ${round}: ${name}`);
      const place = mkdtempSync(join(folder, `${name}-`));
      rows.push(...(await run({ folder: place, keys })));
      rmSync(place, { recursive: true, force: true });
    }
  }
  console.log(`${keys} keys of 100 bytes, ${rounds} rounds\n\n${tableOf(rows)}`);
  return 0;
}
