// The records as readers see them: memory in front of storage. Applying a mutation merges it into its key's record,
// writes the winner into the turn's batch and shows it at once, tagged with the LSN that must be durable before any
// reply that depends on it may leave.
//
// Memory is two generations of cells, young and old. A read moves a cell to the young one; when that is full it
// becomes the old one and the old one is dropped, so the cost per operation is constant and the bound holds. Cells
// whose batch is not durable are kept in a queue besides, because storage does not have them yet; and so are the names
// of records that were dropped, because storage has them still. Callers that drop many records pause while `dropping` is large.
//
// Every change goes into the hash tree as well (tree.ts).

import { assert } from '../base/assert.ts';
import { createRing } from '../base/ring.ts';
import type { Lsn, Outbox } from '../model/effect.ts';
import { decodeMutation } from '../model/encoding.ts';
import type { Hlc } from '../model/hlc.ts';
import type { Key, NamespaceName } from '../model/id.ts';
import type { Position } from '../model/message.ts';
import type { Metrics } from '../model/metrics.ts';
import { type PointRead, UNREADABLE } from '../model/port.ts';
import { compareVersions, type Mutation, observed, type Record } from '../model/record.ts';
import { sealStamp, unsealStamp } from './envelope.ts';
import { metaKey, positionOf, recordKey } from './layout.ts';
import { leafOf } from './leaves.ts';
import type { RecordIndex, RecordName } from './record-index.ts';
import type { HashTree } from './tree.ts';

/** A key's record at this replica. */
export interface Cell {
  readonly record: Record | undefined;
  /** The batch that makes it durable. */
  readonly lsn: Lsn;
  /** Storage holds something under the key that does not pass verification. */
  readonly damaged: boolean;
}

export type Applied = 'won' | 'lost' | 'known' | 'damaged';

type Generation = Map<NamespaceName, Map<Key, Cell>>;

const ABSENT: Cell = { record: undefined, lsn: 0, damaged: false };
const DAMAGED: Cell = { record: undefined, lsn: 0, damaged: true };
/** What a cell costs besides the record's bytes: objects, strings and map slots, measured at about 500 bytes. */
const CELL_BYTES = 500;

const FORGOTTEN = metaKey('forgotten');

/** No delete that was forgotten is newer; what cannot be read leaves it open. */
export function readForgotten(stored: PointRead): Hlc {
  if (stored === undefined) return 0;
  return unsealStamp(stored) ?? Number.MAX_SAFE_INTEGER;
}

export function forgottenMark(): Uint8Array {
  return FORGOTTEN;
}

export class Table {
  readonly #get: (key: Uint8Array) => PointRead;
  readonly #generationBytes: number;
  readonly #metrics: Metrics;
  readonly #tree: HashTree;
  readonly #index: RecordIndex;
  readonly #undurable = createRing<Cell>(1024);
  /** The batches that drop records, until they are durable. */
  readonly #dropped = new Map<string, Lsn>();
  #forgotten: Hlc | undefined;
  #young: Generation = new Map();
  #old: Generation = new Map();
  #youngBytes = 0;
  #durableLsn: Lsn = 0;

  constructor(
    get: (key: Uint8Array) => PointRead,
    cacheBytes: number,
    metrics: Metrics,
    index: RecordIndex,
    tree: HashTree,
  ) {
    this.#get = get;
    this.#index = index;
    this.#generationBytes = cacheBytes / 2;
    this.#metrics = metrics;
    this.#tree = tree;
  }

  read(namespace: NamespaceName, key: Key): Cell {
    const cell = this.#young.get(namespace)?.get(key);
    if (cell !== undefined) {
      this.#metrics.cacheHits++;
      return cell;
    }
    return this.#readOld(namespace, key) ?? this.#readStorage(namespace, key);
  }

  /**
   * Merges a mutation. What it says about a conflict that was settled goes into the metrics. Into a damaged record
   * nothing can be merged, because it is unknown which of the two is newer: it waits until it is healed.
   */
  apply(mutation: Mutation, out: Outbox): Applied {
    const { record: current, damaged } = this.read(mutation.namespace, mutation.key);
    if (damaged) return 'damaged';
    const order = current === undefined ? 1 : compareVersions(mutation, current);
    if (order === 0) return 'known';
    if (current !== undefined) this.#countConflict(mutation, current, order);
    if (order < 0) return 'lost';
    this.#index.move(current, mutation, out);
    this.#show(current, mutation, out);
    return 'won';
  }

  /**
   * Merges a record that this replica once had and has lost in silence, as a comparison of trees has confirmed twice:
   * its absence here is no delete. What is as new here, or newer, stays.
   */
  mend(record: Record, out: Outbox): Applied {
    const { record: current, damaged } = this.read(record.namespace, record.key);
    if (damaged) return 'damaged';
    const order = current === undefined ? 1 : compareVersions(record, current);
    if (order <= 0) return order === 0 ? 'known' : 'lost';
    this.#index.move(current, record, out);
    this.#show(current, record, out);
    return 'won';
  }

  /**
   * Replaces a damaged record; the caller knows that no newer version was stored. What the tree says of the damaged
   * one is unknown.
   */
  replace(record: Record, out: Outbox): void {
    assert(
      this.read(record.namespace, record.key).damaged,
      'table: only what is damaged is replaced',
    );
    this.#tree.distrust(out);
    this.#index.ensure(record, out);
    this.#show(undefined, record, out);
  }

