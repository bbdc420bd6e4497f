// Takes entries of other origins into this replica's logs. An entry is accepted exactly if it
// follows the held ones: next in sequence, chained to its predecessor, and, for the first entry of
// an incarnation, after everything that its replica wrote in earlier ones. A run is taken whole:
// checked to its end before its first entry is logged, or refused as if its end were missing. An
// entry that is stamped beyond the drift bound, and those after it, wait outside the log until
// their time has come (store/held.ts); they are refused if there is no room for them.
//
// Duplicates are counted and dropped. A gap ends the run: the missing entries are asked for again.
// An entry that does not chain means that two histories share a name, which is never settled by
// overwriting: no further entry of the origin is taken, and an operator is notified.

import { assert } from '../base/assert.ts';
import type { Turn } from '../model/effect.ts';
import { isChained } from '../model/encoding.ts';
import type { HybridClock } from '../model/hlc.ts';
import { type LaneId, replicaOf, type Seq } from '../model/id.ts';
import type { Metrics } from '../model/metrics.ts';
import type { Mutation } from '../model/record.ts';
import { isRunName, runLength } from '../model/run.ts';
import type { Lane } from '../store/lane.ts';
import type { Log } from '../store/log.ts';

export type Refusal = 'gap' | 'divergent' | 'clock';

/** Entries that wait for their time. */
export interface WaitingRoom {
  last(origin: LaneId): Mutation | undefined;
  /** Holds all of them or none. */
  keep(entries: readonly Mutation[], turn: Turn): boolean;
  onTaken(origin: LaneId): void;
}

/** Decides when a logged entry becomes visible (order/delivery.ts). */
export interface Door {
  offer(lane: Lane, mutation: Mutation, turn: Turn): unknown;
}

export interface ReceiverOptions {
  readonly log: Log;
  readonly waiting: WaitingRoom;
  readonly clock: HybridClock;
  readonly metrics: Metrics;
  /** Counts the bytes that are written to the disk. */
  readonly room: { spend(bytes: number): void };
  readonly delivery: Door;
}

export class Receiver {
  readonly #options: ReceiverOptions;
  readonly #log: Log;
  readonly #room: WaitingRoom;
  readonly #clock: HybridClock;
  readonly #metrics: Metrics;
  readonly #divergent = new Set<LaneId>();

  constructor(options: ReceiverOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#room = options.waiting;
    this.#clock = options.clock;
    this.#metrics = options.metrics;
  }

  /** Accepts the entries that follow. Returns why it stopped before the end, if it did. */
  onEntries(
    origin: LaneId,
    entries: readonly Mutation[],
    wallMs: number,
    turn: Turn,
  ): Refusal | undefined {
    const lane = this.#log.open(origin);
    for (let at = 0; at < entries.length; ) {
      const mutation = entries[at] as Mutation;
      const waiting = this.#room.last(origin);
      const tail = waiting !== undefined && waiting.seq > lane.received ? waiting : lane;
      if (mutation.seq <= lastOf(tail)) {
        this.#metrics.streamDuplicates++;
        at++;
        continue;
      }
      const count = runLength(entries, at);
      const refusal =
        count === 0 ? this.#gap() : this.#checkRun(lane, tail, entries, at, count, turn);
      if (refusal !== undefined) return refusal;
      if (tail !== lane || !this.#clock.witness(mutation.hlc, wallMs)) {
        assert(mutation.seq > lane.received, 'receiver: what waits for its time is not logged');
        this.#metrics.clockRefusals += count;
        if (!this.#room.keep(entries.slice(at, at + count), turn)) return 'clock';
      } else {
        this.#room.onTaken(origin);
        for (let each = at; each < at + count; each++)
          this.#take(lane, entries[each] as Mutation, turn);
      }
      at += count;
    }
    return undefined;
  }

  #take(lane: Lane, mutation: Mutation, turn: Turn): void {
    this.#log.append(lane, mutation, turn);
    this.#metrics.entriesReceived++;
    this.#options.room.spend(mutation.bytes.length);
    this.#options.delivery.offer(lane, mutation, turn);
  }

  #checkRun(
    lane: Lane,
    tail: Tail,
    entries: readonly Mutation[],
    at: number,
    count: number,
    turn: Turn,
  ): Refusal | undefined {
    let before = tail;
    for (let each = at; each < at + count; each++) {
      const mutation = entries[each] as Mutation;
      const refusal = this.#check(lane, before, mutation, turn);
      if (refusal !== undefined) return refusal;
      before = mutation;
    }
    return undefined;
  }

  #check(lane: Lane, tail: Tail, mutation: Mutation, turn: Turn): Refusal | undefined {
    if (mutation.seq > lastOf(tail) + 1 || !this.#followsEarlierLives(mutation)) return this.#gap();
    if (!isOf(lane, mutation) || !isChained(mutation, tail.chain)) {
      this.#refuseDivergent(lane.id, mutation, turn);
      return 'divergent';
    }
    return undefined;
  }

  #gap(): Refusal {
    this.#metrics.streamGaps++;
    return 'gap';
  }

  /** The first entry of an incarnation names the last entry of the one before it. */
  #followsEarlierLives(mutation: Mutation): boolean {
    if (mutation.seq > 1) return true;
    const replica = replicaOf(mutation.origin);
    return mutation.dependencies.every(
      (dot) => replicaOf(dot.origin) !== replica || this.#log.received(dot.origin) >= dot.seq,
    );
  }

  #refuseDivergent(origin: LaneId, mutation: Mutation, turn: Turn): void {
    this.#metrics.entriesRefused++;
    if (this.#divergent.has(origin)) return;
    this.#divergent.add(origin);
    turn.note('error', 'log-divergent', { origin, seq: mutation.seq });
  }
}

/**
 * A peer may send any entries under an origin's name: only entries of that lane are kept in its
 * log.
 */
function isOf(lane: Lane, mutation: Mutation): boolean {
  const isInLane = mutation.origin === lane.origin && mutation.lane === lane.number;
  return isInLane && isRunName(mutation.group);
}

/** The predecessor of the next entry: the last logged entry, or the last waiting one behind it. */
type Tail = Lane | Mutation;

function lastOf(tail: Tail): Seq {
  return 'received' in tail ? tail.received : tail.seq;
}
