// Takes over a peer's records where the logs no longer reach back (docs/protocol.md): asks for a few parts, merges one after the
// other as they come, asks for another with each, and in the end joins what the whole covers, so that the streams go on
// behind it. So the next parts are on their way while one is merged, and no more than the window is kept.
//
//   idle -> copying   every peer that holds what is missing of some origin has truncated it
//   copying -> idle   the last chunk is merged: the logs jump to what the snapshot covers
//
//   within a copy     waiting -> asked <-> sweeping; asked, sweeping -> waiting where the parts do not follow each other
//
// Merging never replaces: what is newer here stays, and is streamed. Once what a part speaks for is swept, a mark of how far
// the copy has come is made durable, so a restart goes on from there, with any peer that holds all that the snapshot
// covers. A part that does not come is asked for again after a while, of the next such peer. Behind the records come the
// idempotency keys, which are merged too: the smaller version stays.
//
// Absence speaks (absence-sweep.ts). Why that is right, with C for what the snapshot covers, T for a delete and R for a
// record that it replaced or was concurrent to and newer than:
//
//   (1) A part is read later than C was taken, so it shows the effect of every dot in C: what C has of a key, or newer, or
//       nothing, where a T was dropped. R in C and not shown was therefore deleted, here too: it is dropped.
//   (2) R beyond C may be news to the replica that gives the snapshot: it stays. It is not older than a T that was dropped there: T was
//       dropped before C was taken, and then every member had all that is older than T, so R would be in C; or later, and
//       then this replica had acknowledged T while it copied, so T is applied here.
//   (3) T beyond C that is made and dropped meanwhile needs this replica's acknowledgement, so it is applied here. A T
//       beyond C that this replica acknowledged before it lost its disk may be gone everywhere: then so is its log entry,
//       the log cannot go on behind C, and another snapshot follows, whose C has it.
//   (4) R in C can come by a stream, a repair or a read after its range was swept. Its range holds its effect already, so
//       where nothing as new is stored it is not merged (store/absence.ts): an older T, which the sweep lets stay, does not
//       let it in. Where it came before, and is not durable, the sweep finds it in memory.
//   (5) A copy that begins again, with a smaller C, undoes nothing: what was merged stays, what was dropped was deleted,
//       and what was not merged under (4) was in the part that was.
//   (6) While parts wait here nothing that is deleted meanwhile is forgotten here (upkeep/tombstones.ts), so an older record
//       that a part still shows finds the T that came by the stream.
//   (7) A restart reads the mark, and with it (4) holds for the same range; the part behind it is asked for again.

import { assert } from '../base/assert.ts';
import type { ByteReader, ByteWriter } from '../base/bytes.ts';
import { createRing } from '../base/ring.ts';
import type { Now, Outbox, Turn } from '../model/effect.ts';
import { type LaneId, parseOrigin, type ReplicaId, type Seq } from '../model/id.ts';
import type { Behind, LaneHead, NamedWrite, Position, SnapshotChunk } from '../model/message.ts';
import type { Metrics } from '../model/metrics.ts';
import { encodedOf, type Record } from '../model/record.ts';
import { seqOf } from '../model/vector.ts';
import type { Absence } from '../store/absence.ts';
import { seal, unseal } from '../store/envelope.ts';
import { metaKey, NAMED } from '../store/layout.ts';
import type { Log } from '../store/log.ts';
import type { Table } from '../store/table.ts';
import { AbsenceSweep, type SweepEnd } from './absence-sweep.ts';
import type { CopyBudget } from './copy-budget.ts';
import type { Holder } from '../peers/peers.ts';

export interface SnapshotClientOptions {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly table: Table;
  readonly absence: Absence;
  /** Of a part. */
  readonly bytesMax: number;
  readonly retryMs: number;
  readonly budget: CopyBudget;
  /** A copy begins, or ends. */
  readonly onCopy: (isCopying: boolean) => void;
  /** A record of the snapshot is merged. */
  readonly admit: (record: Record, turn: Turn) => void;
  /** A write that an idempotency key names. */
  readonly remember: (named: NamedWrite, out: Outbox) => void;
  /** The log of an origin is stamped further ahead than this replica may show. */
  readonly isAhead: (cover: LaneHead, now: Now) => boolean;
  /** The log of an origin has jumped. */
  readonly jump: (cover: LaneHead, out: Outbox) => void;
}

