// Drops records that a part of a snapshot lacks: a record here, in the part's range of keys, whose
// dot the snapshot covers and which the part does not contain, was deleted. Records with dots
// beyond the snapshot stay, and are streamed; tombstones stay, because they hide nothing; a damaged
// record is healed.
//
// The records are read in pages, as the table shows them. store/absence.ts judges records that
// arrive meanwhile; it already knows that the range is copied.

import { assert } from '../base/assert.ts';
import type { Outbox, RangeEntry, RangeResult, Turn } from '../model/effect.ts';
import type { Hlc } from '../model/hlc.ts';
import type { LaneHead, Position } from '../model/message.ts';
import type { Metrics } from '../model/metrics.ts';
import { isCoveredBy, isTombstone, type Record } from '../model/record.ts';
import type { ReadonlyVector } from '../model/vector.ts';
import { behind, parseRecordKey, positionOf, recordsBetween, type Span } from '../store/layout.ts';
import { SingleRead } from '../store/single-read.ts';
import type { Table } from '../store/table.ts';

export interface AbsenceSweepOptions {
  readonly table: Table;
  readonly metrics: Metrics;
  readonly bytesMax: number;
  /** A part is swept, or could not be read. */
  readonly onEnd: (end: SweepEnd, turn: Turn) => void;
}

/**
 * A part of a snapshot: its records of the keys after `after` up to `last`, or to the end of all.
 */
export interface SweptChunk {
  readonly after: Position;
  readonly last: Position | undefined;
  readonly records: readonly Record[];
  readonly covers: readonly LaneHead[];
}

export type SweepEnd = 'done' | 'failed';

/** Records that may be dropped without being durably gone. */
const DROPPING_MAX = 4096;

export class AbsenceSweep {
  readonly #options: AbsenceSweepOptions;
  #shows: ReadonlySet<Position> = new Set();
  #covers: ReadonlyVector = new Map();
  #newest: Hlc = 0;
  #span: Span | undefined;
  readonly #reading = new SingleRead<undefined>((result, _, turn) => this.#onRead(result, turn));

  constructor(options: AbsenceSweepOptions) {
    this.#options = options;
  }

  begin({ after, last, records, covers: heads }: SweptChunk, out: Outbox): void {
    this.#shows = new Set(records.map(positionOf));
    this.#covers = new Map(heads.map(({ origin, seq }) => [origin, seq]));
    this.#newest = heads.reduce((newest, { hlc }) => Math.max(newest, hlc), 0);
    this.#span = recordsBetween(after, last);
    this.#read(out);
  }

  #onRead(result: RangeResult, turn: Turn): void {
    if (this.#span === undefined) return;
    if (!result.ok) {
      turn.note('error', 'snapshot-unreadable', { reason: result.reason });
      return this.#end('failed', turn);
    }
    for (const entry of result.entries) this.#take(entry, turn);
    const last = result.entries.at(-1);
    if (!result.more || last === undefined) return this.#end('done', turn);
    this.#span = { from: behind(last.key), to: this.#span.to };
    this.goOn(turn);
  }

  #end(end: SweepEnd, turn: Turn): void {
    this.#span = undefined;
    this.#options.onEnd(end, turn);
  }

  /** Continues after the wait for dropped records to be durable. */
  goOn(out: Outbox): void {
    const isWaiting = this.#span !== undefined && !this.#reading.isUnderWay;
    if (isWaiting && this.#options.table.cells.dropping < DROPPING_MAX) this.#read(out);
  }

  #read(out: Outbox): void {
    const { bytesMax, table } = this.#options;
    if (this.#span === undefined) return;
    this.#reading.begin(this.#span, { bytesMax }, undefined, table.reads.in(out, 'newest'));
  }

  #take({ key }: RangeEntry, out: Outbox): void {
    const { table } = this.#options;
    const name = parseRecordKey(key);
    if (name === undefined) return;
    // Once the range counts as copied, a replay takes what is not stored here for deleted.
    table.store(name, out);
    if (this.#shows.has(positionOf(name))) return;
    const { record } = table.read(name.namespace, name.key);
    if (record !== undefined) this.#judge(record, out);
  }

  #judge(record: Record, out: Outbox): void {
    if (isTombstone(record) || this.#shows.has(positionOf(record))) return;
    if (!isCoveredBy(record, this.#covers)) return;
    assert(this.#span !== undefined || this.#covers.size > 0, 'absence sweep: a part is swept');
    this.#options.table.drop(record, this.#newest, out);
    this.#options.metrics.snapshotRecordsAbsent++;
  }
}
