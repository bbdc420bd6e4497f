// What this replica knows of the others: who is connected, what each holds, how near it is, and the sender that
// streams to it. What a peer holds is taken from its own words only; a hello replaces what was known, because a peer
// that lost its disk holds less than it said before.

import type { Outbox } from '../model/effect.ts';
import type { Dot, Origin, Seq } from '../model/id.ts';
import type { Heartbeat, Hello, VectorEntries } from '../model/message.ts';
import type { Member } from '../model/quorum.ts';
import type { Settings } from '../model/settings.ts';
import { covers, meetVectors, type ReadonlyVector, type Vector } from '../model/vector.ts';
import { PeerSender, type SenderOptions } from '../stream/sender.ts';

export class Peer {
  readonly member: Member;
  readonly sender: PeerSender;
  /** Connected and greeted: it can be asked and streamed to. */
  greeted = false;
  /** It said hello at least once since this replica started. */
  known = false;
  /** Heartbeats that it sent: each says everything that it held when it sent it. */
  reports = 0;
  holds: Vector = new Map();
  /** The peer's last ping, when it came, and our own heads at that moment. */
  ping = 0;
  pingAtMs = 0;
  headsAtPing: VectorEntries = [];
  /** What we told the peer of our vector on this connection. */
  readonly #told = new Map<Origin, Seq>();

  constructor(member: Member, sender: PeerSender) {
    this.member = member;
    this.sender = sender;
  }

  onHello(hello: Hello): void {
    this.greeted = true;
    this.known = true;
    this.holds = new Map(hello.vector);
    this.sender.begin(hello.vector, hello.windowBytes);
  }

  onDisconnected(): void {
    this.greeted = false;
    this.ping = 0;
    this.#told.clear();
    this.sender.reset();
  }

  learn(vector: VectorEntries): void {
    for (const [origin, seq] of vector) this.holds.set(origin, seq);
    this.sender.onHeld(vector);
  }

  /** The entries of `vector` that this peer has not been told on this connection. */
  news(vector: ReadonlyVector): VectorEntries {
    const news: [Origin, Seq][] = [];
    for (const [origin, seq] of vector) {
      if (this.#told.get(origin) === seq) continue;
      this.#told.set(origin, seq);
      news.push([origin, seq]);
    }
    return news;
  }

  onPing(heartbeat: Heartbeat, heads: VectorEntries, nowMs: number): void {
    this.reports++;
    this.ping = heartbeat.ping;
    this.pingAtMs = nowMs;
    this.headsAtPing = heads;
  }
}

/** The other members, each with the sender that streams to it. */
export function createPeers(
  { members, frameBytes }: Settings,
  self: number,
  senders: Pick<SenderOptions, 'metrics' | 'lanes' | 'range'>,
): Peers {
  const others = members.filter(({ index }) => index !== self);
  const peers = others.map((member) => {
    return new Peer(member, new PeerSender({ ...senders, peer: member.index, frameBytes }));
  });
  return new Peers(self, peers);
}

export class Peers {
  readonly #self: number;
  /** By member index; empty at this replica's own. */
  readonly #peers: (Peer | undefined)[];
  #reachable: number;
  #epoch = 0;

  constructor(self: number, peers: readonly Peer[]) {
    this.#self = self;
    this.#peers = [];
    for (const peer of peers) this.#peers[peer.member.index] = peer;
    this.#reachable = 1 << self;
  }

  /** Members that can answer now, this replica included, as bits. */
  get reachable(): number {
    return this.#reachable;
  }

  /** Counts comings and goings: what was heard in one epoch was heard of the same lives. */
  get epoch(): number {
    return this.#epoch;
  }

  get(index: number): Peer | undefined {
    return this.#peers[index];
  }

  all(): Peer[] {
    return this.#peers.filter((peer) => peer !== undefined);
  }

  greeted(): Peer[] {
    return this.all().filter((peer) => peer.greeted);
  }

  onHello(peer: Peer, hello: Hello): void {
    peer.onHello(hello);
    this.#epoch++;
    this.#reachable |= 1 << peer.member.index;
  }

  onDisconnected(peer: Peer): void {
    if (peer.greeted) this.#epoch++;
    peer.onDisconnected();
    this.#reachable &= ~(1 << peer.member.index);
  }

  /** Members known to hold a dot durably, as bits. */
  holders(dot: Dot, own: ReadonlyVector): number {
    let mask = covers(own, dot) ? 1 << this.#self : 0;
    for (const peer of this.#peers) {
      if (peer !== undefined && covers(peer.holds, dot)) mask |= 1 << peer.member.index;
    }
    return mask;
  }

  /** What every member holds durably. */
  stableCut(own: ReadonlyVector): Vector {
    return meetVectors([own, ...this.all().map((peer) => peer.holds)]);
  }

  pump(out: Outbox): void {
    for (const peer of this.#peers) peer?.sender.pump(out);
  }
}
