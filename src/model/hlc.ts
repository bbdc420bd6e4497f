// Hybrid logical clock (Kulkarni, Demirbas, Madappa, Avva, Leone: "Logical Physical Clocks", 2014).
// A stamp is one safe integer, milliseconds since 1970 times 1024 plus a counter, so stamps compare
// with `<`. When the counter overflows it carries into the milliseconds, which keeps the stamp
// monotone; the form lasts until the year 2248. Every stamp that a clock issues is even: the odd
// one after it is for the delete of that version alone (`stampBehind`), which is older than any
// stamp of a replica that had seen the version.
//
// Invariants:
// (1) a stamp issued here is larger than every stamp issued or witnessed before;
// (2) the clock never moves further ahead of the wall clock than the drift bound because of a stamp
//     from another replica;
// (3) it starts above the floor in storage, so a wall clock that jumped back repeats no stamp.

import { assert } from '../base/assert.ts';

declare const brand: unique symbol;
export type Hlc = number & { readonly [brand]?: 'Hlc' };

const TICKS_PER_MS = 1024;
/** 2200-01-01 UTC, the last valid stamp; until the end of the form there is room to count on. */
export const HLC_MAX: Hlc = 7_258_118_400_000 * TICKS_PER_MS;

export interface HybridClock {
  /** The last stamp issued or witnessed. */
  readonly last: Hlc;
  /** A stamp for an event of this replica. */
  tick(wallMs: number): Hlc;
  /**
   * Witnesses a stamp of another replica; false, without effect, if that would exceed the drift
   * bound.
   */
  witness(stamp: Hlc, wallMs: number): boolean;
  /** Too far ahead to be witnessed. */
  isAhead(stamp: Hlc, wallMs: number): boolean;
  /**
   * Raises the floor to a stamp that this replica has stored: it was once accepted, so it has no
   * drift bound. A stamp beyond `HLC_MAX` has no effect.
   */
  raise(stamp: Hlc): void;
}

export function createHybridClock(driftMaxMs: number): HybridClock {
  let last: Hlc = 0;
  return {
    get last() {
      return last;
    },
    tick(wallMs) {
      const physical = hlcFromMs(wallMs);
      const before = last;
      last = physical > last ? physical : last + 2 - (last % 2);
      assert(Number.isSafeInteger(last), 'hlc: out of range');
      assert(last > before, 'hlc (1): a stamp is larger than all before it');
      assert(last % 2 === 0, 'hlc: a stamp of a clock is even');
      return last;
    },
    witness(stamp, wallMs) {
      if (this.isAhead(stamp, wallMs)) return false;
      if (stamp > last) last = stamp;
      return true;
    },
    isAhead(stamp, wallMs) {
      return stamp > last && stamp > hlcFromMs(wallMs + driftMaxMs);
    },
    raise(stamp) {
      if (stamp > last && stamp <= HLC_MAX) last = stamp;
    },
  };
}

export function hlcFromMs(wallMs: number): Hlc {
  return Math.floor(wallMs) * TICKS_PER_MS;
}

/** The physical part, in milliseconds since 1970. */
export function hlcToMs(stamp: Hlc): number {
  return Math.floor(stamp / TICKS_PER_MS);
}
