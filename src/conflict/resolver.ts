// How versions of one key that were written without knowledge of each other become one record: one resolver for each conflict
// rule.
//
// Laws, which every resolver is tested for (test/contract/resolver.contract.ts):
// (1) `merge` is commutative, associative and idempotent, so replicas that saw the same mutations hold the same record, in
//     whatever order and however often these came.
// (2) `includes` is the order that goes with it: it holds exactly where merging the right record into the left changes nothing.
// (3) Both are total: they answer for any two records, and never throw.
// (4) Where a merge gives what one of the two says, it gives that very record, so nothing is encoded a second time.

import type { Outline, Record } from '../model/record.ts';

export interface Resolver {
  /** What a key holds that has seen all of both. */
  readonly merge: (left: Record, right: Record) => Record;
  /** `left` has all that `right` says, or what replaced it. */
  readonly includes: (left: Outline, right: Outline) => boolean;
  /** Neither says anything that the other does not. */
  readonly isSame: (left: Outline, right: Outline) => boolean;
  /** Merging lost something that the writer of the winner had not seen. */
  readonly isConflict: (winner: Record, loser: Record) => boolean;
}
