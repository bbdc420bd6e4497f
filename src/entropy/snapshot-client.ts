// Copies a peer's records when the logs no longer reach back (docs/protocol.md): requests a few
// parts, merges one after the other, requests another with each, and in the end joins the vector
// that the snapshot covers, so that the streams continue after it. So the next parts are on their
// way while one is merged, and at most the window is kept.
//
//   idle -> copying   every peer that holds the missing entries of some origin has truncated them
//   copying -> idle   the last part is merged: the logs jump to what the snapshot covers
//
//   within a copy     waiting -> asked <-> merging; asked, merging -> waiting if the parts do not
//                     follow each other
//
// Merging never replaces (part-merge.ts): newer records here stay, and are streamed. Once a part is
// merged, a mark of the copy's progress is made durable, so a restart continues from there, with
// any peer that shows all that the snapshot covers. A part that does not arrive is requested again
// after a while, from the next such peer. After the records come the idempotency keys, which are
// merged too: the smaller version stays.
//
// Absence is information (part-merge.ts). Why that is right, with C for what the snapshot
// covers, T for a delete and R for a record that it replaced or was concurrent to and newer than:
//
//   (1) A part is read later than C was taken, so it shows the effect of every dot in C: the
//       version of C or a newer one, or nothing if a T was dropped. R in C and not shown was
//       therefore deleted, here too: it is dropped.
//   (2) R beyond C may be unknown to the replica that gives the snapshot: it stays. It is not older
//       than a T that was dropped there: T was dropped before C was taken, and then every member
//       had all that is older than T, so R would be in C; or later, and then this replica had
//       acknowledged T while it copied, so T is applied here.
//   (3) T beyond C that is made and dropped meanwhile needs this replica's acknowledgement, so it
//       is applied here. A T beyond C that this replica acknowledged before it lost its disk may be
//       gone everywhere: then so is its log entry, the log cannot continue after C, and another
//       snapshot follows, whose C has it.
//   (4) R in C can arrive by a stream, a repair or a read after its range was copied. Its range has
//       its effect already, so if nothing as new is stored it is not merged (store/absence.ts): an
//       older T, which the merge keeps, does not admit it. If it arrived before, and is not
//       durable, the merge finds it in memory.
//   (5) A copy that begins again, with a smaller C, undoes nothing: merged records stay, dropped
//       ones were deleted, and what was not merged under (4) was in the part that was.
//   (6) While parts wait here no tombstone is dropped here (upkeep/tombstones.ts), so an older
//       record that a part still shows meets the T that came by the stream.
//   (7) A restart reads the mark, and with it (4) holds for the same range; the part after it is
//       requested again.

import { assert } from '../base/assert.ts';
import type { ByteReader, ByteWriter } from '../base/bytes.ts';
import { createRing } from '../base/ring.ts';
import type { Now, Outbox, Turn } from '../model/effect.ts';
import { type LaneId, parseOrigin, type ReplicaId, type Seq } from '../model/id.ts';
import type { Behind, LaneHead, NamedWrite, Position, SnapshotChunk } from '../model/message.ts';
import type { Metrics } from '../model/metrics.ts';
import { encodedOf, type Record } from '../model/record.ts';
import { type ReadonlyVector, seqOf } from '../model/vector.ts';
import type { Absence } from '../store/absence.ts';
import { seal, unseal } from '../store/envelope.ts';
import { metaKey, NAMED } from '../store/layout.ts';
import type { Checkpoint, Ticket } from '../store/checkpoint.ts';
import type { Log } from '../store/log.ts';
import type { Table } from '../store/table.ts';

import type { CopyBudget } from './copy-budget.ts';
import { type PartEnd, PartMerge } from './part-merge.ts';
import type { Holder } from '../peers/peers.ts';

export interface SnapshotClientOptions {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly table: Table;
  readonly absence: Absence;
  /** The bound of a part. */
  readonly bytesMax: number;
  readonly retryMs: number;
  readonly budget: CopyBudget;
  readonly checkpoint: Pick<Checkpoint, 'request' | 'covers'>;
  /** A copy begins, or ends. */
  readonly onCopy: (isCopying: boolean) => void;
  /** A record of the snapshot is merged. */
  readonly admit: (record: Record, turn: Turn) => void;
  /** A write that an idempotency key names. */
  readonly remember: (named: NamedWrite, out: Outbox) => void;
  /** The log of an origin is stamped further ahead than this replica may show. */
  readonly isAhead: (cover: LaneHead, now: Now) => boolean;
  /** The log of an origin has jumped. */
  readonly jump: (cover: LaneHead, turn: Turn) => void;
}

