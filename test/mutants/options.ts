// The command line of `npm run test:mutants`, checked: an unknown word is refused, every number has
// a bound.

import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { catalogue } from './catalogue.ts';
import { type Mutant, SEEDS_MAX } from './mutant.ts';
import { wholeNumber, wordsIn } from '../support/program.ts';

export interface Options {
  readonly mutants: readonly Mutant[];
  readonly runs: number;
  readonly workers: number;
  readonly baseSeeds: number;
  readonly why: boolean;
  /** The simulation has to find all of them, whichever test usually finds them. */
  readonly bySimulation: boolean;
  readonly allowOpen: boolean;
  readonly list: boolean;
}

const BASE_SEEDS = 30;
const RUNS_MAX = 1000;

export const usage = `npm run test:mutants -- [options]
Puts known bugs into a copy of the source, one at a time, and checks that the simulation or a named test
finds each. Takes hours for all of them.

  --only ID,ID    these mutants (all of them)
  --runs N        search for each so often, from seeds 1, ${SEEDS_MAX + 1}, … on, for a median (1)
  --workers N     processes of the simulation (one a core)
  --base-seeds N  in so many the unpatched copy must find nothing (${BASE_SEEDS})
  --why           tell what was found in words: one more run of the seed
  --by-simulation ask the simulation for all of them, those too that a named test finds, or nothing
  --allow-open    do not fail for mutants of which it is known that nothing finds them
  --list          the catalogue, without running anything
  --help          this text`;

/** `undefined` when help is asked for. */
export function parseOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      runs: { type: 'string', default: '1' },
      workers: { type: 'string', default: `${availableParallelism()}` },
      'base-seeds': { type: 'string', default: `${BASE_SEEDS}` },
      why: { type: 'boolean', default: false },
      'by-simulation': { type: 'boolean', default: false },
      'allow-open': { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const ids = catalogue.map(({ id }) => id);
  const chosen = wordsIn(values.only, 'only', ids);
  return {
    mutants: catalogue.filter(({ id }) => chosen.includes(id)),
    runs: wholeNumber(values.runs, 'runs', 1, RUNS_MAX),
    workers: wholeNumber(values.workers, 'workers', 1, 256),
    baseSeeds: wholeNumber(values['base-seeds'], 'base-seeds', 1, 10_000),
    why: values.why,
    bySimulation: values['by-simulation'],
    allowOpen: values['allow-open'],
    list: values.list,
  };
}
