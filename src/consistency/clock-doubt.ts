// The answer to a client while the clock of this replica is in doubt: it says that nothing was
// written, and what the operator has to do.

import type { ClockState } from '../model/clock.ts';
import type { Now } from '../model/effect.ts';
import { hlcToMs, type HybridClock } from '../model/hlc.ts';
import type { Settings } from '../model/settings.ts';
import type { AgreedClock } from './agreed-clock.ts';

/** Why no write is stamped. */
export interface Doubt {
  readonly code: 'clock-drift' | 'catching-up';
  readonly detail: string;
  readonly retryAfterMs: number;
}

export interface StampOptions {
  readonly agreed: AgreedClock;
  readonly clock: HybridClock;
  readonly settings: Settings;
}

const NOTHING_WRITTEN = 'nothing was written; write at another replica';
const FOLLOWS = 'this replica has stamped, or follows, what is ahead of the agreed clock by';

/** Why nothing can be stamped now; `undefined` if it can. */
export function stampDoubt(
  { agreed, clock, settings }: StampOptions,
  { wallMs }: Now,
): Doubt | undefined {
  if (!agreed.isTrusted) return doubtOf(agreed.state, agreed.aheadMs);
  const aheadMs = hlcToMs(clock.last) - wallMs;
  // A replica that is configured as the only member has no peer that the stamp could affect.
  if (aheadMs <= settings.clockDriftMaxMs || settings.members.length === 1) return undefined;
  const detail = `${FOLLOWS} ${Math.ceil(aheadMs)} ms; ${NOTHING_WRITTEN}`;
  return { code: 'clock-drift', detail, retryAfterMs: Math.ceil(aheadMs) };
}

function doubtOf(state: ClockState, aheadMs: number): Doubt {
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
