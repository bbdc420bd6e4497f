// One part of the crash and disk programme: what it is called, how much of it a default run does, and what came of it.

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
  /** What was wrong for a while, and mended by the replicas themselves; it is told each time and fails nothing. */
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
