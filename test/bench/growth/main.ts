// `npm run bench:growth`: how a million keys of 100 bytes, and ten minutes of writes, change the
// figures. One cluster is filled, then the parts run on it one after the other:
//
//  sizes        throughput of puts and gets, compared with a cluster of ten thousand keys
//  start        a replica is killed with a full window to replay, and starts again
//  foreground   p99 of clients of other replicas during a checkpoint, and during a snapshot
//  steady       puts for minutes: the last two minutes compared with the first two
//
// The memory of the replicas is sampled throughout. Reading order: this, sized (the cluster), the
// parts.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Peaks, sayResident, watchMemory } from '../../support/memory-watch.ts';
import { numberIn, runProgram, wholeNumber, wordsIn } from '../../support/program.ts';
import { type Field, VALUE_BYTES } from '../field.ts';
import { benchFolder } from '../install.ts';
import { judgedRow, type Row, tableOf } from '../rows.ts';
import { foreground } from './foreground.ts';
import { openSized, type Part } from './sized.ts';
import { sizes } from './sizes.ts';
import { start } from './start.ts';
import { steady } from './steady.ts';

const PARTS = { sizes, start, foreground, steady } satisfies {
  readonly [name: string]: (part: Part) => Promise<readonly Row[]>;
};
type PartName = keyof typeof PARTS;
const NAMES = Object.keys(PARTS) as PartName[];

const RSS_MB_MAX = 400;

interface Options extends Omit<Part, 'large' | 'folder'> {
  readonly names: readonly PartName[];
  readonly keys: number;
}

const usage = `npm run bench:growth -- [options]
Measures what many keys and long runs change. With its defaults it takes half an hour on a quiet
machine, and 2 GB of disk; ten million keys take 15 GB.

  --only A,B    of the parts below (all)
  --keys N      keys of ${VALUE_BYTES} bytes, 20000 to 10000000 (1000000)
  --huge        sizes: ten million keys as well
  --rounds N    sizes, start: rounds, 1 to 100 (5)
  --slot S      sizes: seconds of each size and operation in a round, 1 to 600 (5)
  --seconds S   steady: 40 to 86400 (600)
  --help        this text

  sizes        puts and gets, beside those of a cluster with 10 000 keys
  start        a replica is killed with a full window to replay, and starts again
  foreground   p99 of clients elsewhere during a checkpoint, and during a snapshot
  steady       puts for minutes: the last fifth beside the first`;

await runProgram(usage, parseOptions, measure);

function parseOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      keys: { type: 'string', default: '1000000' },
      huge: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '5' },
      slot: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '600' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  return {
    names: wordsIn(values.only, 'only', NAMES),
    keys: wholeNumber(values.keys, 'keys', 20_000, 10_000_000),
    huge: values.huge,
    rounds: wholeNumber(values.rounds, 'rounds', 1, 100),
    slotSeconds: numberIn(values.slot, 'slot', 1, 600),
    steadySeconds: numberIn(values.seconds, 'seconds', 40, 86_400),
  };
}

async function measure(options: Options): Promise<number> {
  mkdirSync(benchFolder, { recursive: true });
  const folder = mkdtempSync(join(benchFolder, 'growth-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const large = await openSized(join(folder, 'large'), options.keys);
  const peaks = watchMemory(large.field.cluster.replicas);
  const rows: Row[] = [];
  let failures = 0;
  for (const name of NAMES.filter((each) => options.names.includes(each))) {
    console.error(name);
    try {
      rows.push(...(await PARTS[name]({ ...options, large, folder })));
    } catch (error) {
      failures++;
      console.error(`${name} FAILED: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  peaks.stop();
  rows.push(...memoryOf(large.field, peaks));
  await large.field.cluster.stop();
  console.log(`${options.keys} keys of ${VALUE_BYTES} bytes, W=2, R=1\n\n${tableOf(rows)}`);
  return failures === 0 ? 0 : 1;
}

function memoryOf({ cluster }: Field, peaks: Peaks): readonly Row[] {
  const found = cluster.replicas.map(({ id }) => peaks.of(id));
  for (const peak of found) console.error(`at most ${sayResident(peak)}`);
  const most = Math.max(...found.map(({ totalBytes }) => totalBytes));
  return [judgedRow('most resident memory of a replica, MB', most / 1e6, { atMost: RSS_MB_MAX })];
}
