// The versions of one key at two replicas, and whether they are a difference. At a cut that both
// have reached, a version that the cut covers, or a newer one, must be on both sides: a side that
// lacks it has lost it without an error. Both lists are read after both replicas have reached the
// cut, so any other difference arose later.
//
// Not a difference: damage, which is healed by itself; and a tombstone on one side and nothing on
// the other, because the other side was allowed to drop it. A version that the cut does not cover
// proves nothing: its entry may be on its way.

import type { Dot } from '../model/id.ts';
import type { Position, StoredKey } from '../model/message.ts';
import type { Version } from '../model/record.ts';
import { covers, type ReadonlyVector } from '../model/vector.ts';
import { compareVersions } from '../conflict/version-order.ts';

export interface Difference {
  readonly ours: StoredKey | undefined;
  readonly theirs: StoredKey | undefined;
  /** The side that lacks the newer one. */
  readonly lacks: 'here' | 'there';
  /** By the cut: the side that lacks it has lost it. */
  readonly isCovered: boolean;
}

export function differenceOf(
  ours: StoredKey | undefined,
  theirs: StoredKey | undefined,
  cut: ReadonlyVector,
): Difference | undefined {
  if (ours?.state === 'damaged' || theirs?.state === 'damaged') return undefined;
  const order = compare(ours, theirs);
  if (order === 0) return undefined;
  const [newer, older] = order < 0 ? [theirs, ours] : [ours, theirs];
  if (newer === undefined || (older === undefined && newer.state === 'deleted')) return undefined;
  const lacks = order < 0 ? 'here' : 'there';
  return { ours, theirs, lacks, isCovered: covers(cut, dotOf(newer)) };
}

/** The same two versions at both cuts, and at one of the cuts one of them was lost. */
export function isConfirmed(before: Difference, difference: Difference): boolean {
  return before.isCovered && difference.isCovered && isSame(before, difference);
}

/**
 * A key has shown, in either comparison, why leaves may differ. Entries on their way never show the
 * same twice.
 */
export function isAccountedFor(
  seen: ReadonlyMap<Position, Difference>,
  found: ReadonlyMap<Position, Difference>,
): boolean {
  for (const { isCovered } of seen.values()) if (isCovered) return true;
  for (const [position, difference] of found) {
    const before = seen.get(position);
    if (difference.isCovered || (before && isSame(before, difference))) return true;
  }
  return false;
}

function isSame(one: Difference, other: Difference): boolean {
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
