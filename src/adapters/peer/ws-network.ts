// The peer channel of a real process: one WebSocket connection for each pair of replicas, on a port
// of its own.
//
// The replica with the smaller id dials, the other one listens, so a pair never has two connections
// by construction. When an authenticated connection arrives and an older one exists, the new one
// replaces it: the old one has ended without this side noticing. Only a process with an older
// incarnation is refused; otherwise two processes with one id would replace each other for ever.
//
// ../frame.ts defines frames, ../handshake.ts the handshake, link.ts a single connection.

import { assert } from '../../base/assert.ts';
import type { Incarnation } from '../../model/id.ts';
import type { Place, Probed } from '../../model/membership.ts';
import type { Message } from '../../model/message.ts';
import type { Network, NetworkHandler, Trace } from '../../model/port.ts';
import { PerMember } from '../../model/per-member.ts';
import type { Member } from '../../model/quorum.ts';
import { PROTOCOL_VERSIONS } from '../frame.ts';
import { type PeerIdentity, type Refusal, REFUSALS, SECRET_BYTES_MIN } from '../handshake.ts';
import { PeerDialer } from './dialer.ts';
import { CLOSE_CODES, PeerLink, type PeerTraffic } from './link.ts';
import { type Authenticated, PeerListener } from './listener.ts';
import { type Introduction, probePeer } from './probe.ts';

export interface WsNetworkOptions {
  readonly self: Member;
  /** All replicas, this one included, sorted by id. */
  readonly members: readonly Member[];
  readonly clusterId: string;
  /** Shared by all replicas; at least 16 bytes. */
  readonly secret: Buffer;
  /** The current incarnation of this replica. */
  readonly incarnation: () => Incarnation;
  readonly host: string;
  /** The epoch that the directory is bound to; 0 if it is bound to none, or cannot be read. */
  readonly epoch?: () => number;
  /** 0 binds any free port. */
  readonly port: number;
  /** A peer is dropped when nothing arrives from it for this time. */
  readonly peerTimeoutMs: number;
  /** Emulated one-way distance to a peer; frames are sent this much later. */
  readonly delayMs?: (peer: number) => number;
  readonly note?: Trace['note'];
  readonly limits?: Partial<PeerLimits>;
  /** For tests of the negotiation. */
  readonly protocols?: readonly number[];
}

export interface PeerLimits {
  /** A larger frame is not sent; one that arrives ends the connection. */
  readonly frameBytesMax: number;
  /** The bound on bytes on the way to one peer; beyond it the connection is dropped. */
  readonly queueBytesMax: number;
  /** The time from the first byte of a connection to its proof. */
  readonly handshakeTimeoutMs: number;
  /** The bound on unproved connections (strangers.ts). */
  readonly strangersMax: number;
  readonly reconnectMinMs: number;
  readonly reconnectMaxMs: number;
}

const PEER_LIMITS_DEFAULT: PeerLimits = {
  frameBytesMax: 20 * 1024 * 1024,
  queueBytesMax: 32 * 1024 * 1024,
  handshakeTimeoutMs: 5000,
  strangersMax: 512,
  reconnectMinMs: 50,
  reconnectMaxMs: 2000,
};

export interface NetworkTraffic {
  /** By member index; the place of this replica is empty. */
  readonly peers: readonly (PeerTraffic | undefined)[];
  /** Connections that this replica refused. */
  readonly refused: { readonly [reason in Refusal]: number };
}

const CLOSE_TIMEOUT_MS = 1000;
const NOTE_EVERY_MS = 60_000;

export class WsNetwork implements Network {
  readonly traffic: NetworkTraffic;
  readonly #options: WsNetworkOptions;
  readonly #limits: PeerLimits;
  readonly #identity: PeerIdentity;
  readonly #listener: PeerListener;
  readonly #dialers = new Map<number, PeerDialer>();
  readonly #links: (PeerLink | undefined)[];
  readonly #incarnations = new PerMember<Incarnation>(() => 0);
  readonly #refused = zeroes(REFUSALS);
  readonly #noted = new Map<string, number>();
  #handler: NetworkHandler | undefined;
  #watch: NodeJS.Timeout | undefined;
  #watchedMs = 0;

