// The conditions of a write on the record that its key has here.

import type { Condition } from './command.ts';
import { hlcToMs } from './hlc.ts';
import { formatDot } from './id.ts';
import { latestOf, type Record, stampOf } from './record.ts';

export function holds(condition: Condition, live: Record | undefined): boolean {
  switch (condition.kind) {
    case 'match-any':
      return live !== undefined;
    case 'absent':
      return live === undefined;
    case 'match':
      return live !== undefined && condition.versions.includes(versionIn(live));
    case 'unmodified-since':
      return (
        live === undefined || Math.floor(hlcToMs(stampOf(live)) / 1000) * 1000 <= condition.dateMs
      );
    case 'none-match':
      return live === undefined || !condition.versions.includes(versionIn(live));
  }
}

/** Why one of them does not hold. */
export function precondition(live: Record | undefined): string {
  return live === undefined ? 'the key holds no value' : `the key holds version ${versionIn(live)}`;
}

/** The version by which clients name the value. */
function versionIn(live: Record): string {
  const { origin, seq } = latestOf(live);
  return formatDot(origin, seq);
}
