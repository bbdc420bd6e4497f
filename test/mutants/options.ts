// The command line of `npm run test:mutants`. An unknown word is refused, and every number has a
// bound.

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
  /** The simulation must find all of them, even those that a named test finds. */
  readonly bySimulation: boolean;
  readonly allowOpen: boolean;
  readonly list: boolean;
}

const BASE_SEEDS = 30;
const RUNS_MAX = 1000;

export const usage = `npm run test:mutants -- [options]
Puts known bugs into a copy of the source, one at a time, and checks that the simulation or a named test
finds each. Takes hours for all of them.

  --only ID,ID    run these mutants; default: all of them
  --runs N        search N times, from seeds 1, ${SEEDS_MAX + 1}, … on, and report the median (1)
  --workers N     number of simulation processes; default: one for each core
  --base-seeds N  number of seeds in which the unpatched copy must find nothing (${BASE_SEEDS})
  --why           describe what was found; runs the seed once more
  --by-simulation run the simulation for all of them, even those that a named test or nothing finds
  --allow-open    do not fail for mutants that are known not to be found
  --list          print the catalogue and run nothing
  --help          print this text`;

/** `undefined` if help is requested. */
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
