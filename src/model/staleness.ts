// How stale an answer may be. The bound grows while an answer waits.

/** A proved upper bound in ms on the age of what the answer may lack. */
export type Staleness = number | 'unknown';

/** The bound of an answer that was taken `ms` ago. */
export function aged(staleness: Staleness, ms: number): Staleness {
  return staleness === 'unknown' ? staleness : staleness + ms;
}
