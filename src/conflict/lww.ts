// Last-write-wins: a record is the mutation with the largest version; the others are dropped. A
// dropped version that the winner's writer had not seen is a conflict, and is counted.

import {
  latestOf,
  type Mutation,
  type Outline,
  type Record,
  type Version,
} from '../model/record.ts';
import type { Resolver } from './resolver.ts';
import { compareVersions } from './version-order.ts';

export const lww: Resolver = { merge, includes, isSame, isConflict };

function merge(left: Record, right: Record): Record {
  return includes(left, right) ? left : right;
}

function includes(left: Outline, right: Outline): boolean {
  return compareVersions(versionOf(left), versionOf(right)) >= 0;
}

function isSame(left: Outline, right: Outline): boolean {
  return compareVersions(versionOf(left), versionOf(right)) === 0;
}

function isConflict(winner: Record, loser: Record): boolean {
  return !hadSeen(latestOf(winner), versionOf(loser));
}

/** True if the writer of the mutation had seen the version that it replaced. */
function hadSeen(mutation: Mutation, replaced: Version): boolean {
  if (mutation.origin === replaced.origin) return mutation.seq > replaced.seq;
  return mutation.dependencies.some(
    (dot) => dot.origin === replaced.origin && dot.seq >= replaced.seq,
  );
}

/** Under this rule an outline is a version and its share of the hash tree's sums. */
function versionOf(record: Outline): Version {
  return record as unknown as Version;
}
