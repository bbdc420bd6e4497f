// How two replicas prove to each other that they belong to one cluster, before either reads a frame
// of the other.
//
//  dialer    GET /peer                    cluster, ids, incarnation, versions spoken, nonce
//  listener  401                          version chosen, incarnation, nonce
//  dialer    GET /peer, Upgrade           proof of the dialer             same TCP connection
//  listener  101                          proof of the listener
//
// A proof is HMAC-SHA-256 under the shared secret over all exchanged values and the role of the
// sender. So the fresh nonce defeats a recorded handshake, the role and the direction (the smaller
// id dials) defeat a proof that is sent back, and a shortened version list fails because both sides
// prove the whole list. The secret itself is never sent, and the listener proves nothing before the
// dialer has.
//
// The handshake authenticates the two ends, not the bytes that follow: without a tunnel, an
// attacker that can rewrite the traffic of a connection can still change it.

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { INCARNATION_MAX, type Incarnation, parseReplicaId, type ReplicaId } from '../model/id.ts';

export const PEER_PATH = '/peer';
/**
 * The path at which a member asks a process for its identity before proposing it as a member
 * (peer/probe.ts).
 */
export const PROBE_PATH = '/probe';
export const SECRET_BYTES_MIN = 16;
/** The bound on the headers of a peer that has not proved itself. */
export const HANDSHAKE_BYTES_MAX = 1024;
const NONCE_BYTES = 32;

/** Why a connection was refused, and the HTTP status of the refusal. */
export const REFUSALS = {
  malformed: 400,
  oversized: 431,
  path: 404,
  origin: 403,
  starting: 503,
  cluster: 403,
  recipient: 421,
  self: 403,
  stranger: 403,
  direction: 403,
  version: 426,
  challenge: 400,
  proof: 403,
  incarnation: 409,
  timeout: 408,
  crowded: 503,
} as const;

export type Refusal = keyof typeof REFUSALS;

/** What a replica presents to its peers. */
export interface PeerIdentity {
  readonly clusterId: string;
  readonly id: ReplicaId;
  /** Its current incarnation, which may change while the process runs. */
  readonly incarnation: () => Incarnation;
  readonly secret: Buffer;
  /** Protocol versions that it supports. */
  readonly protocols: readonly number[];
}

export interface Party {
  readonly id: ReplicaId;
  readonly incarnation: Incarnation;
  readonly nonce: string;
}

/** All values that both sides prove. */
export interface Transcript {
  readonly clusterId: string;
  /** The text as the dialer sent it. */
  readonly offered: string;
  readonly version: number;
  readonly dialer: Party;
  readonly listener: Party;
}

/** What a dialer presents, and the replica that it wants to reach. */
export interface Greeting {
  readonly clusterId: string;
  readonly offered: string;
  readonly dialer: Party;
  readonly listenerId: ReplicaId;
}

export interface Challenge {
  readonly version: number;
  readonly incarnation: Incarnation;
  readonly nonce: string;
}

export type Headers = { readonly [name: string]: string | readonly string[] | undefined };

const TOKEN_256_BITS = /^[A-Za-z0-9_-]{43}$/;
const VERSIONS = /^[1-9][0-9]{0,2}(,[1-9][0-9]{0,2}){0,15}$/;
const NUMBER = /^(0|[1-9][0-9]{0,9})$/;
const CLUSTER_ID = /^[\w.-]{1,63}$/;

export function freshNonce(): string {
  return randomBytes(NONCE_BYTES).toString('base64url');
}

export function greetingHeaders(greeting: Greeting): { [name: string]: string } {
  return {
    'Conit-Cluster': greeting.clusterId,
    'Conit-Protocols': greeting.offered,
    'Conit-Replica': greeting.dialer.id,
    'Conit-Incarnation': String(greeting.dialer.incarnation),
    'Conit-Nonce': greeting.dialer.nonce,
    'Conit-Peer': greeting.listenerId,
  };
}

export function readGreeting(headers: Headers): Greeting | undefined {
  const clusterId = text(headers['conit-cluster'], CLUSTER_ID);
  const offered = text(headers['conit-protocols'], VERSIONS);
  const id = replicaId(headers['conit-replica']);
  const incarnation = number(headers['conit-incarnation']);
  const nonce = text(headers['conit-nonce'], TOKEN_256_BITS);
  const listenerId = replicaId(headers['conit-peer']);
  if (clusterId === undefined || offered === undefined || listenerId === undefined)
    return undefined;
  if (id === undefined || incarnation === undefined || nonce === undefined) return undefined;
  return { clusterId, offered, dialer: { id, incarnation, nonce }, listenerId };
}

export function challengeHeaders(challenge: Challenge): { [name: string]: string } {
  return {
    'WWW-Authenticate': 'Conit-Peer',
    'Conit-Protocols': String(challenge.version),
    'Conit-Incarnation': String(challenge.incarnation),
    'Conit-Nonce': challenge.nonce,
  };
}

export function readChallenge(headers: Headers): Challenge | undefined {
  const version = number(headers['conit-protocols']);
  const incarnation = number(headers['conit-incarnation']);
  const nonce = text(headers['conit-nonce'], TOKEN_256_BITS);
  if (version === undefined || incarnation === undefined || nonce === undefined) return undefined;
  return { version, incarnation, nonce };
}

/** The highest version that is both offered and supported. */
export function chooseVersion(offered: string, spoken: readonly number[]): number | undefined {
  const common = parseVersions(offered).filter((version) => spoken.includes(version));
  return common.length === 0 ? undefined : Math.max(...common);
}

function parseVersions(offered: string): number[] {
  return VERSIONS.test(offered) ? offered.split(',').map(Number) : [];
}

/** A probed process also proves what it reports about itself. */
export type Role = 'dialer' | 'listener' | 'asker' | `asked ${string}`;

/** The proof of `role`, which needs the secret. */
export function proofOf(secret: Buffer, role: Role, said: Transcript): string {
  const { clusterId, offered, version, dialer, listener } = said;
  const parties = [dialer, listener].flatMap(({ id, incarnation, nonce }) => [
    id,
    incarnation,
    nonce,
  ]);
  const statement = JSON.stringify(['conit peer', role, clusterId, offered, version, ...parties]);
  return createHmac('sha256', secret).update(statement).digest('base64url');
}

/** Why a connection was refused, as reported by the side that refused it. */
export function refusalOf({
  headers,
  statusCode,
}: {
  readonly headers: Headers;
  readonly statusCode?: number | undefined;
}): string {
  const reason = headers['conit-refusal'];
  const isKnown = typeof reason === 'string' && Object.hasOwn(REFUSALS, reason);
  return isKnown ? `refused: ${reason}` : `refused: status ${statusCode}`;
}

/** Compares in constant time. */
export function isProof(given: string | readonly string[] | undefined, expected: string): boolean {
  const shown = text(given, TOKEN_256_BITS);
  return shown !== undefined && timingSafeEqual(Buffer.from(shown), Buffer.from(expected));
}

function text(value: string | readonly string[] | undefined, form: RegExp): string | undefined {
  return typeof value === 'string' && form.test(value) ? value : undefined;
}

function number(value: string | readonly string[] | undefined): number | undefined {
  const digits = text(value, NUMBER);
  return digits !== undefined && Number(digits) <= INCARNATION_MAX ? Number(digits) : undefined;
}

function replicaId(value: string | readonly string[] | undefined): ReplicaId | undefined {
  return typeof value === 'string' ? parseReplicaId(value) : undefined;
}
