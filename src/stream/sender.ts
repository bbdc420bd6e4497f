// Streams this replica's own log to one peer (primary-backup replication: a cursor on a log).
//
//   down -> streaming    the peer's hello has its vector: sending starts after that
//   streaming -> behind  the peer lacks entries that are truncated here: the stream cannot send
//                        them, and reports it
//   behind -> streaming  it got them from another holder, or by a snapshot
//   * -> down            the connection ended; no state is kept, because the next hello has it
//                        again
//
// Invariants:
// (1) only durable entries are sent;
// (2) lanes are sent in the order of this replica's incarnations, each gap-free, so the peer can
//     show them in the order in which they were accepted;
// (3) unacknowledged bytes stay within the window that the peer granted, one message over at most;
// (4) a message ends with the end of a run, however large that is.
//
// Recent entries come from memory. Older ones are read from storage, one range at a time, and
// verified before they are sent.

import { assert, present, unreachable } from '../base/assert.ts';
import { createRing } from '../base/ring.ts';
import type { Outbox, Turn } from '../model/effect.ts';
import type { LaneId, Seq } from '../model/id.ts';
import type { Metrics } from '../model/metrics.ts';
import type { Mutation } from '../model/record.ts';
import { lastOfRun } from '../model/run.ts';
import type { VectorEntries } from '../model/vector.ts';
import type { Lane } from '../store/lane.ts';
import { LogCursor, type LogStep, type LogStepRead } from '../store/log-cursor.ts';

export interface SenderOptions {
  readonly peer: number;
  readonly frameBytes: number;
  readonly metrics: Metrics;
  /**
   * This replica's own lanes in the order of its incarnations. Shared: a new incarnation is
   * appended.
   */
  readonly lanes: readonly Lane[];
}

interface InFlight {
  readonly origin: LaneId;
  readonly upTo: Seq;
  readonly bytes: number;
}

export class PeerSender {
  readonly #options: SenderOptions;
  readonly #inFlight = createRing<InFlight>();
  #state: 'down' | 'streaming' | 'behind' = 'down';
  /** For each lane that was begun. Entries before a cursor were sent, or the peer holds them. */
  readonly #cursors = new Map<LaneId, LogCursor>();
  /** The cursor whose read from storage is under way. */
  #reading: LogCursor | undefined;
  /** The peer's vector, as it reported it. */
  #held = new Map<LaneId, Seq>();
  #laneIndex = 0;
  #windowBytes = 0;
  #inFlightBytes = 0;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** * -> streaming */
  begin(peerHolds: VectorEntries, windowBytes: number): void {
    this.reset();
    this.#state = 'streaming';
    this.#windowBytes = windowBytes;
    this.onHeld(peerHolds);
  }

  /** * -> down */
  reset(): void {
    this.#state = 'down';
    this.#reading?.cancel();
    this.#cursors.clear();
    this.#held = new Map();
    this.#laneIndex = 0;
    this.#inFlight.clear();
    this.#inFlightBytes = 0;
  }

