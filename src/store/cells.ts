// Records in memory, in front of storage. A change is visible at once, and is tagged with the LSN
// that must be durable before a reply that depends on it may leave.
//
// Memory has two generations of cells, young and old. A read moves a cell to the young one; when
// that is full it becomes the old one and the old one is dropped, so the cost per operation is
// constant and the bound holds.
//
// Three things are kept whatever that bound says, because storage does not show them yet: dirty
// records, which only the logs have (dirty.ts); of a change that is not durable, what was shown
// before it; and the names of records that were removed. A caller that removes many records pauses
// while `dropping` is large.

import { assert, present } from '../base/assert.ts';
import { createRing } from '../base/ring.ts';
import type { Lsn, Outbox } from '../model/effect.ts';
import { decodeRecord } from '../model/encoding.ts';
import type { Key, NamespaceName } from '../model/id.ts';
import type { Position } from '../model/message.ts';
import type { Metrics } from '../model/metrics.ts';
import { type PointRead, UNREADABLE } from '../model/port.ts';
import { encodedOf, type Record } from '../model/record.ts';
import type { Weight } from './census.ts';
import { Dirty } from './dirty.ts';
import { positionOf, recordKey } from './layout.ts';
import { leafOf } from './leaves.ts';
import type { RecordName } from './record-index.ts';

/** The record of a key as this replica shows it. */
export interface Cell {
  readonly record: Record | undefined;
  /** The batch that makes it durable. */
  readonly lsn: Lsn;
  /** Storage has a damaged value under the key. */
  readonly damaged: boolean;
}

/** A change, and what was shown before its batch, until the batch is durable. */
interface Change extends Cell {
  readonly record: Record;
  lsn: Lsn;
  before: Cell | undefined;
}

type Generation = Map<NamespaceName, Map<Key, Cell>>;

const ABSENT: Cell = { record: undefined, lsn: 0, damaged: false };
const DAMAGED: Cell = { record: undefined, lsn: 0, damaged: true };
/**
 * What a cell costs besides the record's bytes: objects, strings and map slots, measured at about
 * 500 bytes.
 */
const CELL_BYTES = 500;

export class Cells {
  /** The keys for which storage does not show yet what memory shows. */
  readonly dirty = new Dirty<Change>();
  readonly #get: (key: Uint8Array) => PointRead;
  readonly #generationBytes: number;
  readonly #metrics: Metrics;
  readonly #undurable = createRing<Change>(1024);
  /** The batches that remove records, until they are durable. */
  readonly #dropped = new Map<Position, Lsn>();
  #young: Generation = new Map();
  #old: Generation = new Map();
  #youngBytes = 0;
  #durableLsn: Lsn = 0;

  constructor(get: (key: Uint8Array) => PointRead, cacheBytes: number, metrics: Metrics) {
    this.#get = get;
    this.#generationBytes = cacheBytes / 2;
    this.#metrics = metrics;
  }

  read(namespace: NamespaceName, key: Key): Cell {
    const cell = this.#young.get(namespace)?.get(key);
    if (cell !== undefined) {
      this.#metrics.cacheHits++;
      return cell;
    }
    return this.#readOld(namespace, key) ?? this.#readDirty(namespace, key);
  }

  /** The same, but durable: for a change that is not durable, what was shown before it. */
  readDurable(namespace: NamespaceName, key: Key): Cell {
    let cell = this.read(namespace, key);
    while (!this.isDurable(cell)) cell = (cell as Change).before ?? ABSENT;
    return cell;
  }

  /** Storage was read, and nothing is shown under this key: the next read need not look. */
  noteAbsent(namespace: NamespaceName, key: Key): void {
    const keys = this.#youngOf(namespace);
    if (keys.has(key)) return;
    keys.set(key, ABSENT);
    this.#grow(CELL_BYTES);
  }

