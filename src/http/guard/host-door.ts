// The names by which a client may call this replica, in `Host` or in an absolute target. This
// defends against DNS rebinding: a page of evil.example whose name suddenly resolves to 127.0.0.1
// shares its origin with this server, and only the name in its requests distinguishes them (RFC
// 9110 section 7.4: 421 for an authority that is not served here).
//
// Accepted are
// (1) loopback names and addresses;
// (2) the configured name of the listening address;
// (3) the hosts of this replica's own URLs;
// (4) the hosts that the operator configured;
// (5) names of one label, such as the services of a container network or an nginx upstream: no
//     public name has one label (RFC 7085), so no page of the Internet can be rebound to one;
// (6) IP addresses, unless the server listens on loopback only: rebinding needs a name, and behind
//     port mapping or NAT a replica cannot know its addresses.

import { isIPv4, isIPv6 } from 'node:net';
import { isLoopback } from '../../model/address.ts';

export interface HostDoor {
  /** The server now listens on `host`, a name or an address, which resolved to `address`. */
  listensOn(host: string, address: string): void;
  /** `authority` is the content of a Host header: `host` or `host:port`; any port is accepted. */
  check(authority: string): HostCheck;
}

type HostCheck = 'taken' | 'unknown' | 'malformed';

/** RFC 3986, without user information and percent escapes: no separator of other URL parts. */
const AUTHORITY = /^(?:[A-Za-z0-9._~!$&'()*+,;=-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?$/;

export interface HostDoorOptions {
  /** Base URLs of this replica. */
  readonly urls: readonly string[];
  /** Names, `*.` before a name for everything below it, or `*` for every host. */
  readonly hosts: readonly string[];
}

export function createHostDoor({ urls, hosts }: HostDoorOptions): HostDoor {
  const names = new Set(urls.map((url) => (URL.canParse(url) ? hostOf(new URL(url)) : '')));
  const suffixes = hosts.filter((host) => host.startsWith('*.')).map((host) => host.slice(1));
  for (const host of hosts) names.add(hostNameOf(host) ?? '');
  names.delete('');
  const isOpen = hosts.includes('*');
  let isLocal = true;
  // Cached, because almost every request names the same host as the one before it.
  let last = '';
  const isTaken = (name: string): boolean => {
    if (isOpen || names.has(name) || isLoopbackName(name)) return true;
    if (isLiteral(name)) return !isLocal;
    return !name.includes('.') || suffixes.some((suffix) => name.endsWith(suffix));
  };
  return {
    listensOn(host, address) {
      isLocal = isLoopbackName(address);
      last = '';
      names.add(hostNameOf(bracketed(host)) ?? host);
    },
    check(authority) {
      if (authority === last) return 'taken';
      const name = AUTHORITY.test(authority) ? hostNameOf(authority) : undefined;
      if (name === undefined) return 'malformed';
      if (!isTaken(name)) return 'unknown';
      last = authority;
      return 'taken';
    },
  };
}

/**
 * The host of an authority in one spelling: lower case, addresses as URLs write them, no final dot.
 */
function hostNameOf(authority: string): string | undefined {
  const url = `http://${authority}`;
  return URL.canParse(url) ? hostOf(new URL(url)) : undefined;
}

function hostOf({ hostname }: URL): string {
  return hostname.endsWith('.') ? hostname.slice(0, -1) : hostname;
}

function bracketed(host: string): string {
  return isIPv6(host) ? `[${host}]` : host;
}

/** `localhost`, its subdomains (RFC 6761), and loopback addresses. */
function isLoopbackName(name: string): boolean {
  return name.endsWith('.localhost') || isLoopback(name);
}

function isLiteral(name: string): boolean {
  return isIPv4(name) || name.startsWith('[');
}
