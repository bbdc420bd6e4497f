// The command line. An unknown word is refused, and every number has a bound.

import { parseArgs } from 'node:util';
import { type FaultKind, faultKinds } from './nemesis/nemesis.ts';
import { type WorkloadName, workloadNames } from './workloads.ts';
import { wholeNumber } from '../support/program.ts';

export interface Options {
  readonly seconds: number;
  readonly seed: number;
  readonly workloads: readonly WorkloadName[];
  readonly faults: readonly FaultKind[];
  /** Where histories are kept; those of failed cells are always kept. */
  readonly keep: string | undefined;
}

const SECONDS_DEFAULT = 20;

export const usage = `npm run test:faults -- [options]
Runs every workload under every fault against processes with real links and clocks, and judges what the
clients saw as the simulation does. Takes minutes.

  --seconds N   seconds of each cell, 10 to 3600 (${SECONDS_DEFAULT})
  --only A,B    of the workloads ${workloadNames.join(', ')}
                and the faults ${faultKinds.join(', ')}
  --seed N      every choice of clients and faults comes from it (the clock)
  --keep DIR    keep the histories of all cells there
  --help        this text`;

/** `undefined` if help is requested. */
export function parseOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: `${SECONDS_DEFAULT}` },
      only: { type: 'string' },
      seed: { type: 'string', default: `${Date.now() % 1_000_000}` },
      keep: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const only = values.only?.split(',') ?? [];
  const stranger = only.find((word) => !isOf(workloadNames, word) && !isOf(faultKinds, word));
  if (stranger !== undefined) throw new Error(`--only does not know ${stranger}`);
  return {
    seconds: wholeNumber(values.seconds, 'seconds', 10, 3600),
    seed: wholeNumber(values.seed, 'seed', 0, 2 ** 32),
    workloads: chosen(workloadNames, only),
    faults: chosen(faultKinds, only),
    keep: values.keep,
  };
}

/** The named ones; all if none is named. */
function chosen<T extends string>(all: readonly T[], only: readonly string[]): readonly T[] {
  const named = all.filter((word) => only.includes(word));
  return named.length === 0 ? all : named;
}

function isOf(words: readonly string[], word: string): boolean {
  return words.includes(word);
}