  /** Shows a record from now on, in the place of `before`. Storage gets it with a checkpoint. */
  put(record: Record, leaf: number, before: Cell, out: Outbox): void {
    if (this.#dropped.size > 0) this.#dropped.delete(positionOf(record));
    // If one batch changes a key twice, the value in between is never durable.
    const shown = before.lsn === out.lsn ? (before as Change).before : before;
    const change: Change = { record, lsn: out.lsn, damaged: false, before: shown };
    this.dirty.put(leaf, change, before.record);
    this.#undurable.push(change);
    this.#keep(change, record);
  }

  /**
   * Shows nothing under the key from now on, and removes what storage holds. Returns what storage
   * held if the record was dirty.
   */
  remove(name: RecordName, leaf: number, out: Outbox): Weight | undefined {
    const { namespace, key } = name;
    out.del(recordKey(namespace, key));
    const stored = this.dirty.remove(leaf, namespace, key);
    this.#dropped.set(positionOf(name), out.lsn);
    const young = this.#young.get(namespace);
    const record = young?.get(key)?.record;
    if (record !== undefined) this.#youngBytes -= CELL_BYTES + encodedOf(record).length;
    assert(this.#youngBytes >= 0, 'cells: the bytes are those of what is in memory');
    young?.delete(key);
    this.#old.get(namespace)?.delete(key);
    return stored;
  }

  onDurable(lsn: Lsn): void {
    assert(lsn > this.#durableLsn, 'cells: batches become durable in their order');
    this.#durableLsn = lsn;
    while (this.#undurable.size > 0 && this.#undurable.at(0).lsn <= lsn) {
      const change = present(this.#undurable.shift(), 'cells: there is one');
      change.before = undefined;
    }
    this.dirty.onDurable(lsn);
    for (const [name, dropped] of this.#dropped) if (dropped <= lsn) this.#dropped.delete(name);
  }

  /**
   * At start: replayed entries are in logs that are durable, whatever happens to the next batch.
   */
  onReplayed(): void {
    while (this.#undurable.size > 0) {
      const change = present(this.#undurable.shift(), 'cells: there is one');
      change.lsn = 0;
      change.before = undefined;
    }
  }

  isDurable({ lsn }: Cell): boolean {
    return lsn <= this.#durableLsn;
  }

  /** The records in memory, whatever storage contains. */
  inMemory(namespace: NamespaceName, key: Key): Record | undefined {
    const cell = this.#young.get(namespace)?.get(key) ?? this.#old.get(namespace)?.get(key);
    return (cell ?? this.dirty.find(leafOf(namespace, key), namespace, key))?.record;
  }

  /** Everything that memory holds and storage should hold. */
  *storedInMemory(): IterableIterator<Record> {
    for (const cells of this.#young.values()) yield* this.#storedIn(cells);
    for (const [namespace, cells] of this.#old)
      for (const record of this.#storedIn(cells))
        if (this.#young.get(namespace)?.has(record.key) !== true) yield record;
  }

  /** Removed records that storage still contains. */
  get dropping(): number {
    return this.#dropped.size;
  }

  droppingAt(): Iterable<Position> {
    return this.#dropped.keys();
  }

  /** How many changes are visible but not in a log on disk yet. */
  get undurableCount(): number {
    return this.#undurable.size;
  }

  *#storedIn(cells: ReadonlyMap<Key, Cell>): Generator<Record> {
    for (const { record } of cells.values()) {
      if (record === undefined) continue;
      const { namespace, key } = record;
      if (this.dirty.find(leafOf(namespace, key), namespace, key) === undefined) yield record;
    }
  }

  #readOld(namespace: NamespaceName, key: Key): Cell | undefined {
    const cell = this.#old.get(namespace)?.get(key);
    if (cell?.record === undefined) return undefined;
    this.#metrics.cacheHits++;
    this.#keep(cell, cell.record);
    return cell;
  }

  #readDirty(namespace: NamespaceName, key: Key): Cell {
    if (this.dirty.size === 0) return this.#readStorage(namespace, key);
    const cell = this.dirty.find(leafOf(namespace, key), namespace, key);
    if (cell === undefined) return this.#readStorage(namespace, key);
    this.#metrics.cacheHits++;
    this.#keep(cell, cell.record);
    return cell;
  }

  #readStorage(namespace: NamespaceName, key: Key): Cell {
    if (this.#dropped.size > 0 && this.#dropped.has(positionOf({ namespace, key }))) return ABSENT;
    this.#metrics.cacheMisses++;
    const bytes = this.#get(recordKey(namespace, key));
    if (bytes === undefined) return ABSENT;
    const record = bytes === UNREADABLE ? undefined : decodeRecord(bytes);
    if (record === undefined || record.namespace !== namespace || record.key !== key) {
      this.#metrics.recordsDamaged++;
      return DAMAGED;
    }
    const cell: Cell = { record, lsn: 0, damaged: false };
    this.#keep(cell, record);
    return cell;
  }

  #keep(cell: Cell, record: Record): void {
    const keys = this.#youngOf(record.namespace);
    const bytes = keys.has(record.key) ? 0 : CELL_BYTES;
    keys.set(record.key, cell);
    this.#grow(bytes + encodedOf(record).length);
  }

  #youngOf(namespace: NamespaceName): Map<Key, Cell> {
    let keys = this.#young.get(namespace);
    if (keys === undefined) {
      keys = new Map();
      this.#young.set(namespace, keys);
    }
    return keys;
  }

  #grow(bytes: number): void {
    this.#youngBytes += bytes;
    if (this.#youngBytes <= this.#generationBytes) return;
    // The young generation becomes the old one.
    this.#old = this.#young;
    this.#young = new Map();
    this.#youngBytes = 0;
  }
}
