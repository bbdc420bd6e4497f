// A bound of staleness grows while an answer waits.

import type { Staleness } from './command.ts';

/** The bound of an answer that was taken `ms` ago. */
export function aged(staleness: Staleness, ms: number): Staleness {
  return staleness === 'unknown' ? staleness : staleness + ms;
}