/** A part that is merged, and whose absences are swept. */
interface Part {
  readonly last: Position;
  readonly more: boolean;
  readonly holder: Holder;
}

/** What a copy is doing. `untilMs`: where nothing comes until then, the next part is asked for again. */
type Step =
  | { readonly kind: 'waiting'; readonly untilMs: number }
  | { readonly kind: 'asked'; readonly id: number; untilMs: number }
  | { readonly kind: 'sweeping'; readonly id: number; untilMs: number; readonly part: Part };

interface Copy {
  step: Step;
  /** The peer that was asked last; -1 for none. */
  peer: number;
  /** Empty until the first part has arrived. */
  covers: readonly LaneHead[];
  after: Position;
  /** Since this process began. */
  parts: number;
  records: number;
}

/** A part that came. */
interface Arrived {
  readonly holder: Holder;
  readonly chunk: SnapshotChunk;
}

/** How far a copy has come. */
export interface CopyMade {
  readonly parts: number;
  readonly records: number;
  /** The last record that has arrived, '' while there is none. */
  readonly after: Position;
}

const MARK = metaKey('snapshot');
const POSITION_BYTES_MAX = 2048;
/** Parts on their way or waiting here. */
const WINDOW_PARTS = 16;
/** Between two requests of which each is answered with what may not be shown yet: the wait doubles up to this. */
const AHEAD_WAIT_MS_MAX = 60_000;
/** Records in memory only, beyond which no part is merged: a larger batch would block the disk for others. */
const UNDURABLE_MAX = 1024;

export class SnapshotClient {
  readonly #options: SnapshotClientOptions;
  readonly #sweep: AbsenceSweep;
  /** Up to where peers have truncated logs of which we asked for less, by origin and peer. */
  readonly #floors = new Map<LaneId, Map<number, Seq>>();
  readonly #arrived = createRing<Arrived>(WINDOW_PARTS);
  #copy: Copy | undefined;
  #lastId = 0;
  #isPostponed = false;
  /** Whose snapshots were stamped ahead, while this copy is made. */
  readonly #ahead = new Set<ReplicaId>();
  #aheadWaitMs = 0;

