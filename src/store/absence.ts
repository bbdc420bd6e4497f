// What an absent key says. A tombstone is dropped once every member has all that is older than it (upkeep/stability.ts),
// so what is covered here and not here was deleted:
//
//   heads    every entry of the logs up to their heads has gone into the records
//   copied   while a snapshot is copied, so has everything that it covers, in the range of keys that is copied
//
// A record that comes by another way than the log (a repair, a read, a snapshot) and is covered like this while its key
// holds nothing must not be merged: it crossed the drop. Neither must an entry of the log whose key is copied already: the
// log is still to jump to what the copy holds. A damaged record is not absent: its content is unknown, and it is healed.
//
// Such a record can be here before its entry: what is here is then more than the log says, and for a while `ahead` tells
// by how much. A record whose entry does not come within that while has no entry on its way.
//
// Whoever knows better, because it has made sure with every member that a key is missing here and was not deleted, puts it
// back with `Table.mend`.

import type { Outbox } from '../model/effect.ts';
import type { LaneHead, Position } from '../model/message.ts';
import type { Metrics } from '../model/metrics.ts';
import type { Mutation, Record } from '../model/record.ts';
import { covers, mergeVector, seqOf, type Vector } from '../model/vector.ts';
import { positionOf } from './layout.ts';
import type { Log } from './log.ts';
import type { Applied, Table } from './table.ts';

/** How far the copying of a snapshot has come; `undefined` is to the end of all. */
interface Copied {
  readonly covers: Vector;
  upTo: Position | undefined;
}

export class Absence {
  readonly #log: Log;
  readonly #table: Table;
  readonly #metrics: Metrics;
  #copied: Copied | undefined;
  /** The newest records of each origin that came before their entries, and those of the while before. */
  #ahead: Vector = new Map();
  #aheadBefore: Vector = new Map();

  constructor(log: Log, table: Table, metrics: Metrics) {
    this.#log = log;
    this.#table = table;
    this.#metrics = metrics;
  }

  /** Merges a record that came by another way than the log, unless it was deleted here. */
  take(record: Record, out: Outbox): void {
    if (this.wasDeleted(record)) this.#metrics.resurrectionsRefused++;
    else if (this.#table.apply(record, out) === 'won') this.#noteAhead(record);
  }

  /** Up to where records are here that came lately by another way than the log, and before their entries did. */
  ahead(): Vector {
    const ahead = new Map(this.#aheadBefore);
    mergeVector(ahead, this.#ahead);
    for (const [origin, seq] of ahead) if (seq <= this.#log.head(origin)) ahead.delete(origin);
    return ahead;
  }

  /** A while is over. */
  age(): void {
    this.#aheadBefore = this.#ahead;
    this.#ahead = new Map();
  }

  /** Merges an entry of the log; `skipped`: it was deleted, as a copy under way has shown. */
  show(mutation: Mutation, out: Outbox): Applied | 'skipped' {
    if (this.#copied !== undefined && this.#isCopied(mutation) && this.#isAbsent(mutation))
      return 'skipped';
    return this.#table.apply(mutation, out);
  }

  wasDeleted(record: Record): boolean {
    if (record.seq > this.#log.head(record.origin) && !this.#isCopied(record)) return false;
    return this.#isAbsent(record);
  }

  /** Everything that a snapshot covers is here for keys up to a position. */
  onCopied(heads: readonly LaneHead[], upTo: Position | undefined): void {
    this.#copied = { covers: new Map(heads.map(({ origin, seq }) => [origin, seq])), upTo };
  }

  onCopyEnd(): void {
    this.#copied = undefined;
  }

  #noteAhead({ origin, seq }: Record): void {
    if (seq > this.#log.head(origin) && seq > seqOf(this.#ahead, origin))
      this.#ahead.set(origin, seq);
  }

  #isAbsent({ namespace, key }: Record): boolean {
    const { record, damaged } = this.#table.read(namespace, key);
    return record === undefined && !damaged;
  }

  #isCopied(record: Record): boolean {
    if (this.#copied === undefined || !covers(this.#copied.covers, record)) return false;
    const { upTo } = this.#copied;
    return upTo === undefined || positionOf(record) <= upTo;
  }
}
