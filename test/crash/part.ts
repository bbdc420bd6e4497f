// One part of the crash and disk programme: its name, the size of a default run, and its result.

import type { Prng } from '../../src/base/prng.ts';

export interface Scene {
  /** The number of strikes. */
  readonly rounds: number;
  readonly seed: number;
  readonly prng: Prng;
  /** A folder of the part on the disk, which is kept if something was found. */
  readonly folder: string;
  /** A folder in memory, if there is such a place: faults of the disk do not reach it. */
  readonly memory: string;
}

export interface Result {
  /** What was done, in counts. */
  readonly told: string;
  /** Empty: passed. */
  readonly findings: readonly string[];
  /** Temporary faults that the replicas repaired themselves; they are reported and fail nothing. */
  readonly passing?: readonly string[];
}

export interface Part {
  readonly name: string;
  readonly about: string;
  readonly roundsDefault: number;
  /** Why the part cannot run on this machine. */
  readonly obstacle?: () => string | undefined;
  run(scene: Scene): Promise<Result>;
}
