// One part of the crash and disk programme: its name, the size of a default run, and its result.

import type { Prng } from '../../src/base/prng.ts';

export interface Scene {
  /** How often it strikes. */
  readonly rounds: number;
  readonly seed: number;
  readonly prng: Prng;
  /** The part's own, on the disk; kept when something was found. */
  readonly folder: string;
  /** The same in memory where there is such a place: out of reach of what happens to the disk. */
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
  /** Why it cannot run on this machine. */
  readonly obstacle?: () => string | undefined;
  run(scene: Scene): Promise<Result>;
}
