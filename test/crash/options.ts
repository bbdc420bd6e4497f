// The command line. An unknown word is refused, and every number has a bound.

import { parseArgs } from 'node:util';
import type { Part } from './part.ts';
import { parts } from './parts.ts';
import { wholeNumber, wordsIn } from '../support/program.ts';

export interface Options {
  readonly parts: readonly Part[];
  /** In place of the default of each part. */
  readonly rounds: number | undefined;
  readonly seed: number;
}

export const usage = `npm run test:crash -- [options]
Kills replicas, cuts their power and damages or fills their disks while clients write, and checks that
nothing acknowledged is lost. Takes minutes to hours; a part that needs root or loop devices is not run
without them.

  --only A,B    of the parts below (all)
  --rounds N    how often each strikes, 1 to 100000 (as below)
  --seed N      every choice comes from it (the clock)
  --help        this text

${parts.map(({ name, about, roundsDefault }) => `  ${name.padEnd(12)}${about} (${roundsDefault})`).join('\n')}`;

/** `undefined` if help is requested. */
export function parseOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      rounds: { type: 'string' },
      seed: { type: 'string', default: `${Date.now() % 1_000_000}` },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const { only, rounds, seed } = values;
  const chosen = wordsIn(
    only,
    'only',
    parts.map(({ name }) => name),
  );
  return {
    parts: parts.filter(({ name }) => chosen.includes(name)),
    rounds: rounds === undefined ? undefined : wholeNumber(rounds, 'rounds', 1, 100_000),
    seed: wholeNumber(seed, 'seed', 0, 2 ** 32),
  };
}
