// Takes entries of other origins into this replica's logs. An entry is accepted exactly when it follows what is
// already held: next in sequence, chained to its predecessor, and, for the first entry of a life, behind everything that its
// replica wrote in earlier lives. A run is taken whole: checked to its end before its first entry is logged, or refused as if its
// end were missing. One that is stamped beyond the drift bound, and what follows it, waits outside the log until
// its time has come (store/held.ts); it is refused where there is no room for it.
//
// Duplicates are counted and dropped. A gap ends the run: what is missing is asked for again. An entry that does not
// chain means that two histories share a name, which is never settled by overwriting: the origin is not taken further
// and an operator is told.

import type { Turn } from '../model/effect.ts';
import { isChained } from '../model/encoding.ts';
import type { HybridClock } from '../model/hlc.ts';
import { type Origin, replicaOf, type Seq } from '../model/id.ts';
import type { Metrics } from '../model/metrics.ts';
import type { Mutation } from '../model/record.ts';
import { isRunName, runLength } from '../model/run.ts';
import type { Lane } from '../store/lane.ts';
import { LIVE_LANE, type Log } from '../store/log.ts';

export type Refusal = 'gap' | 'divergent' | 'clock';

/** What is to be done with each accepted entry: it becomes visible. */
export type Accept = (mutation: Mutation, turn: Turn) => void;

/** Entries that wait for their time. */
export interface WaitingRoom {
  last(origin: Origin): Mutation | undefined;
  /** All of them or none. */
  keep(entries: readonly Mutation[], turn: Turn): boolean;
  onTaken(origin: Origin): void;
}

export class Receiver {
  readonly #log: Log;
  readonly #room: WaitingRoom;
  readonly #clock: HybridClock;
  readonly #metrics: Metrics;
  readonly #accept: Accept;
  readonly #divergent = new Set<Origin>();

  constructor(log: Log, room: WaitingRoom, clock: HybridClock, metrics: Metrics, accept: Accept) {
    this.#log = log;
    this.#room = room;
    this.#clock = clock;
    this.#metrics = metrics;
    this.#accept = accept;
  }

  /** Accepts what follows; says why it stopped before the end, if it did. */
  onEntries(
    origin: Origin,
    entries: readonly Mutation[],
    wallMs: number,
    turn: Turn,
  ): Refusal | undefined {
    const lane = this.#log.open(origin);
    for (let at = 0; at < entries.length; ) {
      const mutation = entries[at] as Mutation;
      const waiting = this.#room.last(origin);
      const tail = waiting !== undefined && waiting.seq > lane.head ? waiting : lane;
      if (mutation.seq <= headOf(tail)) {
        this.#metrics.streamDuplicates++;
        at++;
        continue;
      }
      const count = runLength(entries, at);
      const refusal =
        count === 0 ? this.#gap() : this.#checkRun(lane, tail, entries, at, count, turn);
      if (refusal !== undefined) return refusal;
      if (tail !== lane || !this.#clock.witness(mutation.hlc, wallMs)) {
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
    this.#accept(mutation, turn);
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
    if (mutation.seq > headOf(tail) + 1 || !this.#followsEarlierLives(mutation)) return this.#gap();
    if (!isOf(lane, mutation) || !isChained(mutation, tail.chain)) {
      this.#refuseDivergent(lane.origin, mutation, turn);
      return 'divergent';
    }
    return undefined;
  }

  #gap(): Refusal {
    this.#metrics.streamGaps++;
    return 'gap';
  }

  /** The first entry of a life names the last entry of the life before it. */
  #followsEarlierLives(mutation: Mutation): boolean {
    if (mutation.seq > 1) return true;
    const replica = replicaOf(mutation.origin);
    return mutation.dependencies.every(
      (dot) => replicaOf(dot.origin) !== replica || this.#log.head(dot.origin) >= dot.seq,
    );
  }

  #refuseDivergent(origin: Origin, mutation: Mutation, turn: Turn): void {
    this.#metrics.entriesRefused++;
    if (this.#divergent.has(origin)) return;
    this.#divergent.add(origin);
    turn.note('error', 'log-divergent', { origin, seq: mutation.seq });
  }
}

/** What a peer sends under an origin's name may be anything: only entries of its live lane are kept in that log. */
function isOf(lane: Lane, mutation: Mutation): boolean {
  return (
    mutation.origin === lane.origin && mutation.lane === LIVE_LANE && isRunName(mutation.group)
  );
}

/** What the next entry has to follow: the log, or what waits behind it. */
type Tail = Lane | Mutation;

function headOf(tail: Tail): Seq {
  return 'head' in tail ? tail.head : tail.seq;
}
