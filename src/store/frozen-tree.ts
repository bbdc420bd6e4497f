// A copy of the leaves of the hash tree for a stated vector, while the tree itself keeps changing:
// the entries up to the vector are merged into the copy as they arrive, and nothing else. Two
// replicas that have brought their copies to the same vector can compare them, however much either
// is written to (tree-cut.ts).
//
// The merge of all entries up to a vector does not depend on their order, so two copies for the
// same vector are equal if no replica has lost anything. Merging an entry needs the record of its
// key in the copy. That is the record in the table, unless it has changed since: changed records
// are remembered here, from the first change on.
//
//   moving   entries up to the vector are missing
//   there    it represents the vector; a later one can be named, until the copy is made final
//   lost     it represents no vector any more: too much has changed, an entry is no longer in
//            memory, or the tree was wrong
//
// Bounds: 128 KiB of leaves, the records of CHANGES_MAX changed keys, ENTRIES_MAX entries in one
// step.

import { assert } from '../base/assert.ts';
import type { Key, NamespaceName } from '../model/id.ts';
import type { Position } from '../model/message.ts';
import { type Mutation, type Outline, outlineOf, type Record, recordOf } from '../model/record.ts';
import {
  dominates,
  mergeVector,
  type ReadonlyVector,
  seqOf,
  type Vector,
} from '../model/vector.ts';
import { includes } from '../conflict/merge.ts';
import type { Lane } from './lane.ts';
import { positionOf } from './layout.ts';
import { type Leaves, leafOf } from './leaves.ts';
import type { Log } from './log.ts';
import type { RecordName } from './record-index.ts';

/** The record of a key in the table. */
interface Shows {
  read(
    namespace: NamespaceName,
    key: Key,
  ): { readonly record: Record | undefined; readonly damaged: boolean };
}

export type FrozenState = 'moving' | 'there' | 'lost';

const CHANGES_MAX = 32_768;
const ENTRIES_MAX = 1024;

export class FrozenTree {
  readonly leaves: Leaves;
  /** Entries up to here are merged. */
  readonly #at: Vector;
  readonly #vector: Vector;
  /** The records of changed keys as the copy has them, from the table or from entries. */
  readonly #shown = new Map<Position, Outline | undefined>();
  #isLost = false;
  #rests = false;

  /** `leaves` is the copy's own array, with the entries up to `heads` merged. */
  constructor(leaves: Leaves, heads: ReadonlyVector) {
    this.leaves = leaves;
    this.#at = new Map(heads);
    this.#vector = new Map(heads);
  }

  /** The vector that it represents once it is `there`. */
  get vector(): ReadonlyVector {
    return this.#vector;
  }

  /** there, moving -> moving. The copy has to reach `vector` as well. */
  raise(vector: ReadonlyVector): void {
    assert(!this.#rests, 'frozen tree: its vector was the last');
    mergeVector(this.#vector, vector);
  }

  /** The vector is reached and final: later changes of the table no longer matter to this copy. */
  rest(): void {
    assert(!this.#isLost, 'frozen tree: one that is lost stands for nothing');
    this.#rests = true;
    this.#shown.clear();
  }

  // * -> lost
  lose(): void {
    this.#isLost = true;
    this.#shown.clear();
  }

  /** The table showed `before` under this name until now. */
  onChange(name: RecordName, before: Record | undefined): void {
    if (this.#isLost || this.#rests) return;
    const position = positionOf(name);
    if (this.#shown.has(position)) return;
    if (this.#shown.size >= CHANGES_MAX) this.lose();
    else this.#shown.set(position, before && outlineOf(before));
    assert(this.#shown.size <= CHANGES_MAX, 'frozen tree: what has changed is bounded');
  }

  /** Merges the arrived entries of its vector. */
  advance(log: Log, table: Shows): FrozenState {
    assert(this.#isLost || dominates(this.#vector, this.#at), 'frozen tree: not beyond its vector');
    let left = ENTRIES_MAX;
    let isThere = true;
    for (const [origin, upTo] of this.#vector) {
      const at = seqOf(this.#at, origin);
      if (this.#isLost || at >= upTo) continue;
      const lane = log.lane(origin);
      const end = Math.min(upTo, lane?.received ?? 0, at + left);
      if (lane !== undefined && end > at) this.#take(lane, at, end, table);
      left -= Math.max(end - at, 0);
      assert(left >= 0, 'frozen tree: a turn merges so many entries');
      if (end < upTo) isThere = false;
    }
    if (this.#isLost) return 'lost';
    return isThere ? 'there' : 'moving';
  }

  #take(lane: Lane, at: number, end: number, table: Shows): void {
    assert(end > at, 'frozen tree: forwards');
    if (lane.tailFrom > at + 1) return this.lose();
    for (let seq = at + 1; seq <= end; seq++) this.#merge(lane.at(seq), table);
    this.#at.set(lane.id, end);
  }

  #merge(entry: Mutation, table: Shows): void {
    const position = positionOf(entry);
    let shown = this.#shown.get(position);
    if (shown === undefined && !this.#shown.has(position)) {
      const { record, damaged } = table.read(entry.namespace, entry.key);
      if (damaged) return this.lose();
      shown = record;
    }
    const record = recordOf(entry);
    if (includes(shown, record)) return;
    const leaf = leafOf(entry.namespace, entry.key);
    this.leaves.toggle(leaf, shown);
    this.leaves.toggle(leaf, record);
    this.#shown.set(position, outlineOf(record));
  }
}
