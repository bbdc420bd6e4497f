// The point at which two replicas are compared: a cut is a vector that both have agreed on, and a
// copy of the hash tree for exactly that vector (store/frozen-tree.ts). Writes may continue
// meanwhile.
//
//   asker                                peer
//     --- tree-cut-request --------------->   freezes its tree
//     <-- tree-cut, with its vector -------   as soon as the copy has reached it, durably freezes
//   its tree; the two vectors together are the cut
//     --- tree-request, with the cut ----->   as soon as the copy has reached it, durably
//     <-- tree-reply, with digests --------   once its copy has reached it, too; else `waiting`
//
// Why equal digests mean that both hold the same at the cut, whatever is in progress:
//
//   writes on their way     What the cut covers has arrived at both before they compare; what it
//                           does not cover is in neither copy, though both tables may show it.
//   deletes, expiry         Writes like any other. A tombstone is not in a tree, so one that was
//                           dropped on one side is no difference; no replica drops one before all
//                           have the delete.
//   merged by repair        A record that arrived before its entry is in the copy, so the vector of
//                           the copy covers it as well, and the copy reaches its vector when the
//                           entries up to there have arrived.
//   not durable yet         A vector is sent, and compared, only when all of it is durable here.
//   mending                 A record that was restored while the copy is in use is missing there:
//                           that shows as a difference, as it should, and the next round is equal.
//   lost or restored disks  A replica that may have lost records compares with no peer until it has
//                           returned; the end of a connection ends the comparison. Incarnations are
//                           origins of their own, and a cut may contain those that are new here.
//   doubt, snapshots        A tree that is found wrong invalidates its copies. So does a log that
//                           jumps: an entry that is not in memory cannot be merged.
//
// A difference of the digests at a cut was therefore lost on one side, or a tree is wrong
// (tree-walk.ts).

import { assert } from '../base/assert.ts';
import type { TreeReply } from '../model/message.ts';
import type { Digest } from '../model/record.ts';
import {
  type ReadonlyVector,
  type VectorEntries,
  countMissing,
  dominates,
  mergeVector,
} from '../model/vector.ts';
import type { Absence } from '../store/absence.ts';
import type { FrozenTree } from '../store/frozen-tree.ts';
import type { Leaves } from '../store/leaves.ts';
import type { Log } from '../store/log.ts';
import type { Table } from '../store/table.ts';
import type { HashTree } from '../store/tree.ts';

export interface CutOptions {
  readonly tree: HashTree;
  readonly log: Log;
  readonly table: Table;
  readonly absence: Absence;
  /** The tree can be compared. */
  readonly isFit: () => boolean;
}

/** Whether a copy has reached its vector: not yet, or never. */
export type CutState = TreeReply['answer'];

/**
 * If two replicas are further apart than this, in entries, the stream must bring them nearer first.
 */
export const APART_ENTRIES_MAX = 8192;

/** This replica's side of a cut. */
export class Cut {
  readonly #options: CutOptions;
  readonly #frozen: FrozenTree;
  #isFixed = false;
  #isOver = false;

  constructor(options: CutOptions) {
    const { tree, log, absence } = options;
    this.#options = options;
    this.#frozen = tree.freeze(log.appliedVector());
    this.#frozen.raise(absence.ahead());
    this.#frozen.raise(log.shownBeyond());
  }

  /** The vector that it must reach. */
  get vector(): ReadonlyVector {
    return this.#frozen.vector;
  }

  get leaves(): Leaves {
    return this.#frozen.leaves;
  }

  /** Both vectors are known. */
  get isFixed(): boolean {
    return this.#isFixed;
  }

  /**
   * The asker has heard the peer's vector: the two together are the cut. False if they are too far
   * apart.
   */
  join(theirs: VectorEntries): boolean {
    assert(!this.#isOver && !this.#isFixed, 'tree cut: it is joined once');
    const cut = new Map(this.vector);
    mergeVector(cut, new Map(theirs));
    return this.#fix(cut);
  }

  /**
   * The peer learns the cut, which includes its own vector. Repeating the same cut is harmless; a
   * different one is refused.
   */
  agree(entries: VectorEntries): boolean {
    const cut = new Map(entries);
    return dominates(cut, this.vector) && this.#fix(cut);
  }

  /** Everything up to the cut is durable here, too. */
  advance(): CutState {
    const { log, table, isFit } = this.#options;
    if (this.#isOver || !isFit()) return 'unknown';
    const state = this.#frozen.advance(log, table);
    if (state === 'lost') return 'unknown';
    if (state === 'there' && this.#isFixed) this.#frozen.rest();
    return state === 'there' && dominates(log.durable, this.vector) ? 'known' : 'waiting';
  }

  /** The copy is released; the vector stays. */
  end(): void {
    if (!this.#isOver) this.#options.tree.release(this.#frozen);
    this.#isOver = true;
  }

  #fix(cut: ReadonlyVector): boolean {
    if (this.#isFixed) return dominates(this.vector, cut);
    if (countMissing(this.#options.log.durable, cut) > APART_ENTRIES_MAX) return false;
    assert(dominates(cut, this.vector), 'tree cut: it includes the vector of this replica');
    this.#isFixed = true;
    this.#frozen.raise(cut);
    return true;
  }
}

export function isSameDigest(left: Digest, right: Digest): boolean {
  return left[0] === right[0] && left[1] === right[1];
}
