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
import { encodedOf, isTombstone, type Record } from '../model/record.ts';
import { includes, isConflict, isSame, merge } from '../conflict/merge.ts';
import { type Cell, Cells } from './cells.ts';
import { type Census, weightOf } from './census.ts';
import { sealStamp, unsealStamp } from './envelope.ts';
import { metaKey, positionOf, recordKey } from './layout.ts';
import { leafOf } from './leaves.ts';
import type { RecordIndex, RecordName } from './record-index.ts';
import { RecordReads } from './record-reads.ts';
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
  /** Ranges of records, as this table shows them. */
  readonly reads: RecordReads;
  readonly #get: (key: Uint8Array) => PointRead;
  readonly #metrics: Metrics;
  readonly #tree: HashTree;
  readonly #index: RecordIndex;
  /** Leaves that the batch under way must write, because no log implies a record under them. */
  readonly #through = new Set<number>();
  #forgotten: Hlc | undefined;
  #isCopying = false;

  constructor(
    get: (key: Uint8Array) => PointRead,
    cacheBytes: number,
    metrics: Metrics,
    index: RecordIndex,
    tree: HashTree,
  ) {
    this.cells = new Cells(get, cacheBytes, metrics);
    this.reads = new RecordReads(this.cells);
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
    const cell = this.read(record.namespace, record.key);
    const { record: current } = cell;
    if (cell.damaged) return 'damaged';
    if (current === undefined) return this.#replace(cell, record, out);
    if (isSame(current, record)) return 'known';
    const isOlder = includes(current, record);
    if (isOlder ? isConflict(current, record) : isConflict(record, current))
      this.#metrics.conflictsLww++;
    return isOlder ? 'lost' : this.#replace(cell, merge(current, record), out);
  }

  /**
   * The same for a record that no log here implies: with the batch of this turn storage has what
   * the key then shows. That includes a record that was here and not in storage: while a snapshot
   * is copied, a replay may take its entry for a deleted one.
   */
  admit(record: Record, out: Outbox): Merged {
    const merged = this.merge(record, out);
    this.store(record, out);
    return merged;
  }

  /** With the batch of this turn storage has what the key shows. */
  store({ namespace, key }: RecordName, out: Outbox): void {
    const leaf = leafOf(namespace, key);
    const isStored = this.cells.dirty.find(leaf, namespace, key) === undefined;
    if (!isStored) this.#writeLeafNow(leaf, out);
  }

  /**
   * Merges a record that this replica had and lost without an error, which a comparison of trees
   * has confirmed twice: its absence here is no delete. A record that is as new or newer stays.
   */
  recover(record: Record, out: Outbox): Merged {
    const cell = this.read(record.namespace, record.key);
    const { record: current } = cell;
    if (cell.damaged) return 'damaged';
    if (includes(current, record)) return isSame(current, record) ? 'known' : 'lost';
    this.#replace(cell, merge(current, record), out);
    this.store(record, out);
    return 'won';
  }

  /**
   * Replaces a damaged record; the caller knows that nothing newer was there. The damaged record's
   * term in the tree is unknown, so the tree is in doubt.
   */
  heal(record: Record, out: Outbox): void {
    const cell = this.read(record.namespace, record.key);
    assert(cell.damaged, 'table: only what is damaged is healed');
    this.#tree.distrust(out);
    this.#index.ensure(record, out);
    this.#show(cell, record, out);
    this.store(record, out);
  }

  /** Writes what memory shows under a key over what storage holds. */
  rewrite({ namespace, key }: RecordName, out: Outbox): void {
    const cell = this.read(namespace, key);
    if (cell.record === undefined) return;
    const leaf = leafOf(namespace, key);
    this.cells.put(cell.record, leaf, cell, out);
    this.#writeLeafNow(leaf, out);
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
    const leaf = leafOf(name.namespace, name.key);
    if (damaged) this.#tree.distrust(out);
    else this.#tree.onChange(name, record, undefined);
    this.#index.move(record, undefined, out);
    const stored = this.cells.remove(name, leaf, out);
    this.#tree.onStored(name.namespace, stored ?? weightOf(record), 0);
    this.#onChange(name);
    if (record !== undefined && !isTombstone(record)) this.#writeLeafNow(leaf, out);
  }

  /**
   * Storage has lost records under these leaves: those still in memory are written again. The tree
   * has counted what storage contains. Returns how many records were restored.
   */
  rewriteLost(leaves: ReadonlySet<number>, out: Outbox): number {
    const isUnder = ({ namespace, key }: Record): boolean => leaves.has(leafOf(namespace, key));
    const held = [...this.cells.storedInMemory()].filter(isUnder);
    return held.filter((record) => this.#rewriteIfLost(record, out)).length;
  }

  #rewriteIfLost(record: Record, out: Outbox): boolean {
    const bytes = this.#get(recordKey(record.namespace, record.key));
    if (bytes === UNREADABLE) return false;
    const stored = bytes === undefined ? undefined : decodeRecord(bytes);
    if (bytes !== undefined && stored === undefined) return false;
    if (includes(stored, record)) return false;
    this.#index.ensure(record, out);
    this.#show({ record: stored, lsn: 0, damaged: false }, record, out);
    this.store(record, out);
    return true;
  }

  // ---- checkpoints

  get hasDirtyLeaves(): boolean {
    return this.#tree.hasDirty;
  }

  /** The leaves that have changed since the last call; all of them are to be written. */
  takeDirtyLeaves(): number[] {
    return this.#tree.takeDirty();
  }

  /** Adds a leaf and all its dirty records to the batch. Returns the bytes of these records. */
  writeLeaf(leaf: number, out: Outbox): number {
    this.#tree.writeLeaf(leaf, out);
    return this.#writeRecords(leaf, out);
  }

  /** A copy of a snapshot begins, or ends. */
  onCopy(isCopying: boolean): void {
    this.#isCopying = isCopying;
  }

  /**
   * The batch is sealed: what no log implies goes into it. The records of a snapshot come in the
   * order of their keys, so nearly each has another leaf: while it is copied, records are written
   * without their leaves. The checkpoint at its end writes those.
   */
  writeThrough(out: Outbox): void {
    if (this.#through.size === 0) return;
    if (this.#isCopying) {
      this.#tree.onLeavesBehind(out);
      for (const leaf of this.#through) this.#writeRecords(leaf, out);
    } else {
      for (const leaf of this.#through) this.writeLeaf(leaf, out);
    }
    this.#through.clear();
  }

  /** All leaves of the last `takeDirtyLeaves` are written. */
  onWritten(out: Outbox): void {
    this.#tree.onWritten(out);
    if (!this.reads.isReading) this.cells.dirty.forgetOrder();
  }

  sealCensus(out: Outbox): void {
    this.#tree.sealCensus(out);
  }

  /** What each namespace holds in storage, given what it holds in all. */
  storedOf(census: Census): Census {
    const stored = census.clone();
    for (const { cell, stored: weight } of this.cells.dirty.unwritten())
      stored.shift(cell.record.namespace, weightOf(cell.record), weight);
    return stored;
  }

  /** Adds the dirty records of a leaf to the batch. */
  #writeRecords(leaf: number, out: Outbox): number {
    let bytes = 0;
    this.cells.dirty.write(leaf, out.lsn, ({ record }, stored) => {
      const encoded = encodedOf(record);
      assert(encoded.length > 0, 'table: a record is stored with its value');
      bytes += encoded.length;
      out.put(recordKey(record.namespace, record.key), encoded);
      this.#tree.onStored(record.namespace, stored, weightOf(record));
    });
    return bytes;
  }

  #writeLeafNow(leaf: number, out: Outbox): void {
    this.#through.add(leaf);
    out.awaitSeal();
  }

  #replace(before: Cell, record: Record, out: Outbox): 'won' {
    assert(before.record !== record, 'table: a record is replaced by another one');
    this.#index.move(before.record, record, out);
    this.#show(before, record, out);
    return 'won';
  }

  #show(before: Cell, record: Record, out: Outbox): void {
    const leaf = this.#tree.onChange(record, before.record, record);
    this.cells.put(record, leaf, before, out);
    this.#onChange(record);
  }

  #onChange(name: RecordName): void {
    if (this.reads.isReading) this.reads.onChange(positionOf(name));
  }
}
