// Entries of other origins on their way into this replica: into the log and shown, or kept outside it until their time has come
// (store/held.ts). Who is waited for, or refused, is remembered for the exchange. Where the disk has no
// room for an entry, or for the run that it belongs to, it and what follows counts as refused, and is asked for again.

import type { Turn } from '../model/effect.ts';
import type { NamespaceName, Origin, Seq } from '../model/id.ts';
import type { Entries } from '../model/message.ts';
import type { Mutation } from '../model/record.ts';
import { wholeRuns } from '../model/run.ts';
import { Receiver } from './receiver.ts';
import { type Holder, holderOf, type Peer } from '../peers/peers.ts';
import type { Absence } from '../store/absence.ts';
import type { HybridClock } from '../model/hlc.ts';
import type { Held } from '../store/held.ts';
import type { IdempotencyTable } from '../store/idempotency.ts';
import type { Log } from '../store/log.ts';
import type { Metrics } from '../model/metrics.ts';
import type { Room } from '../store/room.ts';
import type { Supersessions } from '../store/supersessions.ts';
import type { Table } from '../store/table.ts';

/** Entries of an origin became visible here. */
type OnAdvance = (origin: Origin, turn: Turn) => void;

/** What fetches entries that are missing, and has to know what has come. */
interface Fetching {
  onEntries(holder: Holder, origin: Origin, entries: readonly Mutation[], turn: Turn): void;
  onRefused(origin: Origin, upTo: Seq): void;
}

/** Requests that wait for a write under their idempotency key. */
interface ClaimedKeys {
  onRemembered(namespace: NamespaceName, key: string, turn: Turn): void;
}

export interface IntakeOptions {
  readonly absence: Absence;
  readonly clock: HybridClock;
  readonly held: Held;
  readonly idempotency: IdempotencyTable;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly room: Room;
  readonly supersessions: Supersessions;
  readonly table: Table;
}

export class Intake {
  readonly #options: IntakeOptions;
  readonly #exchange: Fetching;
  readonly #claims: ClaimedKeys;
  readonly #receiver: Receiver;
  readonly #onAdvance: OnAdvance;

  constructor(
    options: IntakeOptions,
    exchange: Fetching,
    claims: ClaimedKeys,
    onAdvance: OnAdvance,
  ) {
    const { log, held, clock, metrics } = options;
    this.#options = options;
    this.#exchange = exchange;
    this.#claims = claims;
    this.#onAdvance = onAdvance;
    this.#receiver = new Receiver(log, held, clock, metrics, (mutation, out) =>
      this.#show(mutation, out),
    );
  }

  onEntries(peer: Peer, { origin, entries }: Entries, turn: Turn): void {
    const fitting = wholeRuns(entries, this.#options.room.fitting(entries));
    const taken = fitting === entries.length ? entries : entries.slice(0, fitting);
    const refusal = this.#receiver.onEntries(origin, taken, turn.now.wallMs, turn);
    if (taken !== entries) this.#options.metrics.entriesWithoutRoom += entries.length - fitting;
    if (refusal === undefined && taken === entries)
      this.#exchange.onEntries(holderOf(peer), origin, entries, turn);
    else if (refusal !== 'divergent') this.#exchange.onRefused(origin, entries.at(-1)?.seq ?? 0);
    this.#onAdvance(origin, turn);
  }

  /** With every heartbeat: what was stamped ahead of the clock is taken when that has come so far. */
  look(turn: Turn): void {
    const { clock, held } = this.#options;
    if (held.isEmpty) return;
    const isAhead = ({ hlc }: Mutation): boolean => clock.isAhead(hlc, turn.now.wallMs);
    held.release(isAhead, (origin, entries, last) => this.#take(origin, entries, last, turn), turn);
  }

  #take(origin: Origin, entries: readonly Mutation[], last: Seq, turn: Turn): Seq {
    const refusal = this.#receiver.onEntries(origin, entries, turn.now.wallMs, turn);
    if (refusal !== undefined && refusal !== 'divergent') this.#exchange.onRefused(origin, last);
    this.#onAdvance(origin, turn);
    return this.#options.log.head(origin);
  }

  /** An accepted entry becomes visible. */
  #show(mutation: Mutation, turn: Turn): void {
    this.#options.room.spend(mutation.bytes.length);
    if (this.#options.absence.show(mutation, turn) === 'lost') this.#noteLoss(mutation);
    this.#options.idempotency.remember(mutation, turn);
    const { namespace, idempotency } = mutation;
    if (idempotency !== undefined) this.#claims.onRemembered(namespace, idempotency.key, turn);
  }

  #noteLoss(mutation: Mutation): void {
    const { supersessions, table } = this.#options;
    const { record } = table.read(mutation.namespace, mutation.key);
    if (record !== undefined) supersessions.note(mutation, record);
  }
}
