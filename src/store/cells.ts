// Records in memory, in front of storage. A change is visible at once, and is tagged with the LSN
// that must be durable before a reply that depends on it may leave.
//
// Memory has two generations of cells, young and old. A read moves a cell to the young one; when
// that is full it becomes the old one and the old one is dropped, so the cost per operation is
// constant and the bound holds.
//
// Two things are kept beyond the bound, because storage does not have them yet: cells whose batch
// is not durable, in the order of their batches, and the names of removed records. A caller that
// removes many records pauses while `dropping` is large.

import { assert, present } from '../base/assert.ts';
import { createRing } from '../base/ring.ts';
import type { Lsn, Outbox } from '../model/effect.ts';
import { decodeRecord } from '../model/encoding.ts';
import type { Key, NamespaceName } from '../model/id.ts';
import type { Position } from '../model/message.ts';
import type { Metrics } from '../model/metrics.ts';
import { type PointRead, UNREADABLE } from '../model/port.ts';
import { encodedOf, type Record } from '../model/record.ts';
import { positionOf, recordKey } from './layout.ts';
import type { RecordName } from './record-index.ts';

/** The record of a key as this replica shows it. */
export interface Cell {
  readonly record: Record | undefined;
  /** The batch that makes it durable. */
  readonly lsn: Lsn;
  /** Storage has a damaged value under the key. */
  readonly damaged: boolean;
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
  readonly #get: (key: Uint8Array) => PointRead;
  readonly #generationBytes: number;
  readonly #metrics: Metrics;
  readonly #undurable = createRing<Cell>(1024);
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
    return this.#readOld(namespace, key) ?? this.#readStorage(namespace, key);
  }

  /** Shows this record from now on, and writes it in the turn's batch. */
  put(record: Record, out: Outbox): void {
    if (this.#dropped.size > 0) this.#dropped.delete(positionOf(record));
    assert(out.lsn > this.#durableLsn, 'cells: a change belongs to a batch that is not durable');
    const cell: Cell = { record, lsn: out.lsn, damaged: false };
    out.put(recordKey(record.namespace, record.key), encodedOf(record));
    this.#undurable.push(cell);
    this.#keep(cell, record);
  }

  /** Shows the key as absent from now on, and removes its record from storage. */
  remove(name: RecordName, out: Outbox): void {
    const { namespace, key } = name;
    out.del(recordKey(namespace, key));
    this.#dropped.set(positionOf(name), out.lsn);
    const young = this.#young.get(namespace);
    const record = young?.get(key)?.record;
    if (record !== undefined) this.#youngBytes -= CELL_BYTES + encodedOf(record).length;
    young?.delete(key);
    this.#old.get(namespace)?.delete(key);
  }

  /** Writes an intact record in memory over the stored one. */
  rewrite({ record }: Cell, out: Outbox): void {
    if (record !== undefined) out.put(recordKey(record.namespace, record.key), encodedOf(record));
  }

  onDurable(lsn: Lsn): void {
    assert(lsn > this.#durableLsn, 'cells: batches become durable once, in their order');
    this.#durableLsn = lsn;
    while (this.#undurable.size > 0 && this.#undurable.at(0).lsn <= lsn) this.#undurable.shift();
    for (const [name, dropped] of this.#dropped) if (dropped <= lsn) this.#dropped.delete(name);
  }

  isDurable({ lsn }: Cell): boolean {
    return lsn <= this.#durableLsn;
  }

  /** The records in memory, whatever storage contains. */
  inMemory(namespace: NamespaceName, key: Key): Record | undefined {
    const young = this.#young.get(namespace)?.get(key);
    return (young ?? this.#old.get(namespace)?.get(key))?.record;
  }

  /** All records in memory that storage should contain. */
  *durableInMemory(): IterableIterator<Record> {
    for (const cells of this.#young.values()) yield* this.#durableIn(cells);
    for (const [namespace, cells] of this.#old)
      for (const record of this.#durableIn(cells))
        if (this.#young.get(namespace)?.has(record.key) !== true) yield record;
  }

  /** Removed records that storage still contains. */
  get dropping(): number {
    return this.#dropped.size;
  }

  droppingAt(): Iterable<Position> {
    return this.#dropped.keys();
  }

  /** An upper bound of the visible records that are not in storage yet. */
  get undurableCount(): number {
    return this.#undurable.size;
  }

  /** The visible records that are not in storage yet, among the requested ones. */
  *undurable(isAsked: (record: Record) => boolean = () => true): IterableIterator<Record> {
    for (let i = 0; i < this.#undurable.size; i++) {
      const { record } = this.#undurable.at(i);
      if (record === undefined || !isAsked(record)) continue;
      if (this.read(record.namespace, record.key).record === record) yield record;
    }
  }

  *#durableIn(cells: ReadonlyMap<Key, Cell>): Generator<Record> {
    for (const cell of cells.values())
      if (cell.record !== undefined && this.isDurable(cell)) yield cell.record;
  }

  #readOld(namespace: NamespaceName, key: Key): Cell | undefined {
    const cell = this.#old.get(namespace)?.get(key);
    if (cell?.record === undefined) return undefined;
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
    let keys = this.#young.get(record.namespace);
    if (keys === undefined) {
      keys = new Map();
      this.#young.set(record.namespace, keys);
    }
    if (!keys.has(record.key)) this.#youngBytes += CELL_BYTES;
    this.#youngBytes += encodedOf(record).length;
    keys.set(record.key, cell);
    if (this.#youngBytes > this.#generationBytes) this.#age();
  }

  /** The young generation becomes the old one; undurable cells move into the new young one. */
  #age(): void {
    this.#old = this.#young;
    this.#young = new Map();
    this.#youngBytes = 0;
    for (let i = 0; i < this.#undurable.size; i++) {
      const cell = this.#undurable.at(i);
      const record = present(cell.record, 'cells: what is not durable is a record');
      if (this.#dropped.has(positionOf(record))) continue;
      const keys = this.#young.get(record.namespace);
      if (keys === undefined) this.#young.set(record.namespace, new Map([[record.key, cell]]));
      else keys.set(record.key, cell);
    }
  }
}
