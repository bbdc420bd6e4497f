// The verbs that merge and compare records: each calls the resolver that the record's form names.

import type { ConflictRule } from '../model/policy.ts';
import { latestOf, type Outline, type Record, type Version } from '../model/record.ts';
import { lww } from './lww.ts';
import type { Resolver } from './resolver.ts';
import { compareVersions } from './version-order.ts';

/** The rules that are built. */
export const resolvers = { lww } satisfies Partial<{ [rule in ConflictRule]: Resolver }>;

/** The merge of `right` into `left`; the same record if nothing changes. */
export function merge(left: Record | undefined, right: Record): Record {
  return left === undefined ? right : resolvers.lww.merge(left, right);
}

/** True if merging `right` would change nothing. */
export function includes(left: Outline | undefined, right: Outline): boolean {
  return left !== undefined && resolvers.lww.includes(left, right);
}

export function isSame(left: Outline | undefined, right: Outline): boolean {
  return left !== undefined && resolvers.lww.isSame(left, right);
}

/** True if the merge lost something that the writer of the winner had not seen. */
export function isConflict(winner: Record, loser: Record): boolean {
  return resolvers.lww.isConflict(winner, loser);
}

/** True if it has a version that is newer than this one. */
export function isNewer(record: Record | undefined, version: Version): boolean {
  return record !== undefined && compareVersions(latestOf(record), version) > 0;
}
