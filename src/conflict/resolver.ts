// How versions of one key that were written without knowledge of each other become one record: one
// resolver for each conflict rule.
//
// Laws that every resolver is tested for (test/contract/resolver.contract.ts):
// (1) `merge` is commutative, associative and idempotent, so replicas that saw the same mutations
//     hold the same record, in whatever order and however often these arrived.
// (2) `includes` is the order that belongs to it: it holds exactly if merging the right record into
//     the left changes nothing.
// (3) Both are total: they accept any two records, and never throw.
// (4) If the merge equals one of the two records, it returns that very record, so nothing is
//     encoded a second time.

import type { Outline, Record } from '../model/record.ts';

export interface Resolver {
  /** The record of a replica that has seen everything of both. */
  readonly merge: (left: Record, right: Record) => Record;
  /** `left` contains everything in `right`, or what replaced it. */
  readonly includes: (left: Outline, right: Outline) => boolean;
  /** Each contains the other. */
  readonly isSame: (left: Outline, right: Outline) => boolean;
  /** The merge lost something that the writer of the winner had not seen. */
  readonly isConflict: (winner: Record, loser: Record) => boolean;
}