/** A part that is being merged. */
interface Part {
  readonly last: Position;
  readonly more: boolean;
  readonly holder: Holder;
}

/**
 * The state of a copy. `untilMs`: if nothing arrives until then, the next part is requested again.
 */
type Step =
  /**
   * All is merged, and is made durable once more, with all that was received meanwhile, before the
   * logs jump.
   */
  | { readonly kind: 'finishing'; readonly ticket: Ticket }
  | { readonly kind: 'waiting'; readonly untilMs: number }
  | { readonly kind: 'asked'; readonly id: number; untilMs: number }
  | { readonly kind: 'merging'; readonly id: number; untilMs: number; readonly part: Part };

interface Copy {
  step: Step;
  /** The peer asked last; -1 for none. */
  peer: number;
  /** Empty until the first part has arrived. */
  covers: readonly LaneHead[];
  after: Position;
  /** Counted since this process began. */
  parts: number;
  records: number;
}

/** A part that has arrived. */
interface Arrived {
  readonly holder: Holder;
  readonly chunk: SnapshotChunk;
}

/** The progress of a copy. */
export interface CopyMade {
  readonly parts: number;
  readonly records: number;
  /** The last record that has arrived, '' if there is none. */
  readonly after: Position;
}

const MARK = metaKey('snapshot');
const POSITION_BYTES_MAX = 2048;
/** Parts on their way or waiting here. */
const WINDOW_PARTS = 16;
/**
 * The pause between requests that are answered with records stamped ahead; it doubles up to this.
 */
const AHEAD_WAIT_MS_MAX = 60_000;
/**
 * At this many records in memory only, no part is merged: a larger batch would block the disk for
 * others.
 */
const UNDURABLE_MAX = 2048;

export class SnapshotClient {
  readonly #options: SnapshotClientOptions;
  readonly #merge: PartMerge;
  /**
   * Up to which position peers have truncated logs that this replica needs from an earlier one, by
   * origin and peer.
   */
  readonly #floors = new Map<LaneId, Map<number, Seq>>();
  readonly #arrived = createRing<Arrived>(WINDOW_PARTS);
  #copy: Copy | undefined;
  #lastId = 0;
  #isPostponed = false;
  /** Peers whose snapshots were stamped ahead, during this copy. */
  readonly #ahead = new Set<ReplicaId>();
  #aheadWaitMs = 0;

