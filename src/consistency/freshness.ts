// How stale this replica's answers can be, proved without synchronised clocks. A ping carries our monotonic time; the
// peer's echo carries it back with the heads of the peer's own log when the ping arrived. Once everything up to those
// heads is shown here, whatever we still lack of that peer was accepted after the ping was sent. The bound is taken
// over all peers; a peer that never echoed makes it unknown, because unknown is never zero.

import type { Staleness } from '../model/command.ts';
import type { VectorEntries } from '../model/message.ts';
import { type ReadonlyVector, seqOf } from '../model/vector.ts';

/** An echo that waits until its heads are shown here. */
interface Echo {
  readonly pingMs: number;
  readonly heads: VectorEntries;
}

const WAITING_MAX = 64;

export class Freshness {
  readonly #self: number;
  /** Per member: everything it had accepted at this time of ours is shown here. */
  readonly #asOfMs: (number | undefined)[];
  readonly #waiting: Echo[][];

  constructor(self: number, replicas: number) {
    this.#self = self;
    this.#asOfMs = new Array<number | undefined>(replicas).fill(undefined);
    this.#waiting = Array.from({ length: replicas }, () => []);
  }

  onEcho(peer: number, pingMs: number, heads: VectorEntries, shown: ReadonlyVector): void {
    const waiting = this.#waiting[peer] as Echo[];
    // At the bound the new echo is dropped: the older ones are reached sooner.
    if (waiting.length < WAITING_MAX) waiting.push({ pingMs, heads });
    this.onShown(peer, shown);
  }

  /** What is shown here has grown. */
  onShown(peer: number, shown: ReadonlyVector): void {
    const waiting = this.#waiting[peer] as Echo[];
    while (waiting.length > 0) {
      const first = waiting[0] as Echo;
      if (!first.heads.every(([origin, seq]) => seqOf(shown, origin) >= seq)) return;
      this.#asOfMs[peer] = first.pingMs;
      waiting.shift();
    }
  }

  /** What waits may name entries that the peer lost with its life, and would then wait for ever. */
  onDisconnected(peer: number): void {
    (this.#waiting[peer] as Echo[]).length = 0;
  }

  ofPeer(peer: number, nowMs: number): Staleness {
    const asOf = this.#asOfMs[peer];
    return asOf === undefined ? 'unknown' : Math.max(nowMs - asOf, 0);
  }

  /** The bound for an answer made now from what is shown here. */
  bound(nowMs: number): Staleness {
    let bound = 0;
    for (let peer = 0; peer < this.#asOfMs.length; peer++) {
      if (peer === this.#self) continue;
      const asOf = this.#asOfMs[peer];
      if (asOf === undefined) return 'unknown';
      bound = Math.max(bound, nowMs - asOf);
    }
    return bound;
  }
}