  constructor(options: SnapshotClientOptions) {
    this.#options = options;
    this.#sweep = new AbsenceSweep({
      ...options,
      onEnd: (end, turn) => this.#onSweepEnd(end, turn),
    });
  }

  get isCopying(): boolean {
    return this.#copy !== undefined;
  }

  get made(): CopyMade | undefined {
    return this.#copy;
  }

  /** At start: a copy that was under way goes on. A mark that cannot be read means to begin again. */
  restore(mark: Uint8Array | undefined): void {
    const copy = mark === undefined ? undefined : decodeMark(mark);
    if (copy === undefined) return;
    this.#copy = copy;
    this.#options.onCopy(true);
    this.#options.absence.onCopied(copy.covers, copy.after);
  }

  /** A peer says that its log of `origin` no longer reaches back to what we need. */
  onBehind(peer: number, { origin, floor }: Behind): void {
    const floors = this.#floors.get(origin);
    if (floors === undefined) this.#floors.set(origin, new Map([[peer, floor]]));
    else floors.set(peer, floor);
  }

  onDisconnected(peer: number): void {
    for (const floors of this.#floors.values()) floors.delete(peer);
    const copy = this.#copy;
    if (copy?.peer === peer && copy.step.kind !== 'waiting') copy.step.untilMs = 0;
  }

  /** Begins a copy where no log helps, and asks again for what did not come. */
  onBeat(holders: readonly Holder[], turn: Turn): void {
    const copy = this.#copy;
    if (copy === undefined) {
      const holder = holders.find((each) => this.#isNeededFrom(each, holders));
      if (holder === undefined || !this.#mayBegin(turn)) return;
      this.#copy = begunAt('', []);
      this.#options.onCopy(true);
      turn.note('warn', 'snapshot-begins', { of: holder.id });
      this.#ask(this.#copy, holder, turn);
    } else if (copy.step.kind === 'sweeping') {
      this.#sweep.goOn(turn);
    } else if (this.#arrived.size > 0) {
      this.#take(copy, turn);
    } else if (turn.now.monoMs >= copy.step.untilMs) {
      this.#askAgain(copy, holders, turn);
    }
  }

  /** Something is durable: there may be room for the next part. */
  onDurable(turn: Turn): void {
    if (this.#copy !== undefined && this.#arrived.size > 0) this.#take(this.#copy, turn);
  }

  onChunk(holder: Holder, chunk: SnapshotChunk, turn: Turn): void {
    const copy = this.#copy;
    if (copy?.peer !== holder.peer || copy.step.kind === 'waiting') return;
    if (copy.step.id !== chunk.id) return;
    copy.step.untilMs = turn.now.monoMs + this.#options.retryMs;
    if (this.#arrived.size >= WINDOW_PARTS) return this.#breakOff(copy);
    this.#arrived.push({ holder, chunk });
    this.#take(copy, turn);
  }

  #onSweepEnd(end: SweepEnd, turn: Turn): void {
    const copy = this.#copy;
    if (copy === undefined) return;
    if (end === 'done') this.#onSwept(copy, turn);
    else this.#breakOff(copy);
  }

  /** Merges the next part, when the one before is swept and there is room for what it brings. */
  #take(copy: Copy, turn: Turn): void {
    const { absence, admit, isAhead, metrics, remember, table } = this.#options;
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
    // A part that is missing would count as deleted.
    if (after !== copy.after) return this.#breakOff(copy);
    if (after === '' && chunk.covers.some((cover) => isAhead(cover, turn.now)))
      return this.#waitForTime(copy, holder, turn);
    if (after === '') copy.covers = chunk.covers;
    this.#aheadWaitMs = 0;
    for (const record of records) {
      admit(record, turn);
      metrics.snapshotBytes += encodedOf(record).length;
    }
    for (const named of chunk.named) remember(named, turn);
    metrics.snapshotChunksReceived++;
    metrics.snapshotRecordsReceived += records.length;
    copy.parts++;
    copy.records += records.length;
    copy.step = { ...step, kind: 'sweeping', part: { last, more, holder } };
    if (after.startsWith(NAMED)) return this.#onSwept(copy, turn);
    const { covers } = copy;
    const upTo = last.startsWith(NAMED) ? undefined : last;
    absence.onCopied(covers, upTo);
    this.#sweep.begin({ after, last: upTo, records, covers }, turn);
  }

  #onSwept(copy: Copy, turn: Turn): void {
    // The sweep of a part that was broken off ends as well, and says nothing.
    if (copy.step.kind !== 'sweeping') return;
    const { id, part } = copy.step;
    copy.after = part.last;
    if (!part.more) return this.#finish(copy, turn);
    turn.put(MARK, encodeMark(copy));
    copy.step = { kind: 'asked', id, untilMs: turn.now.monoMs + this.#options.retryMs };
    turn.send(part.holder.peer, { kind: 'snapshot-credit', id, parts: 1 });
    this.#take(copy, turn);
  }

  /** What is on its way no longer counts; with the next heartbeat the copy goes on behind its mark. */
  #breakOff(copy: Copy): void {
    copy.step = { kind: 'waiting', untilMs: 0 };
    this.#arrived.clear();
  }

  /** A log that it covers was stamped by a wrong clock: after a while another peer is asked, or this one again. */
  #waitForTime(copy: Copy, { id }: Holder, turn: Turn): void {
    this.#breakOff(copy);
    const waitMs = this.#aheadWaitMs * 2 || this.#options.retryMs;
    this.#aheadWaitMs = Math.min(waitMs, AHEAD_WAIT_MS_MAX);
    copy.step = { kind: 'waiting', untilMs: turn.now.monoMs + this.#aheadWaitMs };
    if (this.#ahead.has(id)) return;
    this.#ahead.add(id);
    turn.note('warn', 'snapshot-ahead', { of: id });
  }

  // copying -> idle
  #finish(copy: Copy, out: Outbox): void {
    assert(this.#copy === copy, 'snapshot client: a copy ends once');
    this.#copy = undefined;
    this.#ahead.clear();
    for (const cover of copy.covers) this.#options.jump(cover, out);
    this.#options.absence.onCopyEnd();
    out.del(MARK);
    this.#options.metrics.snapshotsReceived++;
    out.note('info', 'snapshot-ends', { origins: copy.covers.length });
    this.#options.onCopy(false);
  }

  /** The delta rule: as long as one connected peer still has the entries in its log, they come from there. */
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

  /** Of the same peer or of the next that holds all that is covered; where there is none, a new copy begins. */
  #askAgain(copy: Copy, holders: readonly Holder[], turn: Turn): void {
    const able = holders.filter(({ holds }) =>
      copy.covers.every(({ origin, seq }) => seqOf(holds, origin) >= seq),
    );
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
