// The common state of the other members: which are connected, heard and greeted, the vector of
// each, and the sender that streams to it. A part keeps the state that it alone needs. The vector
// of a peer comes only from its own messages; a hello replaces it, because a peer that lost its
// disk holds less than before.

import { assert } from '../base/assert.ts';
import type { Outbox } from '../model/effect.ts';
import type { Alternate } from '../model/fault.ts';
import { type Dot, type LaneId, type ReplicaId, replicaOf, type Seq } from '../model/id.ts';
import { add, has, type MemberSet, NO_MEMBERS, remove, single } from '../model/member-set.ts';
import type { Hello, Pull } from '../model/message.ts';
import { majority, type Member } from '../model/quorum.ts';
import type { Settings } from '../model/settings.ts';
import type { Log } from '../store/log.ts';
import type { Supersessions } from '../store/supersessions.ts';
import {
  type ReadonlyVector,
  type Vector,
  type VectorEntries,
  cappedBy,
  covers,
  meetVectors,
} from '../model/vector.ts';

/** Heartbeats that a peer may miss before it counts as not heard; a lossy link loses one or two. */
const SILENT_BEATS = 3;

/** The holders of entries, for parts that fetch missing ones. */
export interface Holder {
  readonly peer: number;
  readonly id: ReplicaId;
  readonly holds: ReadonlyVector;
  /** What of it readers see there. */
  readonly shows: ReadonlyVector;
}

/** What streams this replica's own log to a peer. */
export interface Stream {
  begin(peerHolds: VectorEntries, windowBytes: number): void;
  reset(): void;
  rewind(origin: LaneId, from: Seq): void;
  onHeld(vector: VectorEntries): void;
  onWindow(windowBytes: number): void;
  lookBack(): void;
  pump(out: Outbox): void;
}

export class Peer {
  readonly member: Member;
  readonly sender: Stream;
  /** Connected and greeted: it can be asked and streamed to. */
  greeted = false;
  /** It said hello at least once since this replica started. */
  known = false;
  holds: Vector = new Map();
  /** What it showed when it sent its last heartbeat, as far as that was durable there. */
  shows: ReadonlyVector = new Map();
  /** When its last message arrived, and when its present time without silence began. */
  heardAtMs = Number.NEGATIVE_INFINITY;
  heardSinceMs = 0;
  /** The URL of its HTTP API, as it reports it or as configured. */
  url: string | undefined;
  /** Its incarnation. */
  life: LaneId | undefined;
  readonly #silentMs: number;
  /** The part of our vector that was sent to the peer on this connection. */
  readonly #told = new Map<LaneId, Seq>();

  /** A peer without a message for `silentMs` is not heard any more. */
  constructor(member: Member, sender: Stream, silentMs: number) {
    this.member = member;
    this.sender = sender;
    this.url = member.httpUrl;
    this.#silentMs = silentMs;
  }

  /** A message from it has arrived. */
  onHeard(nowMs: number): void {
    assert(nowMs >= this.heardAtMs, 'peer: messages come in the order of time');
    if (!this.isHeard(nowMs)) this.heardSinceMs = nowMs;
    this.heardAtMs = nowMs;
  }

  isHeard(nowMs: number): boolean {
    return nowMs - this.heardAtMs <= this.#silentMs;
  }

  onHello(hello: Hello): void {
    this.greeted = true;
    this.known = true;
    this.holds = new Map(hello.vector);
    this.shows = new Map();
    if (hello.url !== '') this.url = hello.url;
    this.life = hello.origin;
    this.sender.begin(hello.vector, hello.windowBytes);
  }

  onDisconnected(): void {
    this.greeted = false;
    this.heardAtMs = Number.NEGATIVE_INFINITY;
    this.#told.clear();
    this.sender.reset();
  }

  learn(vector: VectorEntries): void {
    for (const [origin, seq] of vector) this.holds.set(origin, seq);
    this.sender.onHeld(vector);
  }

  /** A heartbeat has come, whose vector is learned: these lanes are visible there only so far. */
  onShown(waiting: VectorEntries): void {
    this.shows = cappedBy(this.holds, waiting);
  }

  /** The entries of `vector` that were not sent to this peer on this connection. */
  news(vector: ReadonlyVector): VectorEntries {
    const news: [LaneId, Seq][] = [];
    for (const [origin, seq] of vector) {
      const told = this.#told.get(origin) ?? 0;
      assert(told <= seq, 'peer: a durable vector only grows');
      if (told === seq) continue;
      this.#told.set(origin, seq);
      news.push([origin, seq]);
    }
    return news;
  }

  /**
   * It lacks entries of this replica's own log, which are streamed. Entries of other origins are
   * sent as far as this replica has them.
   */
  onPull({ origin, from }: Pull, out: Outbox): void {
    this.sender.rewind(origin, from);
    this.sender.pump(out);
  }
}