  constructor(options: SnapshotClientOptions) {
    this.#options = options;
    this.#merge = new PartMerge({
      ...options,
      onEnd: (end, turn) => this.#onMergeEnd(end, turn),
    });
  }

  get isCopying(): boolean {
    return this.#copy !== undefined;
  }

  get made(): CopyMade | undefined {
    return this.#copy;
  }

  /** At start: an unfinished copy continues. If its mark is unreadable, it begins again. */
  restore(mark: Uint8Array | undefined): void {
    const copy = mark === undefined ? undefined : decodeMark(mark);
    if (copy === undefined) return;
    this.#copy = copy;
    this.#options.onCopy(true);
    assert(copy.step.kind === 'waiting', 'snapshot client: a copy that is restored has asked none');
    this.#options.absence.onCopied(copy.covers, copy.after);
  }

  /** A peer reports that its log of `origin` does not reach back to what we need. */
  onBehind(peer: number, { origin, floor }: Behind): void {
    const floors = this.#floors.get(origin);
    if (floors === undefined) this.#floors.set(origin, new Map([[peer, floor]]));
    else floors.set(peer, floor);
  }

  onDisconnected(peer: number): void {
    for (const floors of this.#floors.values()) floors.delete(peer);
    const copy = this.#copy;
    if (copy?.peer !== peer) return;
    const { step } = copy;
    if (step.kind === 'asked' || step.kind === 'merging') step.untilMs = 0;
  }

  /** Begins a copy if no log helps, and requests missing parts again. */
  onBeat(holders: readonly Holder[], turn: Turn): void {
    const copy = this.#copy;
    if (copy === undefined) {
      const holder = holders.find((each) => this.#isNeededFrom(each, holders));
      if (holder === undefined || !this.#mayBegin(turn)) return;
      this.#copy = begunAt('', []);
      this.#options.onCopy(true);
      turn.note('warn', 'snapshot-begins', { of: holder.id });
      this.#ask(this.#copy, holder, turn);
    } else if (copy.step.kind === 'finishing') {
      this.#finishOnce(copy, turn);
    } else if (copy.step.kind === 'merging') {
      this.#merge.goOn(turn);
    } else if (this.#arrived.size > 0) {
      this.#take(copy, turn);
    } else if (turn.now.monoMs >= copy.step.untilMs) {
      this.#askAgain(copy, holders, turn);
    }
  }

  /** A batch is durable: there may be room for the next part. */
  onDurable(turn: Turn): void {
    const copy = this.#copy;
    if (copy?.step.kind === 'finishing') this.#finishOnce(copy, turn);
    else if (copy !== undefined && this.#arrived.size > 0) this.#take(copy, turn);
  }

  onChunk(holder: Holder, chunk: SnapshotChunk, turn: Turn): void {
    const copy = this.#copy;
    if (copy?.peer !== holder.peer) return;
    if (copy.step.kind === 'waiting' || copy.step.kind === 'finishing') return;
    if (copy.step.id !== chunk.id) return;
    copy.step.untilMs = turn.now.monoMs + this.#options.retryMs;
    if (this.#arrived.size >= WINDOW_PARTS) return this.#breakOff(copy);
    this.#arrived.push({ holder, chunk });
    this.#take(copy, turn);
  }

  #onMergeEnd(end: PartEnd, turn: Turn): void {
    const copy = this.#copy;
    if (copy === undefined) return;
    if (end === 'done') this.#onMerged(copy, turn);
    else this.#breakOff(copy);
  }

  /** Merges the next part, when the one before is merged and there is room for its records. */
  #take(copy: Copy, turn: Turn): void {
    const { isAhead, metrics, remember, table } = this.#options;
    const { step } = copy;
    assert(
      step.kind !== 'waiting' || this.#arrived.size === 0,
      'snapshot client: what waits here was asked for',
    );
    if (step.kind !== 'asked' || table.cells.undurableCount > UNDURABLE_MAX) return;
    const next = this.#arrived.shift();
    if (next === undefined) return;
    const { chunk, holder } = next;
    const { after, last, more, records } = chunk;
    // The sweep would take the records of a missing part for deleted.
    if (after !== copy.after) return this.#breakOff(copy);
    if (after === '' && chunk.covers.some((cover) => isAhead(cover, turn.now)))
      return this.#waitForTime(copy, holder, turn);
    if (after === '') copy.covers = chunk.covers;
    this.#aheadWaitMs = 0;
    for (const record of records) metrics.snapshotBytes += encodedOf(record).length;
    for (const named of chunk.named) remember(named, turn);
    metrics.snapshotChunksReceived++;
    metrics.snapshotRecordsReceived += records.length;
    copy.parts++;
    copy.records += records.length;
    copy.step = { ...step, kind: 'merging', part: { last, more, holder } };
    if (after.startsWith(NAMED)) return this.#onMerged(copy, turn);
    const { covers } = copy;
    const upTo = last.startsWith(NAMED) ? undefined : last;
    this.#merge.begin({ after, last: upTo, records, covers }, turn);
  }

  #onMerged(copy: Copy, turn: Turn): void {
    if (copy.step.kind !== 'merging') return;
    const { id, part } = copy.step;
    copy.after = part.last;
    if (!part.more) {
      copy.step = { kind: 'finishing', ticket: this.#options.checkpoint.request(turn) };
      return;
    }
    turn.put(MARK, encodeMark(copy));
    copy.step = { kind: 'asked', id, untilMs: turn.now.monoMs + this.#options.retryMs };
    turn.send(part.holder.peer, { kind: 'snapshot-credit', id, parts: 1 });
    this.#take(copy, turn);
  }

  /** Parts on their way no longer count; with the next heartbeat the copy continues at its mark. */
  #breakOff(copy: Copy): void {
    copy.step = { kind: 'waiting', untilMs: 0 };
    this.#merge.cancel();
    this.#arrived.clear();
  }

  /**
   * A log that it covers was stamped by a wrong clock: another peer is asked later, or this one
   * again.
   */
  #waitForTime(copy: Copy, { id }: Holder, turn: Turn): void {
    this.#breakOff(copy);
    const waitMs = this.#aheadWaitMs * 2 || this.#options.retryMs;
    this.#aheadWaitMs = Math.min(waitMs, AHEAD_WAIT_MS_MAX);
    copy.step = { kind: 'waiting', untilMs: turn.now.monoMs + this.#aheadWaitMs };
    if (this.#ahead.has(id)) return;
    this.#ahead.add(id);
    turn.note('warn', 'snapshot-ahead', { of: id });
  }

  /**
   * A log that continues behind the copy may hold an entry that the copy has found deleted. Once
   * the mark covers it, no replay restores it.
   */
  #finishOnce(copy: Copy, turn: Turn): void {
    if (copy.step.kind !== 'finishing') return;
    if (this.#options.checkpoint.covers(copy.step.ticket)) this.#finish(copy, turn);
  }

  // copying -> idle
  #finish(copy: Copy, turn: Turn): void {
    assert(this.#copy === copy, 'snapshot client: a copy ends once');
    assert(copy.step.kind === 'finishing', 'snapshot client: a copy ends once all is merged');
    this.#copy = undefined;
    this.#ahead.clear();
    for (const cover of copy.covers) this.#options.jump(cover, turn);
    this.#options.absence.onCopyEnd();
    turn.del(MARK);
    this.#options.metrics.snapshotsReceived++;
    turn.note('info', 'snapshot-ends', { origins: copy.covers.length });
    this.#options.onCopy(false);
  }

  /**
   * The delta rule: as long as one connected peer still has the entries in its log, they come from
   * there.
   */
  #isNeededFrom(holder: Holder, holders: readonly Holder[]): boolean {
    for (const [origin, floors] of this.#floors) {
      const received = this.#options.log.received(origin);
      const isTooFar = ({ peer }: Holder): boolean => (floors.get(peer) ?? 0) > received;
      if (!isTooFar(holder) || seqOf(holder.holds, origin) <= received) continue;
      if (holders.filter(({ holds }) => seqOf(holds, origin) > received).every(isTooFar))
        return true;
    }
    return false;
  }

  /**
   * From the same peer, or the next one that shows all that is covered; if there is none, a new
   * copy begins.
   */
  #askAgain(copy: Copy, holders: readonly Holder[], turn: Turn): void {
    const isCovered = (vector: ReadonlyVector): boolean =>
      copy.covers.every(({ origin, seq }) => seqOf(vector, origin) >= seq);
    const able = holders.filter(({ shows }) => isCovered(shows));
    // A peer says with its next heartbeat what it shows.
    if (able.length === 0 && holders.some(({ holds }) => isCovered(holds)) && copy.after !== '')
      return;
    const next = able.find(({ peer }) => peer > copy.peer) ?? able[0] ?? holders[0];
    if (next === undefined) return;
    if (able.length === 0) {
      if (!this.#mayBegin(turn)) return;
      copy.covers = [];
      copy.after = '';
      this.#options.absence.onCopied([], '');
    }
    this.#ask(copy, next, turn);
  }

  #mayBegin(turn: Turn): boolean {
    const { budget, metrics } = this.#options;
    const mayBegin = budget.take(turn.now.monoMs);
    if (!mayBegin && !this.#isPostponed) {
      metrics.snapshotsPostponed++;
      turn.note('error', 'snapshot-postponed', { waitMs: budget.waitMs(turn.now.monoMs) });
    }
    this.#isPostponed = !mayBegin;
    return mayBegin;
  }

  #ask(copy: Copy, { peer }: Holder, turn: Turn): void {
    this.#arrived.clear();
    assert(
      copy.step.kind === 'waiting' || copy.step.kind === 'asked',
      'snapshot client: a part is requested after the one before is swept',
    );
    copy.peer = peer;
    const id = ++this.#lastId;
    copy.step = { kind: 'asked', id, untilMs: turn.now.monoMs + this.#options.retryMs };
    const { bytesMax } = this.#options;
    const window = { bytesMax, parts: WINDOW_PARTS };
    turn.send(peer, { kind: 'snapshot-request', id, after: copy.after, ...window });
  }
}

export function snapshotMark(): Uint8Array {
  return MARK;
}

function begunAt(after: Position, covers: readonly LaneHead[]): Copy {
  const step = { kind: 'waiting', untilMs: 0 } as const;
  return { step, peer: -1, covers, after, parts: 0, records: 0 };
}

function encodeMark({ after, covers }: Copy): Uint8Array {
  return seal((writer: ByteWriter) => {
    writer.text(after);
    writer.varint(covers.length);
    for (const { origin, seq, chain, hlc } of covers) {
      writer.text(origin);
      writer.varint(seq);
      writer.u64(chain);
      writer.u64(hlc);
    }
  });
}

function decodeMark(bytes: Uint8Array): Copy | undefined {
  const reader: ByteReader | undefined = unseal(bytes);
  if (reader === undefined) return undefined;
  const after = reader.text(POSITION_BYTES_MAX);
  const covers: LaneHead[] = [];
  for (let left = reader.varint(); left > 0 && !reader.failed; left--) {
    const origin = parseOrigin(reader.text(POSITION_BYTES_MAX));
    const seq = reader.varint();
    const chain = reader.u64();
    const hlc = reader.u64();
    if (origin === undefined) return undefined;
    covers.push({ origin, seq, chain, hlc });
  }
  return reader.finished ? begunAt(after, covers) : undefined;
}
