// A replica that an operator has drained: it answers no client, keeps replicating, counts in N and
// votes. It stays drained across restarts, until it is resumed. During a grace it still answers,
// until load balancers and clients use other replicas; a restart ends the grace.

import type { DrainCommand } from '../model/command.ts';
import type { Now, Turn } from '../model/effect.ts';
import { metaKey } from '../store/layout.ts';
import { sealNothing } from '../store/envelope.ts';
import { type Fault, fault } from '../model/fault.ts';
import { alternatesIn, type Peers } from '../peers/peers.ts';
import type { Storage } from '../model/port.ts';

const DRAINED = metaKey('drained');
/** A disk that takes longer hangs: the operator is warned that the mark may be lost. */
const HELD_MS_MAX = 10_000;

export interface DrainOptions {
  readonly peers: Peers;
  readonly get: Storage['get'];
}

export class Drain {
  readonly #options: DrainOptions;
  #isDrained = false;
  /** Monotonic time. */
  #refusesFromMs = Number.NEGATIVE_INFINITY;

  constructor(options: DrainOptions) {
    this.#options = options;
  }

  get isDrained(): boolean {
    return this.#isDrained;
  }

  /**
   * Storage is read. An unreadable mark counts as a mark: to serve against an operator's order
   * would be worse.
   */
  begin(): void {
    this.#isDrained = this.#options.get(DRAINED) !== undefined;
  }

  /** Answered when the mark is durable. Requests accepted before are finished. */
  onCommand({ client, drained, graceMs = 0 }: DrainCommand, turn: Turn): void {
    if (drained) turn.put(DRAINED, sealNothing());
    else turn.del(DRAINED);
    if (drained !== this.#isDrained) turn.note('info', drained ? 'drained' : 'resumed', {});
    const refusesFromMs = turn.now.monoMs + graceMs;
    // A second order may shorten the grace of the first, never lengthen it.
    this.#refusesFromMs = this.#isDrained
      ? Math.min(this.#refusesFromMs, refusesFromMs)
      : refusesFromMs;
    this.#isDrained = drained;
    turn.reply(client, { kind: 'drained', drained }, turn.lsn, turn.now.monoMs + HELD_MS_MAX);
  }

  /** The rest of the grace. */
  graceMs({ monoMs }: Now): number {
    return this.#isDrained ? Math.max(this.#refusesFromMs - monoMs, 0) : 0;
  }

  /** The fault for clients whose requests are not accepted; `undefined` if they are. */
  refusal({ monoMs }: Now): Fault | undefined {
    if (!this.#isDrained || monoMs < this.#refusesFromMs) return undefined;
    return fault('draining', 'an operator has drained this replica; nothing happened', {
      alternates: alternatesIn(this.#options.peers),
      retryAfterMs: 1000,
    });
  }
}
