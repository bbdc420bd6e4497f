// Drops tombstones that no member needs any more (stability.ts), each replica on its own, as fast
// as deletes arrive (sweep.ts). It walks their index in the order of dots and skips the rest of an
// origin at the first one that is still needed; a walk begins with the heartbeat if something was
// settled since the last.
//
// A dropped key is gone from memory and storage. store/absence.ts defines what its absence means.

import { assert } from '../base/assert.ts';
import type { Outbox, RangeEntry, RangeResult, Turn } from '../model/effect.ts';
import type { Dot } from '../model/id.ts';
import { latestOf, type Record, stampOf } from '../model/record.ts';
import { covers, dominates, meetVectors, type ReadonlyVector } from '../model/vector.ts';
import type { Checkpoint, Ticket } from '../store/checkpoint.ts';
import { allTombstones, parseTombstoneKey, tombstonesAfter } from '../store/layout.ts';
import { decodeName, type RecordIndex } from '../store/record-index.ts';
import type { Heal } from '../model/heal.ts';
import { Sweep } from './sweep.ts';
import type { Metrics } from '../model/metrics.ts';
import type { Stability } from './stability.ts';
import type { Table } from '../store/table.ts';

const PIECE_ENTRIES = 256;

export interface TombstonesOptions {
  readonly index: RecordIndex;
  readonly metrics: Metrics;
  readonly stability: Stability;
  readonly table: Table;
  readonly checkpoint: Pick<Checkpoint, 'next' | 'covers'>;
}

export class Tombstones {
  readonly #options: TombstonesOptions;
  readonly #heal: Heal;
  readonly #sweep: Sweep;
  /** The settled cut when the last walk began. */
  #walked: ReadonlyVector = new Map();
  #cut: ReadonlyVector = new Map();
  /** What was settled before the last finished checkpoint began. */
  #covered: ReadonlyVector = new Map();
  #sample: { readonly cut: ReadonlyVector; readonly ticket: Ticket } | undefined;

  constructor(options: TombstonesOptions, heal: Heal) {
    this.#options = options;
    this.#heal = heal;
    this.#sweep = new Sweep(PIECE_ENTRIES, (result, turn) => this.#onPiece(result, turn));
  }

  onBeat(out: Outbox): void {
    const { stability } = this.#options;
    stability.onBeat();
    if (this.#sweep.isIdle) {
      this.#cut = this.#removable();
      if (dominates(this.#walked, this.#cut)) return;
      this.#walked = this.#cut;
      this.#sweep.begin(allTombstones());
    }
    this.#goOn(out);
  }

  /** After each commit, with its number of mutations. */
  onDurable(mutations: number, out: Outbox): void {
    this.#sweep.allow(mutations);
    this.#goOn(out);
  }

  #onPiece(result: RangeResult, turn: Turn): void {
    this.#cut = this.#removable();
    this.#sweep.pass(result);
    if (result.ok) this.#walk(result.entries, turn);
    else turn.note('error', 'tombstones-unreadable', { reason: result.reason });
    this.#goOn(turn);
  }

  /**
   * Deletes up to here may be removed from disk: everything older was received before the
   * checkpoint began that covers them, so no replay restores it.
   */
  #removable(): ReadonlyVector {
    const { checkpoint, stability } = this.#options;
    const { cut } = stability;
    this.#sample ??= { cut, ticket: checkpoint.next };
    if (checkpoint.covers(this.#sample.ticket)) {
      this.#covered = this.#sample.cut;
      this.#sample = undefined;
    }
    return meetVectors([this.#covered, cut]);
  }

  /** The walk continues once what it dropped is durable. */
  #goOn(out: Outbox): void {
    if (this.#options.table.cells.dropping === 0) this.#sweep.goOn(out);
  }

  #walk(entries: readonly RangeEntry[], turn: Turn): void {
    for (const entry of entries) {
      const dot = parseTombstoneKey(entry.key);
      if (dot === undefined) turn.del(entry.key);
      else if (!covers(this.#cut, dot)) return this.#sweep.leap(tombstonesAfter(dot.origin));
      else this.#take(entry, dot, turn);
    }
  }

  #take({ value }: RangeEntry, dot: Dot, turn: Turn): void {
    const { table, index, metrics } = this.#options;
    const name = decodeName(value);
    // Its tombstone stays, and the scrub adds the index entry again.
    if (name === undefined) return index.removeTombstone(dot, turn);
    const cell = table.read(name.namespace, name.key);
    if (cell.damaged) return this.#heal(name.namespace, name.key, turn);
    const { record } = cell;
    if (record === undefined || !isOf(record, dot)) {
      index.removeTombstone(dot, turn);
    } else {
      assert(covers(this.#cut, dot), 'tombstones: only what is settled is dropped');
      table.drop(record, stampOf(record), turn);
      metrics.tombstonesDropped++;
    }
  }
}

function isOf(record: Record, dot: Dot): boolean {
  const { origin, seq } = latestOf(record);
  return origin === dot.origin && seq === dot.seq;
}