  /** The peer lacks entries that were sent: it refused them or lost them. Sending goes back. */
  rewind(origin: LaneId, from: Seq): void {
    if (this.#state !== 'streaming') return;
    this.#laneIndex = 0;
    const lane = this.#options.lanes.find(({ id }) => id === origin);
    if (lane === undefined || from > this.#sentOf(origin)) return;
    this.#reading?.cancel();
    this.#cursorOf(lane).rewind(from);
    this.#inFlight.clear();
    this.#inFlightBytes = 0;
  }

  onWindow(windowBytes: number): void {
    this.#windowBytes = windowBytes;
  }

  /**
   * Entries that the peer holds are not sent and use no room in the window, whatever their source.
   */
  onHeld(vector: VectorEntries): void {
    if (this.#state === 'down') return;
    for (const [origin, seq] of vector) {
      if (seq > (this.#held.get(origin) ?? 0)) this.#held.set(origin, seq);
      const cursor = this.#cursors.get(origin);
      if (cursor !== undefined && seq >= cursor.at) cursor.skipTo(seq + 1);
    }
    this.#release();
    if (this.#state === 'behind' && !this.#lacksTruncated()) this.#state = 'streaming';
  }

  /** An earlier incarnation's log grew, or was found: it is sent first. */
  lookBack(): void {
    this.#laneIndex = 0;
  }

  /** Sends what is durable and fits into the window. */
  pump(out: Outbox): void {
    while (this.#state === 'streaming' && this.#reading?.isReading !== true && this.#hasRoom()) {
      const lane = this.#nextLane();
      if (lane === undefined) return;
      const cursor = this.#cursorOf(lane);
      this.#take(cursor, cursor.next(out), out);
    }
  }

  #take(cursor: LogCursor, step: LogStep, out: Outbox): void {
    switch (step.kind) {
      case 'entries':
        return this.#send(cursor.lane, step.entries, out);
      case 'truncated':
        return this.#strand(cursor.lane, cursor.at, out);
      case 'reading':
        this.#reading = cursor;
        return;
      case 'end':
        return assert(false, 'sender: a lane that is sent to its end was chosen');
      default:
        return unreachable(step);
    }
  }

  /** `moved`: the peer got the entries by another way during the read, or they were truncated. */
  #onRead(step: LogStepRead, { lane, at }: LogCursor, turn: Turn): void {
    switch (step.kind) {
      case 'entries':
        this.#send(lane, step.entries, turn);
        return this.pump(turn);
      case 'moved':
        return this.pump(turn);
      case 'unreadable': {
        // The next pump reads again.
        const { peer } = this.#options;
        return turn.note('error', 'log-unreadable', { peer, reason: step.reason });
      }
      case 'damaged':
        return turn.halt(`the log of ${lane.id} is damaged at ${at}`, 'damaged');
      default:
        return unreachable(step);
    }
  }

  // streaming -> behind
  #strand(lane: Lane, from: Seq, out: Outbox): void {
    assert(this.#state === 'streaming', 'sender: a stream that runs falls behind');
    this.#state = 'behind';
    const { peer } = this.#options;
    out.note('warn', 'peer-behind-log', {
      peer,
      origin: lane.id,
      needs: from,
      floor: lane.floor,
    });
    out.send(peer, { kind: 'behind', origin: lane.id, floor: lane.floor });
  }

  #lacksTruncated(): boolean {
    return this.#options.lanes.some((lane) => this.#sentOf(lane.id) < lane.floor);
  }

  #hasRoom(): boolean {
    return this.#inFlightBytes < this.#windowBytes;
  }

  /** The earliest incarnation with durable entries that were not sent. */
  #nextLane(): Lane | undefined {
    const { lanes } = this.#options;
    for (; this.#laneIndex < lanes.length; this.#laneIndex++) {
      const lane = lanes[this.#laneIndex] as Lane;
      if (this.#sentOf(lane.id) < lane.durable) return lane;
      if (this.#laneIndex === lanes.length - 1) return undefined;
    }
    return undefined;
  }

  #send(lane: Lane, entries: readonly Mutation[], out: Outbox): void {
    const last = present(entries.at(-1), 'sender: an empty message');
    assert(last.seq <= lane.durable, 'sender (1): only durable entries are sent');
    assert(lastOfRun(last) === last.seq, 'sender (4): a message ends with the end of a run');
    let bytes = 0;
    for (const entry of entries) bytes += entry.bytes.length;
    this.#inFlight.push({ origin: lane.id, upTo: last.seq, bytes });
    this.#inFlightBytes += bytes;
    this.#release();
    this.#options.metrics.peerFrameEntries.observe(entries.length);
    out.send(this.#options.peer, { kind: 'entries', origin: lane.id, entries });
  }

  #release(): void {
    while (this.#inFlight.size > 0) {
      const { origin, upTo, bytes } = this.#inFlight.at(0);
      if (upTo > (this.#held.get(origin) ?? 0)) return;
      this.#inFlight.shift();
      this.#inFlightBytes -= bytes;
      assert(this.#inFlightBytes >= 0, 'sender (3): the bytes are those in flight');
    }
    assert(this.#inFlightBytes === 0, 'sender (3): without messages no bytes are in flight');
  }

  /** Up to where the lane was sent, or is held by the peer. */
  #sentOf(origin: LaneId): Seq {
    const cursor = this.#cursors.get(origin);
    return cursor === undefined ? (this.#held.get(origin) ?? 0) : cursor.at - 1;
  }

  #cursorOf(lane: Lane): LogCursor {
    const known = this.#cursors.get(lane.id);
    if (known?.lane === lane) return known;
    known?.cancel();
    const cursor = new LogCursor({
      lane,
      at: this.#sentOf(lane.id) + 1,
      bytesMax: this.#options.frameBytes,
      onRead: (...read) => this.#onRead(...read),
    });
    this.#cursors.set(lane.id, cursor);
    return cursor;
  }
}
