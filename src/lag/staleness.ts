// How stale this replica's answers can be, proved without synchronised clocks. A ping carries our
// monotonic time; the peer's echo returns it with the heads of the peer's own log when the ping
// arrived. Once everything up to those heads is visible here, whatever we still lack of that peer
// was accepted after the ping was sent. The bound is taken over all peers; a peer that never echoed
// makes it unknown, because unknown is never zero.
//
// The same echoes measure how much longer than usual a peer's writes take (path-lag.ts).

import { assert } from '../base/assert.ts';
import type { Staleness } from '../model/staleness.ts';
import { type ReadonlyVector, type VectorEntries, seqOf } from '../model/vector.ts';
import { PerMember } from '../model/per-member.ts';
import { type Delay, PathLag } from './path-lag.ts';

export interface Echo {
  readonly pingMs: number;
  /** For how long the peer kept the ping before it answered. */
  readonly keptMs: number;
  /** The peer's monotonic time when it answered. */
  readonly sentMs: number;
  readonly heads: VectorEntries;
}

const WAITING_MAX = 64;

/** What is measured of one peer. */
interface Measured {
  /** Everything that it had accepted at this local time is visible here. */
  asOfMs: number | undefined;
  /** Echoes that wait until their heads are visible here. */
  readonly waiting: Echo[];
  readonly path: PathLag;
}

export class StalenessBound {
  readonly #self: number;
  readonly #replicas: number;
  readonly #peers = new PerMember<Measured>(() => ({
    asOfMs: undefined,
    waiting: [],
    path: new PathLag(),
  }));

  constructor(self: number, replicas: number) {
    this.#self = self;
    this.#replicas = replicas;
  }

  onEcho(peer: number, echo: Echo, shown: ReadonlyVector, nowMs: number): void {
    const { path, waiting } = this.#peers.of(peer);
    assert(peer !== this.#self && peer < this.#replicas, 'staleness: an echo is of a peer');
    path.onEcho(delayOf(echo, nowMs), nowMs);
    // At the bound the new echo is dropped: the older ones are reached sooner.
    if (waiting.length < WAITING_MAX) waiting.push(echo);
    this.onShown(peer, shown, nowMs);
  }

  /** More is visible here. */
  onShown(peer: number, shown: ReadonlyVector, nowMs: number): void {
    const measured = this.#peers.of(peer);
    const { path, waiting } = measured;
    for (let first = waiting[0]; first !== undefined; first = waiting[0]) {
      if (!first.heads.every(([origin, seq]) => seqOf(shown, origin) >= seq)) return;
      measured.asOfMs = first.pingMs;
      path.onShown(delayOf(first, nowMs));
      waiting.shift();
    }
  }

  /**
   * A waiting echo may name entries that the peer lost with its incarnation, and would then wait
   * for ever.
   */
  onDisconnected(peer: number): void {
    const { path, waiting } = this.#peers.of(peer);
    waiting.length = 0;
    path.onDisconnected();
  }

  /** Another process runs at the peer. */
  onNewLife(peer: number): void {
    this.#peers.of(peer).path.onNewLife();
  }

  /**
   * Everything that the peer had accepted at this local time is visible here; `undefined`: unknown.
   */
  asOfMs(peer: number): number | undefined {
    return this.#peers.of(peer).asOfMs;
  }

  /** How much longer than usual the peer's writes take, in ms; echoes may be `quietMs` apart. */
  excessOf(peer: number, quietMs: number, nowMs: number): number | undefined {
    const { path, waiting } = this.#peers.of(peer);
    const [first] = waiting;
    const delay = first === undefined ? undefined : delayOf(first, nowMs);
    return path.excessMs(delay, quietMs, nowMs);
  }

  baselineOf(peer: number, nowMs: number): number | undefined {
    return this.#peers.of(peer).path.baselineMs(nowMs);
  }

  ofPeer(peer: number, nowMs: number): Staleness {
    const asOf = this.asOfMs(peer);
    return asOf === undefined ? 'unknown' : Math.max(nowMs - asOf, 0);
  }

  /** The bound for an answer made now from the visible records. */
  bound(nowMs: number): Staleness {
    let bound = 0;
    for (let peer = 0; peer < this.#replicas; peer++) {
      if (peer === this.#self) continue;
      const asOf = this.asOfMs(peer);
      if (asOf === undefined) return 'unknown';
      bound = Math.max(bound, nowMs - asOf);
    }
    return bound;
  }
}

/** There and back is never negative: clocks of two machines may run at different rates. */
function delayOf({ pingMs, keptMs, sentMs }: Echo, nowMs: number): Delay {
  return { roundMs: Math.max(nowMs - pingMs - keptMs, 0), backMs: nowMs - sentMs };
}
