// The staleness bound compared with an observer of everything: whatever the delays, the losses and
// the crashes, no write that the bound covers is missing; and once everything is quiet the bound
// falls again.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StalenessBound } from '../../src/lag/staleness.ts';
import { type Origin, originOf, type ReplicaId } from '../../src/model/id.ts';
import type { Vector, VectorEntries } from '../../src/model/vector.ts';

const PEERS = 2;
const SELF = 0;

interface Life {
  readonly origin: Origin;
  /** When each of its writes was accepted. */
  readonly acceptedMs: number[];
}

interface Echo {
  readonly pingMs: number;
  readonly heads: VectorEntries;
}

/** A peer, and the messages between it and the observer. */
class Peer {
  readonly id: ReplicaId;
  readonly lives: Life[] = [];
  pings: number[] = [];
  echoes: Echo[] = [];
  lastPing: Echo | undefined;

  constructor(index: number) {
    this.id = `r${index}` as ReplicaId;
    this.begin();
  }

  get current(): Life {
    return this.lives[this.lives.length - 1] as Life;
  }

  begin(): void {
    this.lives.push({ origin: originOf(this.id, this.lives.length + 1), acceptedMs: [] });
  }

  heads(): VectorEntries {
    return this.lives
      .filter(({ acceptedMs }) => acceptedMs.length > 0)
      .map(({ origin, acceptedMs }) => [origin, acceptedMs.length] as const);
  }
}

class Scene {
  readonly staleness = new StalenessBound(SELF, PEERS + 1);
  readonly shown: Vector = new Map();
  readonly peers = Array.from({ length: PEERS }, (_, i) => new Peer(i + 1));
  nowMs = 1;

  step(kind: string, index: number, n: number): void {
    const peer = this.peers[index] as Peer;
    const member = index + 1;
    if (kind === 'time') this.nowMs += n;
    else if (kind === 'accept') peer.current.acceptedMs.push(this.nowMs);
    else if (kind === 'ping') peer.pings.push(this.nowMs);
    else if (kind === 'arrive') this.#arrive(peer);
    else if (kind === 'echo' && peer.lastPing !== undefined) peer.echoes.push(peer.lastPing);
    else if (kind === 'hear') this.#hear(peer, member);
    else if (kind === 'show') this.#show(peer, member, n);
    else if (kind === 'crash') this.#crash(peer, member, n);
    else if (kind === 'disconnect') this.#disconnect(peer, member);
  }

  #arrive(peer: Peer): void {
    const pingMs = peer.pings.shift();
    if (pingMs !== undefined) peer.lastPing = { pingMs, heads: peer.heads() };
  }

  #hear(peer: Peer, member: number): void {
    const echo = peer.echoes.shift();
    if (echo === undefined) return;
    this.staleness.onEcho(member, { ...echo, keptMs: 0, sentMs: 0 }, this.shown, this.nowMs);
  }

  /** The next `n` writes of the peer become visible, incarnation after incarnation. */
  #show(peer: Peer, member: number, n: number): void {
    let left = n;
    for (const { origin, acceptedMs } of peer.lives) {
      const before = this.shown.get(origin) ?? 0;
      const after = Math.min(before + left, acceptedMs.length);
      left -= after - before;
      if (after > 0) this.shown.set(origin, after);
      if (after < acceptedMs.length) break;
    }
    this.staleness.onShown(member, this.shown, this.nowMs);
  }

  /** Entries that are not durable are gone; no other replica has ever received them. */
  #crash(peer: Peer, member: number, lost: number): void {
    const { origin, acceptedMs } = peer.current;
    const kept = Math.max(acceptedMs.length - lost, this.shown.get(origin) ?? 0);
    acceptedMs.length = kept;
    peer.begin();
    this.#disconnect(peer, member);
  }

  #disconnect(peer: Peer, member: number): void {
    peer.pings = [];
    peer.echoes = [];
    peer.lastPing = undefined;
    this.staleness.onDisconnected(member);
  }

  check(): void {
    const bound = this.staleness.bound(this.nowMs);
    this.peers.forEach((peer, i) => {
      const ofPeer = this.staleness.ofPeer(i + 1, this.nowMs);
      if (bound === 'unknown' || ofPeer === 'unknown') return;
      expect(ofPeer).toBeLessThanOrEqual(bound);
      for (const { origin, acceptedMs } of peer.lives) {
        const spokenFor = acceptedMs.filter((at) => at < this.nowMs - ofPeer).length;
        expect(this.shown.get(origin) ?? 0).toBeGreaterThanOrEqual(spokenFor);
      }
    });
  }
}

const kinds = ['accept', 'ping', 'arrive', 'echo', 'hear', 'show', 'time', 'crash', 'disconnect'];
const steps = fc.array(
  fc.tuple(
    fc.oneof(
      { weight: 12, arbitrary: fc.constantFrom(...kinds.slice(0, 7)) },
      { weight: 1, arbitrary: fc.constantFrom(...kinds.slice(7)) },
    ),
    fc.nat(PEERS - 1),
    fc.nat(4),
  ),
  { maxLength: 200, size: 'large' },
);

describe('the staleness bound', () => {
  it('is an upper bound on the age of everything missing', () => {
    fc.assert(
      fc.property(steps, (taken) => {
        const scene = new Scene();
        for (const [kind, peer, n] of taken) {
          scene.step(kind, peer, n);
          scene.check();
        }
      }),
      { numRuns: 300 },
    );
  });

  it('falls to the last round trip once every entry is shown', () => {
    fc.assert(
      fc.property(steps, (taken) => {
        const scene = new Scene();
        for (const [kind, peer, n] of taken) scene.step(kind, peer, n);
        for (let peer = 0; peer < PEERS; peer++) {
          for (let i = 0; i < 200; i++) {
            for (const kind of ['arrive', 'hear']) scene.step(kind, peer, 0);
          }
          scene.step('show', peer, 1000);
          for (const kind of ['ping', 'arrive', 'echo', 'hear']) scene.step(kind, peer, 0);
        }
        expect(scene.staleness.bound(scene.nowMs)).toBe(0);
      }),
      { numRuns: 100 },
    );
  });

  it('is unknown until every peer has echoed', () => {
    const staleness = new StalenessBound(SELF, 3);
    expect(staleness.bound(5)).toBe('unknown');
    staleness.onEcho(1, { pingMs: 4, keptMs: 0, sentMs: 0, heads: [] }, new Map(), 5);
    expect(staleness.bound(5)).toBe('unknown');
    expect(staleness.ofPeer(1, 5)).toBe(1);
    expect(staleness.ofPeer(2, 5)).toBe('unknown');
    staleness.onEcho(2, { pingMs: 2, keptMs: 0, sentMs: 0, heads: [] }, new Map(), 5);
    expect(staleness.bound(5)).toBe(3);
    expect(new StalenessBound(0, 1).bound(5)).toBe(0);
  });
});
