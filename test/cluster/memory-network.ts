// The peer channel in virtual time: the promises of adapters/peer/ws-network.ts, and the faults of
// real networks on demand. Every message goes through the real codec, so a simulated cluster
// exercises it with every frame.
//
// A replica that hears nothing for the timeout closes its end, and the other end learns of it only
// if the link in that direction works: so connections are half-open for a while, as real ones are.
// The replica with the smaller index dials, which takes two round trips; a new connection replaces
// one that the listener still has.

import { decodeFrame, FrameWriter } from '../../src/adapters/frame.ts';
import { assert, present } from '../../src/base/assert.ts';
import type { Prng } from '../../src/base/prng.ts';
import type { Message } from '../../src/model/message.ts';
import type { Network, NetworkHandler } from '../../src/model/port.ts';
import { Way } from './way.ts';
import type { SimulatedWorld } from './world.ts';

export interface MemoryNetworkOptions {
  readonly replicas: number;
  /** One way, drawn for each frame; frames never overtake each other. */
  readonly latencyMs: (from: number, to: number, dice: Prng) => number;
  /** Bytes on the way in one direction; beyond it the connection is dropped. */
  readonly queueBytesMax: number;
  readonly peerTimeoutMs: number;
  readonly reconnectMinMs: number;
  readonly reconnectMaxMs: number;
}

const OPTIONS_DEFAULT: Omit<MemoryNetworkOptions, 'replicas'> = {
  latencyMs: () => 1,
  queueBytesMax: 16 * 1024 * 1024,
  peerTimeoutMs: 3000,
  reconnectMinMs: 50,
  reconnectMaxMs: 2000,
};

/** The network as one incarnation of one replica sees it. */
export interface MemoryPort extends Network {
  /** Nothing arrives while it is set; the test that sets it keeps the messages. */
  isFrozen: boolean;
  /**
   * The process ends. `reset`: its kernel notifies the peers. `silent`: the machine is gone too.
   */
  stop(how: 'reset' | 'silent'): void;
}

/** One side of one connection. */
interface End {
  readonly owner: Port;
  readonly peer: number;
  readonly frame: FrameWriter;
  other: End | undefined;
  isOpen: boolean;
  /** Frames that came before it was open, as the kernel keeps them; `undefined` from then on. */
  early: Uint8Array[] | undefined;
  bytesOnTheWay: number;
}

export class MemoryNetwork {
  readonly world: SimulatedWorld;
  readonly options: MemoryNetworkOptions;
  readonly dice: Prng;
  readonly #ways: readonly (readonly Way[])[];
  readonly #ports: (Port | undefined)[];

  constructor(
    world: SimulatedWorld,
    options: Partial<MemoryNetworkOptions> & { readonly replicas: number },
  ) {
    this.world = world;
    this.options = { ...OPTIONS_DEFAULT, ...options };
    this.dice = world.prng.split('network');
    const indexes = Array.from({ length: options.replicas }, (_, index) => index);
    const way = (from: number, to: number): Way =>
      new Way(world, this.dice, () => this.options.latencyMs(from, to, this.dice));
    this.#ways = indexes.map((from) => indexes.map((to) => way(from, to)));
    this.#ports = indexes.map(() => undefined);
  }

