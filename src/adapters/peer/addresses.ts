// The addresses from which members connect: those of the configured names, and those from which a
// member has proved itself, because behind NAT it has another address. Names are resolved one after
// the other, so that an unresponsive name server occupies at most one thread of the pool, and again
// every minute, because addresses of containers change.

import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { parseAddress } from '../../model/address.ts';
import type { Member } from '../../model/quorum.ts';

const LOOKUP_EVERY_MS = 60_000;
/** The addresses of one member, the oldest first; the oldest is dropped first. */
const PROVED_MAX = 4;

export class PeerAddresses {
  readonly #hosts: readonly string[];
  readonly #named = new Map<string, readonly string[]>();
  readonly #proved = new Map<string, string[]>();
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(peers: readonly Member[]) {
    this.#hosts = [...new Set(peers.map(({ peerAddress }) => hostOf(peerAddress)))];
    for (const host of this.#hosts) if (isIP(host) > 0) this.#named.set(host, [host]);
  }

  /** Resolves the names now and every minute. */
  start(): void {
    if (this.#hosts.every((host) => isIP(host) > 0)) return;
    void this.#lookUp();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  isKnown(address: string): boolean {
    const plain = plainOf(address);
    for (const list of this.#named.values()) if (list.includes(plain)) return true;
    for (const list of this.#proved.values()) if (list.includes(plain)) return true;
    return false;
  }

  /** A member has proved itself from this address. */
  proved(id: string, address: string): void {
    const plain = plainOf(address);
    const others = (this.#proved.get(id) ?? []).filter((one) => one !== plain);
    this.#proved.set(id, [...others, plain].slice(-PROVED_MAX));
  }

  async #lookUp(): Promise<void> {
    for (const host of this.#hosts) {
      if (this.#isStopped) return;
      if (isIP(host) > 0) continue;
      try {
        const found = await lookup(host, { all: true });
        this.#named.set(
          host,
          found.map(({ address }) => plainOf(address)),
        );
      } catch {
        // Its earlier addresses stay valid. If the name cannot be resolved, the next proof adds the
        // address.
      }
    }
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => void this.#lookUp(), LOOKUP_EVERY_MS).unref();
  }
}

function hostOf(peerAddress: string): string {
  return parseAddress(peerAddress)?.host ?? peerAddress;
}

/** A dual-stack socket reports IPv4 addresses in IPv6 form. */
function plainOf(address: string): string {
  return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
}
