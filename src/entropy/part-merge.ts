// Merges a part of a snapshot into the table. First the part's range of keys is read here, page by
// page, as the table shows it. With each page, in one turn:
//
//   - the part's records are merged. The page shows which of their keys are absent here, so storage
//     need not be asked for each of them.
//   - a record here whose dot the snapshot covers, and which the part does not contain, was
//     deleted: it is dropped. Records with dots beyond the snapshot stay, and are streamed;
//     tombstones stay, because they hide nothing; a damaged record is healed.
//   - the page's range counts as copied: from then on store/absence.ts judges what arrives.

import { assert } from '../base/assert.ts';
import type { RangeEntry, RangeResult, Turn } from '../model/effect.ts';
import type { Hlc } from '../model/hlc.ts';
import type { LaneHead, Position } from '../model/message.ts';
import type { Metrics } from '../model/metrics.ts';
import { isCoveredBy, isTombstone, type Record } from '../model/record.ts';
import type { ReadonlyVector } from '../model/vector.ts';
import type { Absence } from '../store/absence.ts';
import {
  behind,
  parseRecordKey,
  positionOf,
  positionOfKey,
  recordsBetween,
  type Span,
} from '../store/layout.ts';
import { SingleRead } from '../store/single-read.ts';
import type { Table } from '../store/table.ts';

export interface PartMergeOptions {
  readonly table: Table;
  readonly absence: Absence;
  readonly metrics: Metrics;
  readonly bytesMax: number;
  readonly admit: (record: Record, turn: Turn) => void;
  /** A part is merged, or its range could not be read. */
  readonly onEnd: (end: PartEnd, turn: Turn) => void;
}

/**
 * A part of a snapshot: its records of the keys after `after` up to `last`, or to the end of all.
 */
export interface RecordsPart {
  readonly after: Position;
  readonly last: Position | undefined;
  readonly records: readonly Record[];
  readonly covers: readonly LaneHead[];
}

export type PartEnd = 'done' | 'failed';

interface Merging extends RecordsPart {
  /** What the part shows. */
  readonly shows: ReadonlyMap<Position, Record>;
  readonly covered: ReadonlyVector;
  readonly newest: Hlc;
  /** How many of the records are merged. */
  merged: number;
  /** The range that is still to read. */
  span: Span;
}

/** Records that may be dropped without being durably gone. */
const DROPPING_MAX = 4096;

export class PartMerge {
  readonly #options: PartMergeOptions;
  #merging: Merging | undefined;
  readonly #reading = new SingleRead<Merging>((result, merging, turn) =>
    this.#onRead(merging, result, turn),
  );

  constructor(options: PartMergeOptions) {
    this.#options = options;
  }

  begin(part: RecordsPart, turn: Turn): void {
    const { after, last, records, covers } = part;
    const merging: Merging = {
      ...part,
      shows: new Map(records.map((record) => [positionOf(record), record])),
      covered: new Map(covers.map(({ origin, seq }) => [origin, seq])),
      newest: covers.reduce((newest, { hlc }) => Math.max(newest, hlc), 0),
      merged: 0,
      span: recordsBetween(after, last),
    };
    this.#merging = merging;
    this.#read(merging, turn);
  }

  /** Continues after the wait for dropped records to be durable. */
  goOn(turn: Turn): void {
    if (this.#merging === undefined || this.#reading.isUnderWay) return;
    if (this.#options.table.cells.dropping < DROPPING_MAX) this.#read(this.#merging, turn);
  }

  /** The rest of the part is not merged: the copy asks for it again. */
  cancel(): void {
    this.#merging = undefined;
    this.#reading.cancel();
  }

  #read(merging: Merging, turn: Turn): void {
    const { bytesMax, table } = this.#options;
    this.#reading.begin(merging.span, { bytesMax }, merging, table.reads.in(turn, 'newest'));
  }

  #onRead(merging: Merging, result: RangeResult, turn: Turn): void {
    if (!result.ok) {
      turn.note('error', 'snapshot-unreadable', { reason: result.reason });
      return this.#end('failed', turn);
    }
    const { absence } = this.#options;
    const end = result.more ? result.entries.at(-1)?.key : undefined;
    const upTo = end === undefined ? undefined : positionOfKey(end);
    this.#admit(merging, result.entries, upTo, turn);
    for (const { key } of result.entries) this.#judge(merging, key, turn);
    absence.onCopied(merging.covers, upTo ?? merging.last);
    if (end === undefined) return this.#end('done', turn);
    merging.span = { from: behind(end), to: merging.span.to };
    this.goOn(turn);
  }

  /** Merges the part's records up to the end of the page; `undefined`: the rest of them. */
  #admit(
    merging: Merging,
    page: readonly RangeEntry[],
    upTo: Position | undefined,
    turn: Turn,
  ): void {
    const { admit, table } = this.#options;
    const { records } = merging;
    const present = new Set(page.map(({ key }) => positionOfKey(key)));
    for (; merging.merged < records.length; merging.merged++) {
      const record = records[merging.merged] as Record;
      const position = positionOf(record);
      if (upTo !== undefined && position > upTo) return;
      if (!present.has(position)) table.cells.noteAbsent(record.namespace, record.key);
      admit(record, turn);
    }
  }

  /** Once the range counts as copied, a replay takes what is not stored here for deleted. */
  #judge({ shows, covered, newest }: Merging, key: Uint8Array, turn: Turn): void {
    const { metrics, table } = this.#options;
    const name = parseRecordKey(key);
    if (name === undefined) return;
    table.store(name, turn);
    if (shows.has(positionOf(name))) return;
    const { record } = table.read(name.namespace, name.key);
    if (record === undefined || isTombstone(record)) return;
    if (!isCoveredBy(record, covered)) return;
    assert(newest > 0 || covered.size > 0, 'part merge: what is covered is stamped');
    table.drop(record, newest, turn);
    metrics.snapshotRecordsAbsent++;
  }

  #end(end: PartEnd, turn: Turn): void {
    this.#merging = undefined;
    this.#options.onEnd(end, turn);
  }
}