  /** A new incarnation of a replica, which knows these peers; the one before has been stopped. */
  port(index: number, peers?: ReadonlySet<number>): MemoryPort {
    assert(this.#ports[index]?.isAlive !== true, 'memory network: two lives of one replica');
    const port = new Port(this, index, peers ?? new Set(this.#ports.keys()));
    this.#ports[index] = port;
    return port;
  }

  /** What `from` sends no longer arrives at `to`. */
  cut(from: number, to: number): void {
    this.way(from, to).cut(this.options.peerTimeoutMs, () => this.#ports[to]?.drop(from));
  }

  /** Frames that were held back continue. */
  heal(from: number, to: number): void {
    this.way(from, to).heal();
  }

  healAll(): void {
    for (const way of this.#ways.flat()) way.heal();
  }

  /** The connection of a pair breaks, and both notice at once. */
  sever(a: number, b: number): void {
    this.#ports[a]?.drop(b);
    this.#ports[b]?.drop(a);
  }

  /** One bit of the next frame changes on its way. */
  disturb(from: number, to: number): void {
    this.way(from, to).isNoisy = true;
  }

  /** The process behind a port is paused: it answers no peer, and in time its peers give it up. */
  freeze(index: number): void {
    const port = this.alive(index);
    if (port === undefined) return;
    port.isFrozen = true;
    this.world.after(this.options.peerTimeoutMs, () => {
      if (!port.isFrozen) return;
      for (const peer of this.#ports) if (peer !== port) peer?.drop(index);
    });
  }

  thaw(index: number): void {
    const port = this.#ports[index];
    if (port !== undefined) port.isFrozen = false;
  }

  /** Frames that arrived at `to` so far. */
  framesArrived(from: number, to: number): number {
    return this.way(from, to).frames;
  }

  /** Bytes of the current connection that have not arrived. */
  queueBytes(from: number, to: number): number {
    return this.#ports[from]?.queueBytes(to) ?? 0;
  }

  way(from: number, to: number): Way {
    return present(this.#ways[from]?.[to], 'memory network: no such replica');
  }

  /** The current incarnation of a participating replica. */
  alive(index: number): Port | undefined {
    const port = this.#ports[index];
    return port?.isAlive === true ? port : undefined;
  }
}

class Port implements MemoryPort {
  isFrozen = false;
  readonly #network: MemoryNetwork;
  readonly #index: number;
  readonly #peers: ReadonlySet<number>;
  readonly #ends = new Map<number, End>();
  readonly #failures = new Map<number, number>();
  #handler: NetworkHandler | undefined;

  constructor(network: MemoryNetwork, index: number, peers: ReadonlySet<number>) {
    this.#network = network;
    this.#index = index;
    this.#peers = peers;
  }

  /** Strangers are refused. */
  knows(peer: number): boolean {
    return this.#peers.has(peer);
  }

  /** Started and not stopped. */
  get isAlive(): boolean {
    return this.#handler !== undefined;
  }

  queueBytes(peer: number): number {
    return this.#ends.get(peer)?.bytesOnTheWay ?? 0;
  }

  start(handler: NetworkHandler): void {
    this.#handler = handler;
    const { replicas } = this.#network.options;
    for (let peer = this.#index + 1; peer < replicas; peer++)
      if (this.knows(peer)) this.#dialIn(peer, 0);
  }

  send(peer: number, message: Message): void {
    this.#ends.get(peer)?.frame.add(message);
  }

  flush(): void {
    for (const end of this.#ends.values()) if (end.frame.size > 0) this.#transmit(end);
  }

  stop(how: 'reset' | 'silent'): void {
    this.#handler = undefined;
    for (const end of this.#ends.values()) {
      end.isOpen = false;
      if (how === 'reset') this.#tellOther(end);
      else this.#network.world.after(this.#network.options.peerTimeoutMs, () => lose(end.other));
    }
    this.#ends.clear();
  }

  /** This side ends the connection, and the other side is notified. */
  drop(peer: number): void {
    const end = this.#ends.get(peer);
    if (end === undefined) return;
    this.#tellOther(end);
    this.close(end);
  }

  /** The connection has ended here, whichever side ended it. */
  close(end: End): void {
    if (!end.isOpen) return;
    end.isOpen = false;
    this.#ends.delete(end.peer);
    this.#handler?.onDisconnected(end.peer);
    if (end.peer > this.#index) this.#redial(end.peer);
  }

  open(end: End): void {
    const former = this.#ends.get(end.peer);
    if (former !== undefined) this.close(former);
    end.isOpen = true;
    this.#ends.set(end.peer, end);
    this.#failures.set(end.peer, 0);
    this.#handler?.onConnected(end.peer);
    const { early = [] } = end;
    end.early = undefined;
    for (const bytes of early) if (this.#ends.get(end.peer) === end) this.receive(end.peer, bytes);
  }

  receive(from: number, bytes: Uint8Array): void {
    const decoded = decodeFrame(bytes);
    if (!decoded.ok) return this.drop(from);
    for (const message of decoded.messages) this.#handler?.onMessage(from, message);
  }

  #tellOther(end: End): void {
    this.#network.way(this.#index, end.peer).carry(() => lose(end.other));
  }

  #transmit(end: End): void {
    const bytes = end.frame.finish();
    if (end.bytesOnTheWay + bytes.length <= this.#network.options.queueBytesMax) {
      end.bytesOnTheWay += bytes.length;
      const way = this.#network.way(this.#index, end.peer);
      way.carry(() => this.#arrive(end, bytes), bytes.length);
      if (!way.repeats()) return;
      end.bytesOnTheWay += bytes.length;
      way.carry(() => this.#arrive(end, bytes.slice()), bytes.length);
    } else {
      this.#network.world.after(0, () => {
        if (end.isOpen) this.drop(end.peer);
      });
    }
  }

  #arrive(end: End, bytes: Uint8Array): void {
    end.bytesOnTheWay -= bytes.length;
    if (end.isOpen) end.other?.early?.push(bytes);
    if (end.other?.isOpen !== true) return;
    const way = this.#network.way(this.#index, end.peer);
    if (way.isNoisy) flipBit(bytes, this.#network.dice);
    way.isNoisy = false;
    way.frames++;
    end.other.owner.receive(this.#index, bytes);
  }

  #redial(peer: number): void {
    const { reconnectMinMs, reconnectMaxMs } = this.#network.options;
    const failures = this.#failures.get(peer) ?? 0;
    this.#failures.set(peer, failures + 1);
    const pauseMs = Math.min(reconnectMaxMs, reconnectMinMs * 2 ** Math.min(failures, 30));
    this.#dialIn(peer, pauseMs * (0.5 + this.#network.dice.next() / 2));
  }

  #dialIn(peer: number, pauseMs: number): void {
    this.#network.world.after(pauseMs, () => this.#dial(peer));
  }

  /**
   * Greeting, challenge, proof: then the listener is connected. Its own proof follows, and then the
   * dialer is connected, too.
   */
  #dial(peer: number): void {
    const failed = (): void => this.#redial(peer);
    const ask = (then: () => void): void => this.#reach(this.#index, peer, then, failed);
    const answer = (then: () => void): void => this.#reach(peer, this.#index, then, failed);
    ask(() =>
      answer(() =>
        ask(() => {
          const ours = this.#accept(peer);
          answer(() => (ours?.other?.isOpen === true ? this.open(ours) : failed()));
        }),
      ),
    );
  }

  /** One leg of a handshake; it fails if the link is cut or one of the two is gone. */
  #reach(from: number, to: number, then: () => void, failed: () => void): void {
    if (!this.isAlive) return;
    const way = this.#network.way(from, to);
    const answers = this.#network.alive(to);
    if (way.isCut || answers === undefined || answers.isFrozen || this.isFrozen) return failed();
    if (to !== this.#index && !answers.knows(this.#index)) return failed();
    way.carry(() => {
      if (this.isAlive) then();
    });
  }

  /** The listener's side opens. Returns the dialer's side, which is still closed. */
  #accept(peer: number): End | undefined {
    const listener = this.#network.alive(peer);
    if (listener === undefined) return undefined;
    const ours = newEnd(this, peer);
    const theirs = newEnd(listener, this.#index);
    ours.other = theirs;
    theirs.other = ours;
    listener.open(theirs);
    // Without the last leg, the listener waits for a dialer that does not know of it.
    this.#network.world.after(this.#network.options.peerTimeoutMs, () => {
      if (!ours.isOpen) lose(theirs);
    });
    return ours;
  }
}

function lose(end: End | undefined): void {
  end?.owner.close(end);
}

function newEnd(owner: Port, peer: number): End {
  const frame = new FrameWriter(1, 1024);
  return { owner, peer, frame, other: undefined, isOpen: false, early: [], bytesOnTheWay: 0 };
}

function flipBit(bytes: Uint8Array, dice: Prng): void {
  const at = dice.below(bytes.length);
  bytes[at] = (bytes[at] as number) ^ (1 << dice.below(8));
}
