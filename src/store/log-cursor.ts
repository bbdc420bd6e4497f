// A place in the log of one lane, from which its owner reads on: the sender of a stream, the server
// of pulls, and later every other follower of a log. Recent entries come from memory. Older ones
// are read from storage, one range at a time, and verified.
//
//   next -> entries      those at the place, as many as one step holds; the place is behind them
//                        now
//   next -> end          no durable entry follows yet: ask again when the lane has grown
//   next -> truncated    the entries at the place are gone here: another holder or a snapshot has
//                        them
//   next -> reading      storage is asked; its answer goes to `onRead`:
//           entries        as above
//           unreadable     storage failed: the next call reads again
//           damaged        storage has no intact entry at the place, although the lane holds one
//           moved          the place was moved or truncated during the read: call `next` again
//
// How an owner uses it: it calls `next` while its window has room, and stops at every step other
// than `entries`. The window belongs to the owner; the cursor reads nothing ahead. The owner calls
// `skipTo` when its reader got entries by another way, `rewind` when its reader lost some, and
// `cancel` when it no longer wants the result of a read.
//
// Invariants:
//  1. Only durable entries are given.
//  2. Entries follow each other without a gap.
//  3. No step ends within a run. So a step has `bytesMax` bytes and one entry more, and then
//     continues to the end of the run that was begun.
//  4. One read at a time.

import { assert } from '../base/assert.ts';
import type { Outbox, RangeResult, Turn } from '../model/effect.ts';
import type { Seq } from '../model/id.ts';
import type { Mutation } from '../model/record.ts';
import { RUN_BYTES_MAX } from '../model/run.ts';
import { fromMemory, isInMemory, runSpan, uncut, verified } from './excerpt.ts';
import type { Lane } from './lane.ts';
import { laneSpan } from './layout.ts';
import { SingleRead } from './single-read.ts';

/** The result of a finished read. */
export type LogStepRead =
  | { readonly kind: 'entries'; readonly entries: readonly Mutation[] }
  | { readonly kind: 'unreadable'; readonly reason: string }
  | { readonly kind: 'damaged' }
  | { readonly kind: 'moved' };

/** The result of `next`. */
export type LogStep =
  | { readonly kind: 'entries'; readonly entries: readonly Mutation[] }
  | { readonly kind: 'end' }
  | { readonly kind: 'truncated'; readonly floor: Seq }
  | { readonly kind: 'reading' };

export interface LogCursorOptions {
  readonly lane: Lane;
  /** The first entry to be read, from 1. */
  readonly at: Seq;
  readonly bytesMax: number;
  readonly onRead: (step: LogStepRead, cursor: LogCursor, turn: Turn) => void;
}

interface Reading {
  readonly from: Seq;
  /** From there on to the end of one run. */
  readonly isRun: boolean;
  readonly to: Seq;
}

export class LogCursor {
  readonly lane: Lane;
  readonly #bytesMax: number;
  readonly #onRead: LogCursorOptions['onRead'];
  readonly #reading = new SingleRead<Reading>((...read) => this.#onResult(...read));
  #at: Seq;

  constructor({ lane, at, bytesMax, onRead }: LogCursorOptions) {
    assert(at >= 1, 'log cursor: before the first entry');
    this.lane = lane;
    this.#at = at;
    this.#bytesMax = bytesMax;
    this.#onRead = onRead;
  }

  /** The next entry to give. */
  get at(): Seq {
    return this.#at;
  }

  get isReading(): boolean {
    return this.#reading.isUnderWay;
  }

  next(out: Outbox): LogStep {
    const { lane } = this;
    if (this.isReading) return READING;
    if (this.#at > lane.durable) return END;
    if (this.#at <= lane.floor) return { kind: 'truncated', floor: lane.floor };
    if (isInMemory(lane, this.#at)) return this.#give(fromMemory(lane, this.#at, this.#bytesMax));
    this.#read(lane.durable, false, out);
    return READING;
  }

  /** Skips the entries before `at`. A read under way still ends, with the result `moved`. */
  skipTo(at: Seq): void {
    assert(at >= this.#at, 'log cursor: a skip goes forward');
    this.#at = at;
  }

  /** Goes back to `at`, and drops the read under way. */
  rewind(at: Seq): void {
    assert(at >= 1, 'log cursor: before the first entry');
    assert(at <= this.#at, 'log cursor: a rewind goes back');
    this.#at = at;
    this.cancel();
  }

  /** The result of a read under way will not be reported. */
  cancel(): void {
    this.#reading.cancel();
  }

  #read(to: Seq, isRun: boolean, out: Outbox): void {
    const bytesMax = isRun ? RUN_BYTES_MAX : this.#bytesMax;
    const reading = { from: this.#at, isRun, to };
    const span = isRun ? runSpan(this.lane, this.#at, to) : laneSpan(this.lane.id, this.#at, to);
    this.#reading.begin(span, { bytesMax }, reading, out);
  }

  #onResult(result: RangeResult, { from, isRun, to }: Reading, turn: Turn): void {
    const isMoved = from !== this.#at || from <= this.lane.floor;
    if (!result.ok) return this.#onRead({ kind: 'unreadable', reason: result.reason }, this, turn);
    if (isMoved) return this.#onRead(MOVED, this, turn);
    const read = verified(result, this.lane.id, from);
    // The block that holds the end of the run may end behind it.
    const excerpt = uncut(isRun ? read.filter(({ seq }) => seq <= to) : read);
    if (excerpt.kind === 'cut' && !isRun) {
      // The range begins or ends within a run: the run is read again, whole.
      this.#at = excerpt.from;
      this.#read(excerpt.to, true, turn);
    } else if (excerpt.kind === 'cut' || excerpt.entries.length === 0) {
      this.#onRead(DAMAGED, this, turn);
    } else {
      this.#onRead(this.#give(excerpt.entries), this, turn);
    }
  }

  #give(entries: readonly Mutation[]): { readonly kind: 'entries'; entries: readonly Mutation[] } {
    const last = entries[entries.length - 1];
    assert(last !== undefined, 'log cursor: a step has an entry');
    assert(last.seq <= this.lane.durable, 'log cursor (1): an entry that is not durable');
    assert(last.seq >= this.#at, 'log cursor (2): entries before its place');
    this.#at = last.seq + 1;
    return { kind: 'entries', entries };
  }
}

const END = { kind: 'end' } as const;
const READING = { kind: 'reading' } as const;
const MOVED = { kind: 'moved' } as const;
const DAMAGED = { kind: 'damaged' } as const;
