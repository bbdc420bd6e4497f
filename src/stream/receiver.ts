// Takes entries of other origins into this replica's logs. An entry is accepted exactly when it follows what is
// already held: next in sequence, chained to its predecessor, stamped within the drift bound, and, for the first
// entry of a life, behind everything that its replica wrote in earlier lives.
//
// Duplicates are counted and dropped. A gap ends the run: what is missing is asked for again. An entry that does not
// chain means that two histories share a name, which is never settled by overwriting: the origin is not taken further
// and an operator is told.

import type { Outbox } from '../model/effect.ts';
import type { HybridClock } from '../model/hlc.ts';
import { type Origin, replicaOf } from '../model/id.ts';
import type { Metrics } from '../model/metrics.ts';
import type { Mutation } from '../model/record.ts';
import type { Lane } from '../store/lane.ts';
import { LIVE_LANE, type Log } from '../store/log.ts';

export type Refusal = 'gap' | 'divergent' | 'clock';

/** What is to be done with each accepted entry: it becomes visible. */
export type Accept = (mutation: Mutation, out: Outbox) => void;

export class Receiver {
  readonly #log: Log;
  readonly #clock: HybridClock;
  readonly #metrics: Metrics;
  readonly #accept: Accept;
  readonly #divergent = new Set<Origin>();

  constructor(log: Log, clock: HybridClock, metrics: Metrics, accept: Accept) {
    this.#log = log;
    this.#clock = clock;
    this.#metrics = metrics;
    this.#accept = accept;
  }

  /** Accepts what follows; says why it stopped before the end, if it did. */
  onEntries(
    origin: Origin,
    entries: readonly Mutation[],
    wallMs: number,
    out: Outbox,
  ): Refusal | undefined {
    const lane = this.#log.open(origin);
    for (const mutation of entries) {
      if (mutation.seq <= lane.head) {
        this.#metrics.streamDuplicates++;
        continue;
      }
      const refusal = this.#check(lane, mutation, wallMs, out);
      if (refusal !== undefined) return refusal;
      this.#log.append(lane, mutation, out);
      this.#metrics.entriesReceived++;
      this.#accept(mutation, out);
    }
    return undefined;
  }

  #check(lane: Lane, mutation: Mutation, wallMs: number, out: Outbox): Refusal | undefined {
    if (mutation.seq > lane.head + 1 || !this.#followsEarlierLives(mutation)) {
      this.#metrics.streamGaps++;
      return 'gap';
    }
    if (!isOf(lane, mutation) || !lane.follows(mutation)) {
      this.#refuseDivergent(lane.origin, mutation, out);
      return 'divergent';
    }
    if (!this.#clock.witness(mutation.hlc, wallMs)) {
      this.#metrics.clockRefusals++;
      return 'clock';
    }
    return undefined;
  }

  /** The first entry of a life names the last entry of the life before it. */
  #followsEarlierLives(mutation: Mutation): boolean {
    if (mutation.seq > 1) return true;
    const replica = replicaOf(mutation.origin);
    return mutation.dependencies.every(
      (dot) => replicaOf(dot.origin) !== replica || this.#log.head(dot.origin) >= dot.seq,
    );
  }

  #refuseDivergent(origin: Origin, mutation: Mutation, out: Outbox): void {
    this.#metrics.entriesRefused++;
    if (this.#divergent.has(origin)) return;
    this.#divergent.add(origin);
    out.note('error', 'log-divergent', { origin, seq: mutation.seq });
  }
}

/** What a peer sends under an origin's name may be anything: only entries of its live lane are kept in that log. */
function isOf(lane: Lane, mutation: Mutation): boolean {
  return mutation.origin === lane.origin && mutation.lane === LIVE_LANE && mutation.group === '';
}