  constructor(options: WsNetworkOptions) {
    const { self, members, clusterId, secret, incarnation } = options;
    assert(
      secret.length >= SECRET_BYTES_MIN,
      `peers: the secret has less than ${SECRET_BYTES_MIN} bytes`,
    );
    assert(members[self.index]?.id === self.id, 'peers: this replica is not in its place');
    this.#options = options;
    this.#limits = { ...PEER_LIMITS_DEFAULT, ...options.limits };
    const protocols = options.protocols ?? PROTOCOL_VERSIONS;
    this.#identity = {
      clusterId,
      id: self.id,
      incarnation,
      secret: Buffer.from(secret),
      protocols,
    };
    this.#links = members.map(() => undefined);
    this.#listener = this.#createListener();
    const peers = members.map((member) =>
      member.id === self.id ? undefined : this.#counters(member),
    );
    this.traffic = { peers, refused: this.#refused };
  }

  /** Binds the port. Peers are refused until `start`. */
  listen(): Promise<{ readonly address: string; readonly port: number }> {
    return this.#listener.listen(this.#options.host, this.#options.port);
  }

  start(handler: NetworkHandler): void {
    assert(this.#handler === undefined, 'peers: started twice');
    this.#handler = handler;
    this.#watchedMs = performance.now();
    this.#watch = setInterval(() => this.#look(), this.#watchPeriodMs);
    for (const peer of this.#options.members) {
      if (peer.id <= this.#options.self.id) continue;
      const dialer = this.#createDialer(peer);
      this.#dialers.set(peer.index, dialer);
      dialer.start();
    }
  }

  send(peer: number, message: Message): void {
    this.#links[peer]?.send(message);
  }

  flush(): void {
    for (const link of this.#links) link?.flush();
  }

  /** Which replica is at an address. Never rejects. */
  probe(place: Pick<Place, 'id' | 'peerAddress'>, timeoutMs: number): Promise<Probed> {
    return probePeer(this.#identity, place, timeoutMs);
  }

  /** Closes the connections to the peers and the port. */
  async close(): Promise<void> {
    clearInterval(this.#watch);
    for (const dialer of this.#dialers.values()) dialer.stop();
    const links = this.#links.filter((link) => link !== undefined);
    for (const link of links) link.close(CLOSE_CODES.stopping, 'stopping');
    await Promise.all([this.#listener.close(), ...links.map(({ closed }) => closed)]);
  }

  get #watchPeriodMs(): number {
    return this.#options.peerTimeoutMs / 6;
  }

  /**
   * A check that runs late shows that this process was suspended; it shows nothing about the peers.
   */
  #look(): void {
    const nowMs = performance.now();
    const isLate = nowMs - this.#watchedMs > 2 * this.#watchPeriodMs;
    this.#watchedMs = nowMs;
    for (const link of this.#links) {
      if (isLate) link?.excuse(nowMs);
      link?.check(nowMs);
    }
  }

  /** Both ends use these options: they are authenticated replicas, never browsers. */
  get #socketOptions() {
    return {
      perMessageDeflate: false,
      maxPayload: this.#limits.frameBytesMax,
      // Our frames are not fragmented.
      maxFragments: 1,
      closeTimeout: CLOSE_TIMEOUT_MS,
      // RFC 6455 masks frames against browser scripts that craft bytes for proxies on the way
      // (10.3). Here is no script, and masking costs both ends a pass over every byte.
      generateMask: (mask: Buffer) => void mask.fill(0),
    };
  }

  #createListener(): PeerListener {
    return new PeerListener({
      identity: this.#identity,
      members: this.#options.members,
      handshakeTimeoutMs: this.#limits.handshakeTimeoutMs,
      strangersMax: this.#limits.strangersMax,
      socketOptions: this.#socketOptions,
      admit: (peer, incarnation) => this.#admit(peer, incarnation),
      introduce: () => this.#introduce(),
      onAuthenticated: (connection) => this.#adopt(connection),
      onRefused: (reason) => {
        this.#refused[reason]++;
        this.#noteSeldom('peer-refused', { reason });
      },
    });
  }

  #createDialer(peer: Member): PeerDialer {
    return new PeerDialer({
      identity: this.#identity,
      peer,
      handshakeTimeoutMs: this.#limits.handshakeTimeoutMs,
      reconnectMinMs: this.#limits.reconnectMinMs,
      reconnectMaxMs: this.#limits.reconnectMaxMs,
      socketOptions: this.#socketOptions,
      onAuthenticated: (connection) => this.#adopt(connection),
      onFailed: ({ id }, reason) => this.#noteSeldom('peer-unreachable', { peer: id, reason }),
    });
  }

  #admit(peer: Member, incarnation: Incarnation): Refusal | undefined {
    if (this.#handler === undefined) return 'starting';
    const isOlder = incarnation < this.#incarnations.of(peer.index);
    return isOlder && this.#links[peer.index] !== undefined ? 'incarnation' : undefined;
  }

  #introduce(): Introduction | undefined {
    if (this.#handler === undefined) return undefined;
    return { region: this.#options.self.region, epoch: this.#options.epoch?.() ?? 0 };
  }

  #adopt({ peer, incarnation, version, socket, stream }: Authenticated): void {
    const { index, id } = peer;
    this.#retire(index, CLOSE_CODES.replaced, 'replaced by a newer connection');
    const traffic = this.traffic.peers[index] as PeerTraffic;
    const link: PeerLink = new PeerLink(socket, stream, {
      version,
      frameBytesMax: this.#limits.frameBytesMax,
      queueBytesMax: this.#limits.queueBytesMax,
      peerTimeoutMs: this.#options.peerTimeoutMs,
      delayMs: this.#options.delayMs?.(index) ?? 0,
      traffic,
      onMessage: (message) => this.#handler?.onMessage(index, message),
      onClosed: (reason) => this.#onClosed(peer, link, reason),
    });
    this.#links[index] = link;
    this.#incarnations.set(index, incarnation);
    traffic.connected = true;
    traffic.connects++;
    this.#options.note?.('info', 'peer-connected', { peer: id, incarnation, version });
    this.#handler?.onConnected(index);
  }

  /** Ends the current connection, which another one replaces. */
  #retire(index: number, code: number, reason: string): void {
    const link = this.#links[index];
    if (link === undefined) return;
    link.close(code, reason);
    this.#onClosed(this.#options.members[index] as Member, link, reason);
  }

  #onClosed(peer: Member, link: PeerLink, reason: string): void {
    if (this.#links[peer.index] !== link) return;
    this.#links[peer.index] = undefined;
    const traffic = this.traffic.peers[peer.index] as PeerTraffic;
    traffic.connected = false;
    traffic.disconnects++;
    this.#options.note?.('info', 'peer-disconnected', { peer: peer.id, reason });
    this.#handler?.onDisconnected(peer.index);
    this.#dialers.get(peer.index)?.onClosed();
  }

  #counters(member: Member): PeerTraffic {
    const links = this.#links;
    return {
      connected: false,
      connects: 0,
      disconnects: 0,
      framesSent: 0,
      bytesSent: 0,
      framesReceived: 0,
      bytesReceived: 0,
      get queueBytes() {
        return links[member.index]?.queueBytes ?? 0;
      },
    };
  }

  /** Strangers and lost peers try repeatedly; the log gets one line a minute. */
  #noteSeldom(event: string, fields: { readonly [name: string]: string }): void {
    const what = [event, ...Object.values(fields)].join(' ');
    const nowMs = performance.now();
    if (nowMs < (this.#noted.get(what) ?? 0)) return;
    if (this.#noted.size >= 256) this.#noted.clear();
    this.#noted.set(what, nowMs + NOTE_EVERY_MS);
    this.#options.note?.('warn', event, fields);
  }
}

function zeroes<Name extends string>(names: { readonly [name in Name]: unknown }) {
  const entries = Object.keys(names).map((name) => [name, 0] as const);
  return Object.fromEntries(entries) as { [name in Name]: number };
}
