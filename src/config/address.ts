// Addresses to listen on and to connect to: `host:port`, and the list of replicas of a cluster.
//
//   us-1=us@10.0.1.7:7071;http=http://10.0.1.7:7070,ap-1=ap@10.0.2.7:7071
//
// A replica is `id=region@host:port` of its peer channel, followed by a semicolon and the base URL
// of its HTTP API. All replicas of a cluster can use the same list: each finds its own entry by its
// id.

import {
  type Address,
  ADDRESS_FORM,
  formatAddress,
  parseAddress,
  parsePeerAddress,
} from '../model/address.ts';
import { parseRegion, parseReplicaId, type Region, type ReplicaId } from '../model/id.ts';
import { MEMBERS_MAX } from '../model/member-set.ts';
import { parseBaseUrl } from '../model/url.ts';
import { accept, decline, type Kind, named, type Parsed } from './kind.ts';

/** A replica in the list. */
export interface Place {
  readonly id: ReplicaId;
  readonly region: Region;
  readonly peer: Address;
  readonly http: string | undefined;
}

/** An address to listen on; port 0 takes a free one. */
export const address: Kind<Address> = {
  placeholder: 'host:port',
  unit: '',
  bound: ADDRESS_FORM,
  schema: { type: 'string', pattern: '^.+:[0-9]{1,5}$' },
  parse(raw) {
    const value = typeof raw === 'string' ? parseAddress(raw.trim()) : undefined;
    return value === undefined ? decline(`must be ${ADDRESS_FORM}`) : accept(value);
  },
  show: formatAddress,
};

/** The URL given to clients: scheme, host and port. */
export const clientUrl: Kind<string> = named(
  'url',
  'an http or https URL without a path',
  parseBaseUrl,
);

const PLACE_FORM = 'id=region@host:port, optionally followed by ;http=URL';

export const places: Kind<readonly Place[]> = {
  placeholder: 'list',
  unit: '',
  bound: `up to ${MEMBERS_MAX} of ${PLACE_FORM}`,
  schema: {
    anyOf: [
      { type: 'string' },
      {
        type: 'array',
        maxItems: MEMBERS_MAX,
        items: {
          type: 'object',
          additionalProperties: false,
          required: ['id', 'region', 'peer'],
          properties: {
            id: { type: 'string' },
            region: { type: 'string' },
            peer: { type: 'string', description: 'host:port of its peer channel' },
            http: { type: 'string', description: 'base URL of its HTTP API' },
          },
        },
      },
    ],
  },
  parse(raw) {
    if (typeof raw === 'string') return collect(splitList(raw).map(parsePlace));
    if (Array.isArray(raw)) return collect(raw.map(readPlace));
    return decline(`must be a list of ${PLACE_FORM}`);
  },
  show: (list) =>
    list.map(({ id, region, peer, http }) => ({
      id,
      region,
      peer: formatAddress(peer),
      ...(http === undefined ? {} : { http }),
    })),
};

export function splitList(text: string): string[] {
  return text
    .split(/[,\r\n]+/)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function parsePlace(text: string): Parsed<Place> {
  const match = /^([^=@;]+)=([^=@;]+)@([^;]+?)(?:;\s*http=(\S+))?$/.exec(text);
  if (match === null) return decline(`"${text}" is not ${PLACE_FORM}`);
  return makePlace(match[1], match[2], match[3], match[4]);
}

function readPlace(raw: unknown): Parsed<Place> {
  if (typeof raw === 'string') return parsePlace(raw);
  if (typeof raw !== 'object' || raw === null)
    return decline('a replica must be an object or a string');
  const { id, region, peer, http, ...others } = raw as { readonly [name: string]: unknown };
  const [other] = Object.keys(others);
  if (other !== undefined) return decline(`"${other}" is not a member of a replica`);
  return makePlace(id, region, peer, http);
}

function makePlace(id: unknown, region: unknown, peer: unknown, http: unknown): Parsed<Place> {
  const replica = typeof id === 'string' ? parseReplicaId(id.trim()) : undefined;
  if (replica === undefined) return decline(`"${String(id)}" is not a replica id`);
  const label = typeof region === 'string' ? parseRegion(region.trim()) : undefined;
  if (label === undefined) return decline(`"${String(region)}" is not a region (${replica})`);
  const channel = typeof peer === 'string' ? parsePeerAddress(peer.trim()) : undefined;
  if (channel === undefined) {
    return decline(`"${String(peer)}" is not ${ADDRESS_FORM} (${replica})`);
  }
  const url = typeof http === 'string' ? parseBaseUrl(http) : undefined;
  if (http !== undefined && url === undefined) {
    return decline(`http of ${replica} must be an http or https URL without a path`);
  }
  return accept({ id: replica, region: label, peer: channel, http: url });
}

function collect(parsed: readonly Parsed<Place>[]): Parsed<readonly Place[]> {
  const list: Place[] = [];
  for (const one of parsed) {
    if (!one.ok) return one;
    list.push(one.value);
  }
  const twin = twinOf(list);
  if (twin !== undefined) return decline(twin);
  return list.length > MEMBERS_MAX
    ? decline(`holds more than ${MEMBERS_MAX} replicas`)
    : accept(list);
}

function twinOf(list: readonly Place[]): string | undefined {
  const seen = new Set<string>();
  for (const { id, peer } of list) {
    const channel = formatAddress(peer);
    if (seen.has(id)) return `names ${id} twice`;
    if (seen.has(channel)) return `names the address ${channel} twice`;
    seen.add(id).add(channel);
  }
  return undefined;
}
