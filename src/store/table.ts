// The records of this replica, the merge of everything received: each change goes into the memory
// in front of storage (cells.ts), the hash tree (tree.ts) and the index of tombstones and deadlines
// (record-index.ts) together, and into the turn's batch.
//
// Four verbs add a record. They differ in what is known of it:
//
//   merge     it is an entry of a log, or the record of one
//   admit     it arrived another way (a repair, a snapshot, an answer): merged, unless it was
//             deleted here (absence.ts)
//   heal      the record here is damaged, and nothing newer was here
//   recover   this replica had it and lost it without an error, so its absence here is no delete
//
// `drop` removes one. `rewriteLost` changes no record: it writes records in memory again that
// storage has lost.

import { assert } from '../base/assert.ts';
import type { Outbox } from '../model/effect.ts';
import { decodeRecord } from '../model/encoding.ts';
import type { Hlc } from '../model/hlc.ts';
import type { Key, NamespaceName } from '../model/id.ts';
import type { Metrics } from '../model/metrics.ts';
import { type PointRead, UNREADABLE } from '../model/port.ts';
import type { Record } from '../model/record.ts';
import { includes, isConflict, isSame, merge } from '../conflict/merge.ts';
import { type Cell, Cells } from './cells.ts';
import { sealStamp, unsealStamp } from './envelope.ts';
import { metaKey, recordKey } from './layout.ts';
import { leafOf } from './leaves.ts';
import type { RecordIndex, RecordName } from './record-index.ts';
import type { HashTree } from './tree.ts';

/**
 * `lost`: the key has a newer version; `known`: it has this version; `damaged`: its record is
 * unreadable.
 */
export type Merged = 'won' | 'lost' | 'known' | 'damaged';

const FORGOTTEN = metaKey('forgotten');

/** No dropped delete is newer; an unreadable record leaves this open. */
export function readForgotten(stored: PointRead): Hlc {
  if (stored === undefined) return 0;
  return unsealStamp(stored) ?? Number.MAX_SAFE_INTEGER;
}

export function forgottenMark(): Uint8Array {
  return FORGOTTEN;
}

export class Table {
  /** The memory in front of storage. */
  readonly cells: Cells;
  readonly #get: (key: Uint8Array) => PointRead;
  readonly #metrics: Metrics;
  readonly #tree: HashTree;
  readonly #index: RecordIndex;
  #forgotten: Hlc | undefined;

  constructor(
    get: (key: Uint8Array) => PointRead,
    cacheBytes: number,
    metrics: Metrics,
    index: RecordIndex,
    tree: HashTree,
  ) {
    this.cells = new Cells(get, cacheBytes, metrics);
    this.#get = get;
    this.#index = index;
    this.#metrics = metrics;
    this.#tree = tree;
  }

  read(namespace: NamespaceName, key: Key): Cell {
    return this.cells.read(namespace, key);
  }

  /**
   * Merges a record, and counts lost versions that the winner's writer had not seen. Nothing can be
   * merged into a damaged record, because it is unknown which of the two is newer: the record waits
   * until the damaged one is healed.
   */
  merge(record: Record, out: Outbox): Merged {
    const { record: current, damaged } = this.read(record.namespace, record.key);
    if (damaged) return 'damaged';
    if (current === undefined) return this.#replace(current, record, out);
    if (isSame(current, record)) return 'known';
    const isOlder = includes(current, record);
    if (isOlder ? isConflict(current, record) : isConflict(record, current))
      this.#metrics.conflictsLww++;
    return isOlder ? 'lost' : this.#replace(current, merge(current, record), out);
  }

  /**
   * Merges a record that this replica had and lost without an error, which a comparison of trees
   * has confirmed twice: its absence here is no delete. A record that is as new or newer stays.
   */
  recover(record: Record, out: Outbox): Merged {
    const { record: current, damaged } = this.read(record.namespace, record.key);
    if (damaged) return 'damaged';
    if (includes(current, record)) return isSame(current, record) ? 'known' : 'lost';
    return this.#replace(current, merge(current, record), out);
  }

  /**
   * Replaces a damaged record; the caller knows that nothing newer was there. The damaged record's
   * term in the tree is unknown, so the tree is in doubt.
   */
  heal(record: Record, out: Outbox): void {
    assert(
      this.read(record.namespace, record.key).damaged,
      'table: only what is damaged is healed',
    );
    this.#tree.distrust(out);
    this.#index.ensure(record, out);
    this.#show(undefined, record, out);
  }

  /**
   * Removes a record that, as the caller knows, was deleted by a delete not newer than `deleted`.
   * The record may be damaged. The newest dropped delete is remembered: a missing record that is
   * newer was lost.
   */
  drop(name: RecordName, deleted: Hlc, out: Outbox): void {
    this.#forgotten ??= readForgotten(this.#get(FORGOTTEN));
    if (deleted > this.#forgotten) {
      this.#forgotten = deleted;
      out.put(FORGOTTEN, sealStamp(deleted));
    }
    assert(this.#forgotten >= deleted, 'table: how new a delete was forgotten is remembered');
    const { record, damaged } = this.read(name.namespace, name.key);
    if (damaged) this.#tree.distrust(out);
    else this.#tree.onChange(name, record, undefined);
    this.#index.move(record, undefined, out);
    this.cells.remove(name, out);
  }

  /**
   * Storage has lost records under these leaves: those still in memory are written again. The tree
   * has counted what storage contains. Returns how many records were restored.
   */
  rewriteLost(leaves: ReadonlySet<number>, out: Outbox): number {
    const isUnder = ({ namespace, key }: Record): boolean => leaves.has(leafOf(namespace, key));
    const held = [...this.cells.durableInMemory()].filter(isUnder);
    return held.filter((record) => this.#rewriteIfLost(record, out)).length;
  }

  #rewriteIfLost(record: Record, out: Outbox): boolean {
    const bytes = this.#get(recordKey(record.namespace, record.key));
    if (bytes === UNREADABLE) return false;
    const stored = bytes === undefined ? undefined : decodeRecord(bytes);
    if (bytes !== undefined && stored === undefined) return false;
    if (includes(stored, record)) return false;
    this.#index.ensure(record, out);
    this.#show(stored, record, out);
    return true;
  }

  #replace(before: Record | undefined, record: Record, out: Outbox): 'won' {
    assert(before !== record, 'table: a record is replaced by another one');
    this.#index.move(before, record, out);
    this.#show(before, record, out);
    return 'won';
  }

  #show(before: Record | undefined, record: Record, out: Outbox): void {
    this.#tree.onChange(record, before, record);
    this.cells.put(record, out);
  }
}
