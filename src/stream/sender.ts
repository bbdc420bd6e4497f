// Streams this replica's own log to one peer (primary-backup replication: a cursor on a log).
//
//   down -> streaming    the peer's hello says what it holds: sending starts behind that
//   streaming -> behind  the peer lacks entries that are truncated here: the stream cannot help it, and says so
//   behind -> streaming  it got them from another holder, or by a snapshot
//   * -> down            the connection ended; nothing is remembered, because the next hello says it again
//
// Invariants: (1) only durable entries leave; (2) lanes are sent in the order of this replica's lives, each gap-free,
// so the peer can show them in the order in which they were accepted; (3) unacknowledged bytes stay within the window
// that the peer granted, one message over at most; (4) a message ends with the end of a run, however large that is.
//
// Recent entries come from memory. Older ones are read from storage, one range at a time, and verified before they
// are sent.

import { assert } from '../base/assert.ts';
import { createRing } from '../base/ring.ts';
import type { Outbox, RangeResult } from '../model/effect.ts';
import type { LaneId, Seq } from '../model/id.ts';
import type { VectorEntries } from '../model/message.ts';
import type { Metrics } from '../model/metrics.ts';
import type { Mutation } from '../model/record.ts';
import { RUN_BYTES_MAX } from '../model/run.ts';
import { laneSpan } from '../store/layout.ts';
import type { Lane } from '../store/lane.ts';
import { SingleRead } from '../store/single-read.ts';
import { fromMemory, isInMemory, uncut, verified } from './excerpt.ts';

export interface SenderOptions {
  readonly peer: number;
  readonly frameBytes: number;
  readonly metrics: Metrics;
  /** This replica's own lanes in the order of its lives. Shared: a new life is appended to it. */
  readonly lanes: readonly Lane[];
}

interface InFlight {
  readonly origin: LaneId;
  readonly upTo: Seq;
  readonly bytes: number;
}

interface Reading {
  readonly lane: Lane;
  readonly from: Seq;
  /** From there on to the end of one run. */
  readonly isRun: boolean;
}

export class PeerSender {
  readonly #options: SenderOptions;
  readonly #inFlight = createRing<InFlight>();
  #state: 'down' | 'streaming' | 'behind' = 'down';
  #sent = new Map<LaneId, Seq>();
  /** What the peer says it holds. */
  #held = new Map<LaneId, Seq>();
  #laneIndex = 0;
  #windowBytes = 0;
  #inFlightBytes = 0;
  readonly #reading = new SingleRead<Reading>((result, reading, turn) =>
    this.#onResult(result, reading, turn),
  );

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
    this.#sent = new Map();
    this.#held = new Map();
    this.#laneIndex = 0;
    this.#inFlight.clear();
    this.#inFlightBytes = 0;
    this.#reading.cancel();
  }

  /** The peer lacks entries that were sent: it refused them or lost them. Sending goes back. */
  rewind(origin: LaneId, from: Seq): void {
    if (this.#state !== 'streaming') return;
    this.#laneIndex = 0;
    if (from > this.#sentOf(origin)) return;
    this.#sent.set(origin, from - 1);
    this.#inFlight.clear();
    this.#inFlightBytes = 0;
    this.#reading.cancel();
  }

  onWindow(windowBytes: number): void {
    this.#windowBytes = windowBytes;
  }

  /** What the peer holds needs no sending and no room in the window, whatever its source. */
  onHeld(vector: VectorEntries): void {
    if (this.#state === 'down') return;
    for (const [origin, seq] of vector) {
      if (seq > (this.#held.get(origin) ?? 0)) this.#held.set(origin, seq);
      if (seq > this.#sentOf(origin)) this.#sent.set(origin, seq);
    }
    this.#release();
    if (this.#state === 'behind' && !this.#lacksTruncated()) this.#state = 'streaming';
  }

  /** An earlier life of this replica grew, or was found: it goes first. */
  lookBack(): void {
    this.#laneIndex = 0;
  }

  /** Sends what is durable and fits into the window. */
  pump(out: Outbox): void {
    while (this.#state === 'streaming' && !this.#reading.isUnderWay && this.#hasRoom()) {
      const lane = this.#nextLane();
      if (lane === undefined) return;
      const from = this.#sentOf(lane.id) + 1;
      if (from <= lane.floor) this.#strand(lane, from, out);
      else if (isInMemory(lane, from))
        this.#send(lane, fromMemory(lane, from, this.#options.frameBytes), out);
      else this.#read(lane, from, lane.durable, out);
    }
  }

  #onResult(result: RangeResult, reading: Reading, out: Outbox): void {
    if (result.ok) this.#onRead(reading, verified(result, reading.lane.id, reading.from), out);
    else out.note('error', 'log-unreadable', { peer: this.#options.peer, reason: result.reason });
  }

  /** What was read is sent, unless the peer came to hold it, or it was truncated, while it was read. */
  #onRead({ lane, from, isRun }: Reading, entries: readonly Mutation[], out: Outbox): void {
    const isWanted = this.#sentOf(lane.id) === from - 1 && from > lane.floor;
    if (!isWanted) return this.pump(out);
    const excerpt = uncut(entries);
    const isDamaged = entries.length === 0 || (isRun && excerpt.kind === 'cut');
    if (isDamaged) return out.halt(`the log of ${lane.id} is damaged at ${from}`, 'damaged');
    if (excerpt.kind === 'whole') this.#send(lane, excerpt.entries, out);
    else this.#readRun(lane, excerpt.from, excerpt.to, out);
    this.pump(out);
  }

  /** What was read has cut it, or begins within it. */
  #readRun(lane: Lane, from: Seq, to: Seq, out: Outbox): void {
    this.#sent.set(lane.id, from - 1);
    this.#read(lane, from, to, out, true);
  }

  // streaming -> behind
  #strand(lane: Lane, from: Seq, out: Outbox): void {
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

  /** The earliest life that has durable entries which were not sent. */
  #nextLane(): Lane | undefined {
    const { lanes } = this.#options;
    for (; this.#laneIndex < lanes.length; this.#laneIndex++) {
      const lane = lanes[this.#laneIndex] as Lane;
      if (this.#sentOf(lane.id) < lane.durable) return lane;
      if (this.#laneIndex === lanes.length - 1) return undefined;
    }
    return undefined;
  }

  #read(lane: Lane, from: Seq, to: Seq, out: Outbox, isRun = false): void {
    const span = laneSpan(lane.id, from, to);
    const bytesMax = isRun ? RUN_BYTES_MAX : this.#options.frameBytes;
    this.#reading.begin(span, { bytesMax }, { lane, from, isRun }, out);
  }

  #send(lane: Lane, entries: readonly Mutation[], out: Outbox): void {
    const last = entries[entries.length - 1] as Mutation;
    assert(last.seq <= lane.durable, 'sender: entry is not durable');
    let bytes = 0;
    for (const entry of entries) bytes += entry.bytes.length;
    this.#sent.set(lane.id, last.seq);
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
    }
  }

  #sentOf(origin: LaneId): Seq {
    return this.#sent.get(origin) ?? 0;
  }
}
