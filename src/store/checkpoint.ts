// Brings the table to disk (checkpoint and redo log: Gray and Reuter, "Transaction Processing",
// 1993, chapters 9 to 11). A commit makes the logs durable and nothing else; the records that it
// changed are dirty, in memory only, until a checkpoint writes them.
//
//   idle -> writing    enough is dirty, enough was logged, or enough time has passed
//   writing -> idle    every leaf that was dirty when it began is written, and then the mark
//
// It writes in pieces, each in the batch of a commit. A piece has all dirty records of some leaves
// of the hash tree and those leaves, so on disk a leaf is the sum of its records at every moment.
// The mark is the state of each lane as it was when the checkpoint began. It comes with the last
// piece, so the table on disk has all that the mark covers, and may have more. A start replays what
// the logs hold behind the mark; what the table has already changes nothing.
//
// A record that no log implies (a repair, a part of a snapshot) is written in the batch of its own
// turn, with its leaf or, while a snapshot is copied, without (table.ts).
//
// Invariants: (1) one checkpoint at a time; (2) nothing behind the mark is truncated; (3) what is
// removed without a log entry was covered by the mark when it goes, or a replay would bring an
// older entry of it back.
//
// Bounds: a piece has at least twice as many bytes as were logged since the piece before it. So a
// checkpoint ends, writers are slowed by what they leave to be written, and at most this many bytes
// are dirty: the limit at which a checkpoint begins, what three commits log, and LEAF_BYTES for
// each leaf. What a commit logs while a slow disk takes long has no such bound: at DIRTY_FACTOR
// times the limit, and DIRTY_BYTES_LEAST, writes of clients are refused, and nothing of them has
// happened. Peers send no more than their windows before what they sent is durable.

import { assert } from '../base/assert.ts';
import type { Now, Turn } from '../model/effect.ts';
import { type Fault, fault } from '../model/fault.ts';
import type { Metrics } from '../model/metrics.ts';
import type { Settings } from '../model/settings.ts';
import type { LaneHeads, Log } from './log.ts';
import type { Table } from './table.ts';

export interface CheckpointOptions {
  readonly log: Log;
  readonly table: Table;
  readonly metrics: Metrics;
  /** While the disk is low, elapsed time alone begins no checkpoint: it would need room. */
  readonly room: { readonly isLow: boolean };
  readonly settings: Pick<
    Settings,
    'checkpointBytes' | 'checkpointEntries' | 'checkpointMs' | 'checkpointPieceBytes'
  >;
}

/**
 * The number of a checkpoint. It, and each later one, covers everything that was received before it
 * began.
 */
export type Ticket = number;

interface Writing {
  /** Leaves that are not written yet, the last one first. */
  readonly leaves: number[];
  readonly heads: LaneHeads;
  readonly beganMs: number;
}

/** Least bytes of records in a piece at the end of the process, where no commit waits for it. */
const LAST_PIECE_BYTES = 1024 * 1024;
/** The overhead of a leaf, and of the key of a record. */
const LEAF_BYTES = 32;
const SHARE_OF_LOGGED = 2;
/** Writes are refused when the dirty bytes reach this multiple of the limit of a checkpoint. */
const DIRTY_FACTOR = 4;
const DIRTY_BYTES_LEAST = 64 * 1024 * 1024;

export class Checkpoint {
  readonly #options: CheckpointOptions;
  #writing: Writing | undefined;
  #begun: Ticket = 0;
  #finished: Ticket = 0;
  /**
   * How much all logs had received when the last checkpoint began, and when the last piece was
   * written.
   */
  #loggedAtBegin = 0;
  #loggedAtPiece = 0;
  #beganMs = 0;
  /** When the last finished checkpoint began. */
  #markMs = 0;
  #isWanted = false;
  #isOpen = false;
  #pieceBytes: number;

  constructor(options: CheckpointOptions) {
    this.#options = options;
    this.#pieceBytes = options.settings.checkpointPieceBytes;
  }

