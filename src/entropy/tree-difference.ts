// What two replicas hold under one key, and whether that is a difference. At a cut that both have reached, a version that
// both vectors cover must be on both sides, or a newer one: what lacks it has lost it in silence.
//
// No difference are: damage, which is healed by itself; a tombstone on one side and nothing on the other, because who has
// dropped it was allowed to; and a version that the other side has not received yet.

import type { Dot } from '../model/id.ts';
import type { StoredKey } from '../model/message.ts';
import { compareVersions, type Version } from '../model/record.ts';

export interface Difference {
  readonly ours: StoredKey | undefined;
  readonly theirs: StoredKey | undefined;
  /** Who has lost the newer one. */
  readonly lacks: 'here' | 'there';
}

/** Whether the vectors of this replica and of the peer cover a dot. */
export interface Coverage {
  readonly here: (dot: Dot) => boolean;
  readonly there: (dot: Dot) => boolean;
}

export function differenceOf(
  ours: StoredKey | undefined,
  theirs: StoredKey | undefined,
  covered: Coverage,
): Difference | undefined {
  if (ours?.state === 'damaged' || theirs?.state === 'damaged') return undefined;
  const order = compare(ours, theirs);
  if (order === 0) return undefined;
  const [newer, older] = order < 0 ? [theirs, ours] : [ours, theirs];
  if (newer === undefined || (older === undefined && newer.state === 'deleted')) return undefined;
  const lacks = order < 0 ? 'here' : 'there';
  return covered[lacks](dotOf(newer)) ? { ours, theirs, lacks } : undefined;
}

/** The same two versions: nothing has moved since the first look. */
export function isSameDifference(one: Difference, other: Difference): boolean {
  return compare(one.ours, other.ours) === 0 && compare(one.theirs, other.theirs) === 0;
}

function compare(left: StoredKey | undefined, right: StoredKey | undefined): number {
  if (left === undefined || right === undefined)
    return (left === undefined ? 0 : 1) - (right === undefined ? 0 : 1);
  return compareVersions(left as Version, right as Version);
}

function dotOf(stored: StoredKey): Dot {
  return stored as Dot;
}
