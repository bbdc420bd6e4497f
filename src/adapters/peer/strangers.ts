// Connections at the peer port that have not proved themselves. Their number is bounded, each has a
// deadline, and a new one replaces the oldest of its own kind, so strangers displace strangers and
// not a peer:
//
//                        silent: nothing received yet     greeted: a challenge was sent
//  from a known address        1/8 of the places                 1/2
//  from any other              1/8                               1/4
//
// An address is known if a member is configured there or has proved itself from there. A peer sends
// its greeting as soon as it is connected and proves itself one round trip later. So silent
// connections never displace it, and even 600 other connections a second from its own address leave
// it 256 / 600 s for that round trip. One unknown address has at most half of the places of its
// kind.

import { isIPv6, type Socket } from 'node:net';
import { assert } from '../../base/assert.ts';

export interface StrangersOptions {
  /** Places in all; at least four. */
  readonly max: number;
  /** From the first byte to the greeting, and from the connection to the proof. */
  readonly greetingTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
  readonly isKnown: (address: string) => boolean;
  readonly onDropped: (reason: 'crowded' | 'timeout') => void;
}

interface Stranger<T> {
  readonly address: string;
  readonly isKnown: boolean;
  readonly sinceMs: number;
  deadline: NodeJS.Timeout;
  challenge: T | undefined;
}

type Kind = 'silent' | 'greeted';

export class Strangers<T> {
  readonly #options: StrangersOptions;
  /** In the order of their arrival in their kind. */
  readonly #silent = new Map<Socket, Stranger<T>>();
  readonly #greeted = new Map<Socket, Stranger<T>>();

  constructor(options: StrangersOptions) {
    assert(options.max >= 4, 'strangers: too few places');
    this.#options = options;
  }

  add(stream: Socket): void {
    const { greetingTimeoutMs, isKnown } = this.#options;
    const address = sourceOf(stream.remoteAddress ?? '');
    const deadline = setTimeout(() => this.#drop(stream, 'timeout'), greetingTimeoutMs);
    const stranger = {
      address,
      isKnown: isKnown(stream.remoteAddress ?? ''),
      sinceMs: performance.now(),
      deadline,
      challenge: undefined,
    };
    this.#makeRoom('silent', stranger);
    this.#silent.set(stream, stranger);
    stream.once('close', () => this.forget(stream));
  }

  /** silent -> greeted; false if it is no longer silent, or not in the table. */
  challenge(stream: Socket, challenge: T): boolean {
    const stranger = this.#silent.get(stream);
    if (stranger === undefined) return false;
    const leftMs = this.#options.handshakeTimeoutMs - (performance.now() - stranger.sinceMs);
    clearTimeout(stranger.deadline);
    this.#silent.delete(stream);
    this.#makeRoom('greeted', stranger);
    stranger.challenge = challenge;
    stranger.deadline = setTimeout(() => this.#drop(stream, 'timeout'), Math.max(leftMs, 1));
    this.#greeted.set(stream, stranger);
    return true;
  }

  /**
   * The challenge that was sent to it, if any. It leaves the table, whether or not its proof is
   * valid.
   */
  take(stream: Socket): T | undefined {
    const challenge = this.#greeted.get(stream)?.challenge;
    this.forget(stream);
    return challenge;
  }

  forget(stream: Socket): void {
    for (const kind of [this.#silent, this.#greeted]) {
      clearTimeout(kind.get(stream)?.deadline);
      kind.delete(stream);
    }
  }

  /** Ends all of them. */
  clear(): void {
    for (const stream of [...this.#silent.keys(), ...this.#greeted.keys()]) stream.destroy();
  }

  #makeRoom(kind: Kind, { address, isKnown }: Stranger<T>): void {
    const among = kind === 'silent' ? this.#silent : this.#greeted;
    const places = placesOf(this.#options.max, kind, isKnown);
    let count = 0;
    let countOfAddress = 0;
    let oldest: Socket | undefined;
    let oldestOfAddress: Socket | undefined;
    for (const [stream, stranger] of among) {
      if (stranger.isKnown !== isKnown) continue;
      count++;
      oldest ??= stream;
      if (stranger.address !== address) continue;
      countOfAddress++;
      oldestOfAddress ??= stream;
    }
    const hasShare = !isKnown && countOfAddress >= Math.max(1, Math.floor(places / 2));
    if (hasShare && oldestOfAddress !== undefined) this.#drop(oldestOfAddress, 'crowded');
    else if (count >= places && oldest !== undefined) this.#drop(oldest, 'crowded');
  }

  #drop(stream: Socket, reason: 'crowded' | 'timeout'): void {
    this.forget(stream);
    stream.destroy();
    this.#options.onDropped(reason);
  }
}

function placesOf(max: number, kind: Kind, isKnown: boolean): number {
  if (kind === 'silent') return Math.max(1, Math.floor(max / 8));
  return Math.max(1, Math.floor(max / (isKnown ? 2 : 4)));
}

/** A host with one IPv6 address can use all 2^64 of its subnet. */
function sourceOf(address: string): string {
  if (!isIPv6(address) || address.startsWith('::ffff:')) return address;
  const [head = ''] = address.split('::');
  return head.split(':').slice(0, 4).join(':');
}
