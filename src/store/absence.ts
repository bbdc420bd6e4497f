// What an absent key says. A tombstone is dropped once every member has all that is older than it (replica/stability.ts),
// so what is covered here and not here was deleted:
//
//   heads    every entry of the logs up to their heads has gone into the records
//   copied   while a snapshot is copied, so has everything that it covers, in the range of keys that is copied
//
// A record that comes by another way than the log (a repair, a read, a snapshot) and is covered like this while its key
// holds nothing must not be merged: it crossed the drop. Neither must an entry of the log whose key is copied already: the
// log is still to jump to what the copy holds. A damaged record is not absent: nobody knows, and it is healed.
//
// Whoever knows better, because it has made sure with every member that a key is missing here and was not deleted, puts it
// back with `Table.mend`.

import type { Outbox } from '../model/effect.ts';
import type { LaneHead, Position } from '../model/message.ts';
import type { Metrics } from '../model/metrics.ts';
import type { Mutation, Record } from '../model/record.ts';
import { covers, type Vector } from '../model/vector.ts';
import { positionOf } from './layout.ts';
import type { Log } from './log.ts';
import type { Table } from './table.ts';

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

  constructor(log: Log, table: Table, metrics: Metrics) {
    this.#log = log;
    this.#table = table;
    this.#metrics = metrics;
  }

  /** Merges a record that came by another way than the log, unless it was deleted here. */
  take(record: Record, out: Outbox): void {
    if (this.wasDeleted(record)) this.#metrics.resurrectionsRefused++;
    else this.#table.apply(record, out);
  }

  /** Merges an entry of the log. */
  show(mutation: Mutation, out: Outbox): void {
    if (this.#copied !== undefined && this.#isCopied(mutation) && this.#isAbsent(mutation)) return;
    this.#table.apply(mutation, out);
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
