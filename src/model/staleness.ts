// How stale an answer may be. The bound grows while an answer waits.

import { type Fault, fault } from './fault.ts';

/** A proved upper bound in ms on the age of what the answer may lack. */
export type Staleness = number | 'unknown';

/** The bound of an answer that was taken `ms` ago. */
export function aged(staleness: Staleness, ms: number): Staleness {
  return staleness === 'unknown' ? staleness : staleness + ms;
}

export function isWithin(staleness: Staleness, boundMs: number): boolean {
  return staleness !== 'unknown' && staleness <= boundMs;
}

/** The reply to a request whose bound is not met. */
export function boundFault(staleness: Staleness, boundMs: number): Fault {
  const proved = staleness === 'unknown' ? 'nothing' : `${Math.ceil(staleness)} ms`;
  const detail = `the answer may be at most ${boundMs} ms stale, and this replica proves ${proved}; ask another, or again`;
  return fault('bound-unmet', detail, { retryAfterMs: 1000 });
}
