// The command line of `npm run sim`. An unknown word is refused, and every number has a bound.

import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { numberIn, wholeNumber, wordsIn } from '../support/program.ts';
import { FAULTS, type FaultClass, RUN_MS } from './plan.ts';

export interface Options {
  readonly seeds: number;
  readonly from: number;
  /** Continue with new seeds until this many milliseconds have passed. */
  readonly untilMs: number | undefined;
  readonly seed: number | undefined;
  readonly trace: boolean;
  readonly lines: number;
  readonly runMs: number;
  readonly without: readonly FaultClass[];
  readonly only: readonly FaultClass[] | undefined;
  readonly workers: number;
  readonly gate: boolean;
  readonly untilFound: boolean;
  readonly json: boolean;
  /** Write the digest of each run to this file. */
  readonly digests: string | undefined;
  /** Fail if a digest differs from the one in this file. */
  readonly against: string | undefined;
}

export const usage = `npm run sim -- [options]
Runs a whole cluster in one process under random faults, a run for each seed, and judges what its clients
saw. A run takes seconds; 300 seeds take minutes.

  --seeds N         number of seeds (300)
  --from N          first seed (1)
  --hours H         continue with further seeds for this long, with a tally every minute
  --seed N          run one seed, and print what it found
  --trace           with --seed: print the end of the run as a screenplay
  --lines N         length of the screenplay (60)
  --seconds S       virtual seconds of each run (${RUN_MS / 1000})
  --without A,B     leave out these classes of faults
  --only A,B        use these classes instead of those that the seed chooses; the classes are
                    ${FAULTS.join(', ')}
  --workers N       number of processes; default: one for each core
  --gate            also fail if a state of the gate was never reached
  --until-found     stop at the first seed that finds something
  --json            print one line of JSON at the end instead of text
  --digests FILE    write the digest of each run to a file, one line for each seed
  --against FILE    fail if a digest differs from such a file, for a change that must not change any run
  --help            print this text`;

/** `undefined` if help is requested. */
export function parseOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: 'string', default: '300' },
      from: { type: 'string', default: '1' },
      hours: { type: 'string' },
      seed: { type: 'string' },
      trace: { type: 'boolean', default: false },
      lines: { type: 'string', default: '60' },
      seconds: { type: 'string', default: String(RUN_MS / 1000) },
      without: { type: 'string' },
      only: { type: 'string' },
      workers: { type: 'string', default: String(availableParallelism()) },
      gate: { type: 'boolean', default: false },
      'until-found': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      digests: { type: 'string' },
      against: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const hours =
    values.hours === undefined ? undefined : numberIn(values.hours, 'hours', 0.001, 1000);
  return {
    seeds: wholeNumber(values.seeds, 'seeds', 1, 1e9),
    from: wholeNumber(values.from, 'from', 0, 1e9),
    untilMs: hours === undefined ? undefined : hours * 3_600_000,
    seed: values.seed === undefined ? undefined : wholeNumber(values.seed, 'seed', 0, 2e9),
    trace: values.trace,
    lines: wholeNumber(values.lines, 'lines', 1, 1e6),
    runMs: numberIn(values.seconds, 'seconds', 12, 36_000) * 1000,
    without: wordsIn(values.without ?? '', 'without', FAULTS),
    only: values.only === undefined ? undefined : wordsIn(values.only, 'only', FAULTS),
    workers: wholeNumber(values.workers, 'workers', 1, 256),
    gate: values.gate,
    untilFound: values['until-found'],
    json: values.json,
    digests: values.digests,
    against: values.against,
  };
}
