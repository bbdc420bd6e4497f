// Index entries besides the records, written in the same batch as each, so that records can be
// found without reading all: tombstones by the dot of their delete, and records of this replica
// that expire by their deadline. Only the replica that stamped a deadline acts on it, so the others
// index nothing. For a replica that is no member any more, the first member acts, and indexes what
// its scrub finds.
//
// Invariants:
// (1) every such record has its index entry;
// (2) an index entry is removed when its record is replaced.
//
// For a replaced damaged record the old index entries are unknown, so a reader compares an index
// entry with its record.

import { present } from '../base/assert.ts';
import { byteString } from '../base/bytes.ts';
import type { Outbox, RangeEntry } from '../model/effect.ts';
import {
  type Dot,
  type Key,
  type NamespaceName,
  parseNamespace,
  type ReplicaId,
  replicaOf,
} from '../model/id.ts';
import type { Metrics } from '../model/metrics.ts';
import type { PointRead } from '../model/port.ts';
import { expiryOf, isTombstone, latestOf, type Record } from '../model/record.ts';
import { seal, unseal } from './envelope.ts';
import { expiryKey, tombstoneKey } from './layout.ts';

export interface RecordName {
  readonly namespace: NamespaceName;
  readonly key: Key;
}

const NAME_BYTES_MAX = 1024;
const EMPTY = new Uint8Array(0);

export class RecordIndex {
  readonly #actsFor: (of: ReplicaId) => boolean;
  readonly #get: (key: Uint8Array) => PointRead;
  readonly #metrics: Metrics;
  /** While a start replays: the tombstones that it has moved, and whether each is indexed now. */
  #replayed: Map<string, boolean> | undefined;

  /** `actsFor`: the origins whose deadlines this replica turns into deletes. */
  constructor(
    actsFor: (of: ReplicaId) => boolean,
    get: (key: Uint8Array) => PointRead,
    metrics: Metrics,
  ) {
    this.#actsFor = actsFor;
    this.#get = get;
    this.#metrics = metrics;
  }

  /** `after` replaces `before`. */
  move(before: Record | undefined, after: Record | undefined, out: Outbox): void {
    if (before !== undefined) this.#remove(before, out);
    if (after !== undefined) this.#add(after, out);
  }

  /** Indexes a durable record whose index entry may be lost, or which is older than the index. */
  ensure(record: Record, out: Outbox): void {
    const key = this.#keyOf(record);
    if (key !== undefined && this.#get(key) === undefined) this.#add(record, out);
  }

  /** Removes a tombstone's index entry, because the tombstone is dropped or no longer stored. */
  removeTombstone(dot: Dot, out: Outbox): void {
    const key = tombstoneKey(dot);
    out.del(key);
    this.#count(key, false);
  }

  /**
   * A start begins to replay. Storage has the index entries of what was shown and committed before,
   * and lacks those of entries that had waited for others until then.
   */
  beginReplay(): void {
    this.#replayed = new Map();
  }

  /** Tombstones that storage has indexed, after the replay. */
  countStored(entries: readonly RangeEntry[]): void {
    const replayed = present(this.#replayed, 'record index: a start counts after its replay');
    for (const { key } of entries) {
      const name = byteString(key, 0, key.length);
      if (replayed.get(name) !== false) this.#metrics.tombstones++;
      replayed.delete(name);
    }
  }

  /** All of them are counted; the rest is in the batch under way only. */
  endReplay(): void {
    const replayed = present(this.#replayed, 'record index: a replay that ends has begun');
    for (const isIndexed of replayed.values()) if (isIndexed) this.#metrics.tombstones++;
    this.#replayed = undefined;
  }

  /**
   * True if this replica stamped the deadline, in any incarnation, or acts for the one that did.
   */
  expiresHere(record: Record): boolean {
    return expiryOf(record) > 0 && this.#actsFor(replicaOf(latestOf(record).origin));
  }

  #add(record: Record, out: Outbox): void {
    const key = this.#keyOf(record);
    if (key === undefined) return;
    const isDeleted = isTombstone(record);
    out.put(key, isDeleted ? encodeName(record) : EMPTY);
    if (isDeleted) this.#count(key, true);
  }

  #count(key: Uint8Array, isIndexed: boolean): void {
    if (this.#replayed !== undefined) this.#replayed.set(byteString(key, 0, key.length), isIndexed);
    else this.#metrics.tombstones += isIndexed ? 1 : -1;
  }

  #remove(record: Record, out: Outbox): void {
    const key = this.#keyOf(record);
    if (isTombstone(record)) this.removeTombstone(latestOf(record), out);
    else if (key !== undefined) out.del(key);
  }

  /** The index key of a record; most records have none. */
  #keyOf(record: Record): Uint8Array | undefined {
    if (isTombstone(record)) return tombstoneKey(latestOf(record));
    return this.expiresHere(record)
      ? expiryKey(expiryOf(record), record.namespace, record.key)
      : undefined;
  }
}

function encodeName({ namespace, key }: RecordName): Uint8Array {
  return seal((writer) => {
    writer.text(namespace);
    writer.text(key);
  });
}

/** The record's name in a tombstone's index entry; `undefined` if it is damaged. */
export function decodeName(bytes: Uint8Array): RecordName | undefined {
  const reader = unseal(bytes);
  if (reader === undefined) return undefined;
  const namespace = parseNamespace(reader.text(NAME_BYTES_MAX));
  const key = reader.text(NAME_BYTES_MAX) as Key;
  return namespace === undefined || !reader.finished ? undefined : { namespace, key };
}