  /**
   * Removes what a key holds; the caller knows that it was deleted, and by nothing newer than `deleted`. It may be damaged.
   * How new a delete has been forgotten is remembered: a record that is newer and missing was lost.
   */
  drop(name: RecordName, deleted: Hlc, out: Outbox): void {
    const { namespace, key } = name;
    this.#forgotten ??= readForgotten(this.#get(FORGOTTEN));
    if (deleted > this.#forgotten) {
      this.#forgotten = deleted;
      out.put(FORGOTTEN, sealStamp(deleted));
    }
    const { record, damaged } = this.read(namespace, key);
    if (damaged) this.#tree.distrust(out);
    else this.#tree.onChange(name, record, undefined);
    this.#index.move(record, undefined, out);
    out.del(recordKey(namespace, key));
    this.#dropped.set(positionOf(name), out.lsn);
    const young = this.#young.get(namespace);
    const cell = young?.get(key);
    if (cell?.record !== undefined) this.#youngBytes -= CELL_BYTES + cell.record.bytes.length;
    young?.delete(key);
    this.#old.get(namespace)?.delete(key);
  }

  /** Records that were dropped and are in storage still. */
  get dropping(): number {
    return this.#dropped.size;
  }

  /** Where they lie. */
  droppingAt(): Iterable<Position> {
    return this.#dropped.keys();
  }

  /** How many are shown here and not in storage yet, at most. */
  get undurableCount(): number {
    return this.#undurable.size;
  }

  /** What is shown here and not in storage yet, of what is asked for. */
  *undurable(isAsked: (record: Record) => boolean = () => true): IterableIterator<Record> {
    for (let i = 0; i < this.#undurable.size; i++) {
      const { record } = this.#undurable.at(i);
      if (record === undefined || !isAsked(record)) continue;
      if (this.read(record.namespace, record.key).record === record) yield record;
    }
  }

  /** Writes a record that is whole in memory over what storage has. */
  rewrite({ record }: Cell, out: Outbox): void {
    if (record !== undefined) out.put(recordKey(record.namespace, record.key), record.bytes);
  }

  onDurable(lsn: Lsn): void {
    this.#durableLsn = lsn;
    while (this.#undurable.size > 0 && this.#undurable.at(0).lsn <= lsn) this.#undurable.shift();
    for (const [name, dropped] of this.#dropped) if (dropped <= lsn) this.#dropped.delete(name);
  }

  /** What memory holds, whatever storage has become. */
  inMemory(namespace: NamespaceName, key: Key): Record | undefined {
    const young = this.#young.get(namespace)?.get(key);
    return (young ?? this.#old.get(namespace)?.get(key))?.record;
  }

  isDurable({ lsn }: Cell): boolean {
    return lsn <= this.#durableLsn;
  }

  /**
   * Storage has lost something under these leaves: whatever memory still holds of it is written again. The tree has
   * counted what storage shows. Gives how many records came back.
   */
  reclaim(leaves: ReadonlySet<number>, out: Outbox): number {
    const held = [...this.#held(this.#young, leaves)];
    for (const record of this.#held(this.#old, leaves))
      if (this.#young.get(record.namespace)?.has(record.key) !== true) held.push(record);
    return held.filter((record) => this.#writeAgain(record, out)).length;
  }

  /** What memory holds under these leaves and storage should have. */
  *#held(cells: Generation, leaves: ReadonlySet<number>): Generator<Record> {
    for (const keys of cells.values()) {
      for (const cell of keys.values()) {
        const { record } = cell;
        if (record === undefined || !this.isDurable(cell)) continue;
        if (leaves.has(leafOf(record.namespace, record.key))) yield record;
      }
    }
  }

  #writeAgain(record: Record, out: Outbox): boolean {
    const bytes = this.#get(recordKey(record.namespace, record.key));
    if (bytes === UNREADABLE) return false;
    const stored = bytes === undefined ? undefined : decodeMutation(bytes);
    if (bytes !== undefined && stored === undefined) return false;
    if (stored !== undefined && compareVersions(stored, record) >= 0) return false;
    this.#index.ensure(record, out);
    this.#show(stored, record, out);
    return true;
  }

  #show(before: Record | undefined, record: Record, out: Outbox): void {
    this.#tree.onChange(record, before, record);
    if (this.#dropped.size > 0) this.#dropped.delete(positionOf(record));
    const cell: Cell = { record, lsn: out.lsn, damaged: false };
    out.put(recordKey(record.namespace, record.key), record.bytes);
    this.#undurable.push(cell);
    this.#keep(cell, record);
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
    const record = bytes === UNREADABLE ? undefined : decodeMutation(bytes);
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
    this.#youngBytes += record.bytes.length;
    keys.set(record.key, cell);
    if (this.#youngBytes > this.#generationBytes) this.#age();
  }

  /** The young generation becomes the old one; what is not durable goes into the new young one. */
  #age(): void {
    this.#old = this.#young;
    this.#young = new Map();
    this.#youngBytes = 0;
    for (let i = 0; i < this.#undurable.size; i++) {
      const cell = this.#undurable.at(i);
      const record = cell.record as Record;
      if (this.#dropped.has(positionOf(record))) continue;
      const keys = this.#young.get(record.namespace);
      if (keys === undefined) this.#young.set(record.namespace, new Map([[record.key, cell]]));
      else keys.set(record.key, cell);
    }
  }

  #countConflict(mutation: Mutation, current: Record, order: number): void {
    const settled = order > 0 ? observed(mutation, current) : observed(current, mutation);
    if (!settled) this.#metrics.conflictsLww++;
  }
}