  /**
   * Storage is read, and the entries behind the mark are replayed. A mark set earlier would exclude
   * entries that were not replayed yet.
   */
  open({ now }: Pick<Turn, 'now'>): void {
    assert(!this.#isOpen, 'checkpoint: opened once');
    this.#isOpen = true;
    this.#beganMs = now.monoMs;
    this.#markMs = now.monoMs;
  }

  /** The number of the next checkpoint. */
  get next(): Ticket {
    return this.#begun + 1;
  }

  /** Everything that was received before this checkpoint began is in the table on disk. */
  covers(ticket: Ticket): boolean {
    assert(ticket <= this.next, 'checkpoint: a ticket is at most the next one');
    if (this.#finished >= ticket) return true;
    return this.isComplete;
  }

  /** A checkpoint begins with the next commit, or as soon as the one under way has ended. */
  request(turn: Turn): Ticket {
    this.#isWanted = true;
    turn.awaitSeal();
    return this.next;
  }

  /** The process stops, and no input arrives any more: asks for the last checkpoint. */
  requestLast(turn: Turn): void {
    this.#pieceBytes = LAST_PIECE_BYTES;
    if (!this.isComplete) this.request(turn);
  }

  /** Nothing is left to write: the table on disk has everything that the logs have. */
  get isComplete(): boolean {
    return this.#writing === undefined && this.#isNothingNew;
  }

  /** Why no client may make more records dirty; `undefined`: it may. */
  get fullness(): Fault | undefined {
    const { settings, table } = this.#options;
    const bytesMax = Math.max(DIRTY_FACTOR * settings.checkpointBytes, DIRTY_BYTES_LEAST);
    if (table.cells.dirty.bytes < bytesMax) return undefined;
    const detail = 'too much waits for the disk of this replica; nothing was written';
    return fault('overloaded', detail, { retryAfterMs: 1000 });
  }

  /** Called at every heartbeat, so a replica without writes makes its checkpoint, too. */
  onBeat(turn: Turn): void {
    this.#measure(turn.now);
    if (this.#writing !== undefined || this.#isDue(turn)) turn.awaitSeal();
  }

  onDurable(turn: Turn): void {
    if (this.#writing !== undefined || this.#isWanted) turn.awaitSeal();
  }

  /** The batch is about to be committed: this is the last moment to add to it. */
  onSeal(turn: Turn): void {
    const { table } = this.#options;
    if (!this.#isOpen) return;
    if (this.#writing === undefined && (this.#isWanted || this.#isDue(turn))) this.#begin(turn);
    table.writeThrough(turn);
    if (this.#writing !== undefined) this.#write(this.#writing, turn);
    table.sealCensus(turn);
  }

  #measure({ monoMs }: Now): void {
    const { log, metrics, table } = this.#options;
    const { dirty } = table.cells;
    metrics.checkpointAgeSeconds = this.isComplete ? 0 : (monoMs - this.#markMs) / 1000;
    metrics.dirtyRecords = dirty.size;
    metrics.dirtyBytes = dirty.bytes;
    metrics.entriesBehindMark = log.entriesBehindMark();
  }

  get #isNothingNew(): boolean {
    const { log, table } = this.#options;
    return table.cells.dirty.size === 0 && log.loggedEntries === this.#loggedAtBegin;
  }

  #isDue({ now }: Turn): boolean {
    const { log, room, table, settings } = this.#options;
    if (this.#isNothingNew && !table.hasDirtyLeaves) return false;
    if (table.cells.dirty.bytes >= settings.checkpointBytes) return true;
    if (log.loggedEntries - this.#loggedAtBegin >= settings.checkpointEntries) return true;
    return !room.isLow && now.monoMs - this.#beganMs >= settings.checkpointMs;
  }

  // idle -> writing
  #begin({ now }: Turn): void {
    const { log, table } = this.#options;
    assert(this.#writing === undefined, 'checkpoint (1): one at a time');
    assert(this.#finished === this.#begun, 'checkpoint (1): the one before has ended');
    this.#isWanted = false;
    this.#begun++;
    this.#beganMs = now.monoMs;
    this.#loggedAtBegin = log.loggedEntries;
    this.#loggedAtPiece = log.loggedBytes;
    const leaves = table.takeDirtyLeaves();
    this.#writing = { leaves, heads: log.headsBehindMark(), beganMs: now.monoMs };
  }

  #write(writing: Writing, turn: Turn): void {
    const { log, metrics, table } = this.#options;
    const logged = log.loggedBytes - this.#loggedAtPiece;
    assert(logged >= 0, 'checkpoint: what was logged only grows');
    this.#loggedAtPiece = log.loggedBytes;
    let left = Math.max(this.#pieceBytes, SHARE_OF_LOGGED * logged);
    for (let leaf = writing.leaves.pop(); leaf !== undefined; leaf = writing.leaves.pop()) {
      const bytes = table.writeLeaf(leaf, turn);
      metrics.checkpointBytes += bytes;
      left -= LEAF_BYTES + bytes;
      if (left <= 0) break;
    }
    metrics.checkpointPieces++;
    if (writing.leaves.length === 0) this.#finish(writing, turn);
  }

  // writing -> idle
  #finish({ heads, beganMs }: Writing, turn: Turn): void {
    const { log, metrics, table } = this.#options;
    assert(this.#writing?.leaves.length === 0, 'checkpoint: the mark comes with the last piece');
    this.#writing = undefined;
    this.#finished = this.#begun;
    this.#markMs = beganMs;
    log.mark(heads, turn);
    table.onWritten(turn);
    metrics.checkpoints++;
    metrics.checkpointPieces = 0;
    metrics.checkpointSeconds.observe((turn.now.monoMs - beganMs) / 1000);
  }
}
