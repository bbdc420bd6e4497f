// What a write asks of the record that its key holds here.

import type { Condition } from './command.ts';
import { hlcToMs } from './hlc.ts';
import { formatDot } from './id.ts';
import { compareVersions, type Record, type Version } from './record.ts';

export function holds(condition: Condition, live: Record | undefined): boolean {
  switch (condition.kind) {
    case 'match-any':
      return live !== undefined;
    case 'absent':
      return live === undefined;
    case 'match':
      return live !== undefined && condition.versions.includes(formatDot(live.origin, live.seq));
    case 'unmodified-since':
      return live === undefined || Math.floor(hlcToMs(live.hlc) / 1000) * 1000 <= condition.dateMs;
    case 'none-match':
      return live === undefined || !condition.versions.includes(formatDot(live.origin, live.seq));
  }
}

/** Why one of them does not hold. */
export function precondition(live: Record | undefined): string {
  return live === undefined
    ? 'the key holds no value'
    : `the key holds version ${formatDot(live.origin, live.seq)}`;
}

export function isNewer(record: Record | undefined, version: Version): record is Record {
  return record !== undefined && compareVersions(record, version) > 0;
}
