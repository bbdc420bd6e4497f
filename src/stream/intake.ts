// Entries of other origins on their way into this replica: into the log and visible, or kept
// outside of it until their time has come (store/held.ts). Awaited and refused entries are
// remembered for the exchange. If the disk has no room for an entry, or for its run, it and all
// later ones count as refused, and are asked for again.

import { assert } from '../base/assert.ts';
import type { Turn } from '../model/effect.ts';
import type { LaneId, Seq } from '../model/id.ts';
import type { Entries } from '../model/message.ts';
import type { Mutation } from '../model/record.ts';
import { wholeRuns } from '../model/run.ts';
import { type Door, Receiver } from './receiver.ts';
import { type Holder, holderOf, type Peer } from '../peers/peers.ts';
import type { HybridClock } from '../model/hlc.ts';
import type { Held } from '../store/held.ts';
import type { Log } from '../store/log.ts';
import type { Metrics } from '../model/metrics.ts';
import type { Room } from '../store/room.ts';

/** Entries of an origin became visible here. */
type OnAdvance = (origin: LaneId, turn: Turn) => void;

/** The part that fetches missing entries must learn what arrived. */
interface Fetching {
  onEntries(holder: Holder, origin: LaneId, entries: readonly Mutation[], turn: Turn): void;
  onRefused(origin: LaneId, upTo: Seq): void;
}

export interface IntakeOptions {
  readonly clock: HybridClock;
  readonly held: Held;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly room: Room;
}

export class Intake {
  readonly #options: IntakeOptions;
  readonly #exchange: Fetching;
  readonly #receiver: Receiver;
  readonly #onAdvance: OnAdvance;

  constructor(options: IntakeOptions, exchange: Fetching, delivery: Door, onAdvance: OnAdvance) {
    const { log, held, clock, metrics, room } = options;
    this.#options = options;
    this.#exchange = exchange;
    this.#onAdvance = onAdvance;
    this.#receiver = new Receiver({ log, waiting: held, clock, metrics, room, delivery });
  }

  onEntries(peer: Peer, { origin, entries }: Entries, turn: Turn): void {
    const fitting = wholeRuns(entries, this.#options.room.fitting(entries));
    assert(fitting <= entries.length, 'intake: what fits is a part of the message');
    const taken = fitting === entries.length ? entries : entries.slice(0, fitting);
    const refusal = this.#receiver.onEntries(origin, taken, turn.now.wallMs, turn);
    if (taken !== entries) this.#options.metrics.entriesWithoutRoom += entries.length - fitting;
    if (refusal === undefined && taken === entries)
      this.#exchange.onEntries(holderOf(peer), origin, entries, turn);
    else if (refusal !== 'divergent') this.#exchange.onRefused(origin, entries.at(-1)?.seq ?? 0);
    this.#onAdvance(origin, turn);
  }

  /**
   * Called with every heartbeat: accepts entries that were stamped ahead once the clock has reached
   * their stamps.
   */
  onBeat(turn: Turn): void {
    const { clock, held } = this.#options;
    if (held.isEmpty) return;
    const isAhead = ({ hlc }: Mutation): boolean => clock.isAhead(hlc, turn.now.wallMs);
    held.release(isAhead, (origin, entries, last) => this.#take(origin, entries, last, turn), turn);
  }

  #take(origin: LaneId, entries: readonly Mutation[], last: Seq, turn: Turn): Seq {
    const refusal = this.#receiver.onEntries(origin, entries, turn.now.wallMs, turn);
    if (refusal !== undefined && refusal !== 'divergent') this.#exchange.onRefused(origin, last);
    this.#onAdvance(origin, turn);
    return this.#options.log.received(origin);
  }
}
