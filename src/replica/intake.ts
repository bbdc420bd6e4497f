// Entries of other origins on their way into this replica: into the log and shown, or kept outside it until their time has come
// (order/held.ts). Who is waited for, or refused, is remembered for the exchange. Where the disk has no
// room for an entry, or for the run that it belongs to, it and what follows counts as refused, and is asked for again.

import type { Exchange } from '../entropy/exchange.ts';
import type { Turn } from '../model/effect.ts';
import type { Origin, Seq } from '../model/id.ts';
import type { Entries } from '../model/message.ts';
import type { Mutation } from '../model/record.ts';
import { wholeRuns } from '../model/run.ts';
import { Receiver } from '../stream/receiver.ts';
import type { Context } from './context.ts';
import type { KeyClaims } from './key-claims.ts';
import { holderOf, type Peer } from './peers.ts';

/** Entries of an origin became visible here. */
type OnAdvance = (origin: Origin, turn: Turn) => void;

export class Intake {
  readonly #context: Context;
  readonly #exchange: Exchange;
  readonly #claims: KeyClaims;
  readonly #receiver: Receiver;
  readonly #onAdvance: OnAdvance;

  constructor(context: Context, exchange: Exchange, claims: KeyClaims, onAdvance: OnAdvance) {
    const { log, held, clock, metrics } = context;
    this.#context = context;
    this.#exchange = exchange;
    this.#claims = claims;
    this.#onAdvance = onAdvance;
    this.#receiver = new Receiver(log, held, clock, metrics, (mutation, out) =>
      this.#show(mutation, out),
    );
  }

  onEntries(peer: Peer, { origin, entries }: Entries, turn: Turn): void {
    const fitting = wholeRuns(entries, this.#context.room.fitting(entries));
    const taken = fitting === entries.length ? entries : entries.slice(0, fitting);
    const refusal = this.#receiver.onEntries(origin, taken, turn.now.wallMs, turn);
    if (taken !== entries) this.#context.metrics.entriesWithoutRoom += entries.length - fitting;
    if (refusal === undefined && taken === entries)
      this.#exchange.onEntries(holderOf(peer), origin, entries, turn);
    else if (refusal !== 'divergent') this.#exchange.onRefused(origin, entries.at(-1)?.seq ?? 0);
    this.#onAdvance(origin, turn);
  }

  /** With every heartbeat: what was stamped ahead of the clock is taken when that has come so far. */
  look(turn: Turn): void {
    const { clock, held } = this.#context;
    if (held.isEmpty) return;
    const isAhead = ({ hlc }: Mutation): boolean => clock.isAhead(hlc, turn.now.wallMs);
    held.release(isAhead, (origin, entries, last) => this.#take(origin, entries, last, turn), turn);
  }

  #take(origin: Origin, entries: readonly Mutation[], last: Seq, turn: Turn): Seq {
    const refusal = this.#receiver.onEntries(origin, entries, turn.now.wallMs, turn);
    if (refusal !== undefined && refusal !== 'divergent') this.#exchange.onRefused(origin, last);
    this.#onAdvance(origin, turn);
    return this.#context.log.head(origin);
  }

  /** An accepted entry becomes visible. */
  #show(mutation: Mutation, turn: Turn): void {
    this.#context.room.spend(mutation.bytes.length);
    if (this.#context.absence.show(mutation, turn) === 'lost') this.#noteLoss(mutation);
    this.#context.idempotency.remember(mutation, turn);
    const { namespace, idempotency } = mutation;
    if (idempotency !== undefined) this.#claims.onRemembered(namespace, idempotency.key, turn);
  }

  #noteLoss(mutation: Mutation): void {
    const { supersessions, table } = this.#context;
    const { record } = table.read(mutation.namespace, mutation.key);
    if (record !== undefined) supersessions.note(mutation, record);
  }
}
