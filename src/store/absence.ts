// What an absent key means. A tombstone is dropped once every member has everything that is older
// than it (upkeep/stability.ts), so a version that is covered here and absent was deleted:
//
//   applied  every entry of the logs up to the applied position was merged into the records
//   copied   while a snapshot is copied, everything that it covers was merged too, in the range of
//            keys that is already copied
//
// A record that arrives by another way than the log (a repair, a read, a snapshot), and is covered
// in this sense while its key is absent, must not be merged: it was sent before the tombstone was
// dropped. The same holds for an entry of the log whose key is already copied and shows nothing as
// new: the log will later jump to the end of the copy. A damaged record is not absent: its content
// is unknown, and it is healed.
//
// Such a record can arrive before its entry: then the table is ahead of the log, and for a while
// `ahead` says by how much. If its entry does not arrive within that time, it is not on its way.
//
// A caller that has confirmed with every member that a key is missing here and was not deleted
// restores it with `Table.recover`.

import { includes } from '../conflict/merge.ts';
import type { Outbox } from '../model/effect.ts';
import type { LaneHead, Position } from '../model/message.ts';
import type { Metrics } from '../model/metrics.ts';
import { dotsOf, isCoveredBy, type Mutation, type Record, recordOf } from '../model/record.ts';
import { mergeVector, seqOf, type Vector } from '../model/vector.ts';
import type { Cell } from './cells.ts';
import { positionOf } from './layout.ts';
import type { Log } from './log.ts';
import type { Merged, Table } from './table.ts';

/** The position up to which a snapshot is copied; `undefined` is the end. */
interface Copied {
  readonly covers: Vector;
  upTo: Position | undefined;
}

export class Absence {
  readonly #log: Log;
  readonly #table: Table;
  readonly #metrics: Metrics;
  #copied: Copied | undefined;
  /**
   * The newest early record of each origin (merged before its entry), in this period and the last
   * one.
   */
  #ahead: Vector = new Map();
  #aheadBefore: Vector = new Map();

  constructor(log: Log, table: Table, metrics: Metrics) {
    this.#log = log;
    this.#table = table;
    this.#metrics = metrics;
  }

  /** Merges a record that did not arrive by the log, unless it was deleted here. */
  admit(record: Record, out: Outbox): void {
    if (this.wasDeleted(record)) this.#metrics.resurrectionsRefused++;
    else if (this.#table.admit(record, out) === 'won') this.#noteAhead(record);
  }

  /** By origin: the newest record that was merged lately before its log entry arrived. */
  ahead(): Vector {
    const ahead = new Map(this.#aheadBefore);
    mergeVector(ahead, this.#ahead);
    for (const [origin, seq] of ahead) if (seq <= this.#log.applied(origin)) ahead.delete(origin);
    return ahead;
  }

  /** Begins a new period: early records of the one before the last are forgotten. */
  age(): void {
    this.#aheadBefore = this.#ahead;
    this.#ahead = new Map();
  }

  /**
   * Merges an entry of the log. `skipped`: a copy under way has shown that the record was deleted.
   */
  merge(mutation: Mutation, out: Outbox): Merged | 'skipped' {
    const record = recordOf(mutation);
    if (this.#isCopied(record) && isBehind(record, this.#shownFor(record))) return 'skipped';
    return this.#table.merge(record, out);
  }

  /** `held`: what is shown here under its key. */
  wasDeleted(record: Record, held = this.#shownFor(record)): boolean {
    if (this.#isCopied(record)) return isBehind(record, held);
    return held.record === undefined && !held.damaged && this.#isLogged(record);
  }

  /** The copy has merged everything that its snapshot covers, for keys up to this position. */
  onCopied(heads: readonly LaneHead[], upTo: Position | undefined): void {
    this.#copied = { covers: new Map(heads.map(({ origin, seq }) => [origin, seq])), upTo };
  }

  onCopyEnd(): void {
    this.#copied = undefined;
  }

  #noteAhead(record: Record): void {
    for (const { origin, seq } of dotsOf(record))
      if (seq > this.#log.applied(origin) && seq > seqOf(this.#ahead, origin))
        this.#ahead.set(origin, seq);
  }

  #isLogged(record: Record): boolean {
    return dotsOf(record).every(({ origin, seq }) => seq <= this.#log.applied(origin));
  }

  #shownFor({ namespace, key }: Record): Cell {
    return this.#table.read(namespace, key);
  }

  #isCopied(record: Record): boolean {
    if (this.#copied === undefined || !isCoveredBy(record, this.#copied.covers)) return false;
    const { upTo } = this.#copied;
    return upTo === undefined || positionOf(record) <= upTo;
  }
}

/**
 * The key is absent, or its record is older than this one. If a copy that covers the record has
 * passed this key, the record was deleted and its tombstone dropped: an older tombstone, which the
 * merge of a part keeps, must not admit it.
 */
function isBehind(record: Record, { record: held, damaged }: Cell): boolean {
  return !damaged && !includes(held, record);
}
