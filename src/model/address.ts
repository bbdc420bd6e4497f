// The one parser for `host:port`, from any source: the configuration, a request to join. An IPv6
// address is written in brackets. A host is a name or an address; names may have `_`, as those of
// containers do, and the final dot of an absolute name.

export interface Address {
  readonly host: string;
  readonly port: number;
}

export const ADDRESS_FORM = 'host:port, as 127.0.0.1:7070 or [::1]:7070';
const PORT_MAX = 65_535;

const ADDRESS = /^(?:\[([^\]]+)\]|([^:]+)):([0-9]{1,5})$/;
const NAME = /^(?!.*\.\.)[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?\.?$/;
/** With the zone of a link-local address, which names the interface. */
const BRACKETED = /^([0-9A-Fa-f:.]{2,45})(?:%[0-9A-Za-z.:_-]+)?$/;
const LOOPBACK_4 = /^127(?:\.(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}$/;
/** 127.0.0.0/8 in the form of IPv6, as URLs write it. */
const LOOPBACK_MAPPED = /^\[::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}\]$/;

/** Port 0 is accepted: it means any free port. */
export function parseAddress(text: string): Address | undefined {
  const match = ADDRESS.exec(text);
  if (match === null) return undefined;
  const [, bracketed, plain = ''] = match;
  const port = Number(match[3]);
  const isHost = bracketed === undefined ? NAME.test(plain) : urlHostOf(bracketed) !== undefined;
  return isHost && port <= PORT_MAX ? { host: bracketed ?? plain, port } : undefined;
}

/** The address of a peer: a known port, and no zone, which means nothing on another machine. */
export function parsePeerAddress(text: string): Address | undefined {
  const address = parseAddress(text);
  return address === undefined || address.port === 0 || text.includes('%') ? undefined : address;
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * `localhost`, 127.0.0.0/8 or ::1: never a host of another machine. An IPv6 address is bare or in
 * brackets.
 */
export function isLoopback(host: string): boolean {
  if (host === 'localhost' || LOOPBACK_4.test(host)) return true;
  if (!host.includes(':')) return false;
  const inUrl = urlHostOf(host.startsWith('[') ? host.slice(1, -1) : host);
  return inUrl !== undefined && (inUrl === '[::1]' || LOOPBACK_MAPPED.test(inUrl));
}

/** An IPv6 address in the one spelling of URLs; `undefined` if it is none. */
function urlHostOf(bare: string): string | undefined {
  const url = `http://[${BRACKETED.exec(bare)?.[1] ?? ''}]`;
  return URL.canParse(url) ? new URL(url).hostname : undefined;
}
