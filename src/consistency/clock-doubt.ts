// What a client is told where the clock of this replica is in doubt: nothing was written, and who has to do what.

import type { ClockState } from '../model/clock.ts';

/** Why nothing is stamped. */
export interface Doubt {
  readonly code: 'clock-drift' | 'catching-up';
  readonly detail: string;
  readonly retryAfterMs: number;
}

export const NOTHING_WRITTEN = 'nothing was written; write at another replica';
export const FOLLOWS = 'this replica has stamped, or follows, what is ahead of the agreed clock by';

export function doubtOf(state: ClockState, aheadMs: number): Doubt {
  if (state === 'measuring') {
    const detail = 'the clock of this replica has not been compared with its peers yet';
    return { code: 'catching-up', detail, retryAfterMs: 1000 };
  }
  const apart = `is ${Math.abs(aheadMs / 1000).toFixed(3)} s ${aheadMs > 0 ? 'ahead of' : 'behind'}`;
  const detail =
    state === 'disputed'
      ? `the clocks of this replica and its peers differ, and no majority tells which is right; ${SET_RIGHT}`
      : `the clock of this replica ${apart} that of a majority; ${NOTHING_WRITTEN}, or ${SET_RIGHT}`;
  return { code: 'clock-drift', detail, retryAfterMs: 1000 };
}

const SET_RIGHT = 'set the clock right';