export function holderOf({ member, holds, shows }: Peer): Holder {
  return { peer: member.index, id: member.id, holds, shows };
}

/** The replicas that a client may ask instead: those that can answer this request. */
export function alternatesIn(peers: Peers, canAnswer?: (peer: Peer) => boolean): Alternate[] {
  const able = peers.greeted().filter((peer) => canAnswer?.(peer) ?? true);
  return able.map(({ member, url }) => ({ id: member.id, url }));
}

/** The other members, each with the sender that streams to it. */
export function createPeers(
  { members, heartbeatMs }: Settings,
  self: number,
  senderTo: (peer: number) => Stream,
): Peers {
  const others = members.filter(({ index }) => index !== self);
  const peers = others.map(
    (member) => new Peer(member, senderTo(member.index), SILENT_BEATS * heartbeatMs),
  );
  return new Peers(self, peers);
}

export class Peers {
  readonly #self: number;
  /** By member index; empty at this replica's own. */
  readonly #peers: (Peer | undefined)[];
  readonly #othersMin: number;
  #reachable: MemberSet;
  #epoch = 0;

  constructor(self: number, peers: readonly Peer[]) {
    this.#self = self;
    this.#othersMin = majority(peers.length + 1) - 1;
    this.#peers = [];
    for (const peer of peers) this.#peers[peer.member.index] = peer;
    assert(this.#peers[self] === undefined, 'peers: this replica is no peer of its own');
    this.#reachable = single(self);
  }

  /** Members that can answer now, this replica included. */
  get reachable(): MemberSet {
    return this.#reachable;
  }

  /**
   * Connected members that have missed some heartbeats, as bits: also machines that died without
   * closing.
   */
  silent(nowMs: number): MemberSet {
    let silent = NO_MEMBERS;
    for (const peer of this.#peers)
      if (peer?.greeted === true && !peer.isHeard(nowMs)) silent = add(silent, peer.member.index);
    return silent;
  }

  /** Counts connects and disconnects: messages within one epoch came from the same incarnations. */
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

  /** With this replica, this many others are a majority of the members. */
  isMajority(others: number): boolean {
    return others >= this.#othersMin;
  }

  hearsMajority(nowMs: number): boolean {
    let heard = 0;
    for (const peer of this.#peers) if (peer?.greeted === true && peer.isHeard(nowMs)) heard++;
    return this.isMajority(heard);
  }

  onHello(peer: Peer, hello: Hello): void {
    assert(this.#peers[peer.member.index] === peer, 'peers: a peer is in its place');
    peer.onHello(hello);
    this.#epoch++;
    this.#reachable = add(this.#reachable, peer.member.index);
  }

  onDisconnected(peer: Peer): void {
    if (peer.greeted) this.#epoch++;
    peer.onDisconnected();
    this.#reachable = remove(this.#reachable, peer.member.index);
    assert(has(this.#reachable, this.#self), 'peers: this replica can always answer');
  }

  /** Members known to hold a dot durably. */
  holders(dot: Dot, own: ReadonlyVector): MemberSet {
    let holders = covers(own, dot) ? single(this.#self) : NO_MEMBERS;
    for (const peer of this.#peers) {
      if (peer !== undefined && covers(peer.holds, dot)) holders = add(holders, peer.member.index);
    }
    return holders;
  }

  /** Every member shows the entry, and everything before it in its lane. */
  isShownByAll(dot: Dot, own: ReadonlyVector): boolean {
    return covers(own, dot) && this.all().every(({ shows }) => covers(shows, dot));
  }

  /** The pointwise minimum of all members' durable vectors. */
  stableCut(own: ReadonlyVector): Vector {
    return meetVectors([own, ...this.all().map((peer) => peer.holds)]);
  }

  /** The pointwise minimum of what all members show. */
  shownCut(own: ReadonlyVector): Vector {
    return meetVectors([own, ...this.all().map((peer) => peer.shows)]);
  }

  /**
   * Sends each origin's replica the durable end of its log at once; the others get it by heartbeat.
   */
  acknowledge(
    moved: VectorEntries,
    windowBytes: number,
    { supersessions, log }: { readonly supersessions: Supersessions; readonly log: Log },
    out: Outbox,
  ): void {
    for (const { member } of this.greeted()) {
      const vector = moved.filter(([origin]) => replicaOf(origin) === member.id);
      if (vector.length === 0) continue;
      const superseded = supersessions.take(member.id, log.durable);
      const ack = { kind: 'ack', vector, windowBytes } as const;
      out.send(member.index, superseded === undefined ? ack : { ...ack, superseded });
    }
  }

  pump(out: Outbox): void {
    for (const peer of this.#peers) peer?.sender.pump(out);
  }
}
