// What an absent key says. A tombstone is dropped once every member has all that is older than it (upkeep/stability.ts),
// so what is covered here and not here was deleted:
//
//   applied  every entry of the logs up to what is applied has gone into the records
//   copied   while a snapshot is copied, so has everything that it covers, in the range of keys that is copied
//
// A record that comes by another way than the log (a repair, a read, a snapshot) and is covered like this while its key
// holds nothing must not be merged: it crossed the drop. Neither must an entry of the log whose key is copied already, and holds
// nothing as new: the log is still to jump to what the copy holds. A damaged record is not absent: its content is unknown, and it
// is healed.
//
// Such a record can be here before its entry: what is here is then more than the log says, and for a while `ahead` tells
// by how much. A record whose entry does not come within that while has no entry on its way.
//
// Whoever knows better, because it has made sure with every member that a key is missing here and was not deleted, puts it
// back with `Table.recover`.

import { includes } from '../conflict/merge.ts';
import type { Outbox } from '../model/effect.ts';
import type { LaneHead, Position } from '../model/message.ts';
import type { Metrics } from '../model/metrics.ts';
import { dotsOf, isCoveredBy, type Mutation, type Record, recordOf } from '../model/record.ts';
import { mergeVector, seqOf, type Vector } from '../model/vector.ts';
import { positionOf } from './layout.ts';
import type { Log } from './log.ts';
import type { Merged, Table } from './table.ts';

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

  /** Merges a record that came another way than by the log, unless it was deleted here. */
  admit(record: Record, out: Outbox): void {
    if (this.wasDeleted(record)) this.#metrics.resurrectionsRefused++;
    else if (this.#table.merge(record, out) === 'won') this.#noteAhead(record);
  }

  /** Up to where records are here that came lately by another way than the log, and before their entries did. */
  ahead(): Vector {
    const ahead = new Map(this.#aheadBefore);
    mergeVector(ahead, this.#ahead);
    for (const [origin, seq] of ahead) if (seq <= this.#log.applied(origin)) ahead.delete(origin);
    return ahead;
  }

  /** A while is over. */
  age(): void {
    this.#aheadBefore = this.#ahead;
    this.#ahead = new Map();
  }

  /** Merges an entry of the log; `skipped`: it was deleted, as a copy under way has shown. */
  merge(mutation: Mutation, out: Outbox): Merged | 'skipped' {
    const record = recordOf(mutation);
    if (this.#isCopied(record) && this.#isBehind(record)) return 'skipped';
    return this.#table.merge(record, out);
  }

  wasDeleted(record: Record): boolean {
    if (this.#isCopied(record)) return this.#isBehind(record);
    return this.#isLogged(record) && this.#isAbsent(record);
  }

  /** Everything that a snapshot covers is here for keys up to a position. */
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

  /**
   * The key holds nothing, or less than the record says. Where a copy that covers the record has been, the record was therefore
   * deleted, and the delete forgotten: an older delete, which the sweep lets stay, must not let it in.
   */
  #isBehind(record: Record): boolean {
    const { record: held, damaged } = this.#table.read(record.namespace, record.key);
    return !damaged && !includes(held, record);
  }

  #isAbsent({ namespace, key }: Record): boolean {
    const { record, damaged } = this.#table.read(namespace, key);
    return record === undefined && !damaged;
  }

  #isCopied(record: Record): boolean {
    if (this.#copied === undefined || !isCoveredBy(record, this.#copied.covers)) return false;
    const { upTo } = this.#copied;
    return upTo === undefined || positionOf(record) <= upTo;
  }
}
