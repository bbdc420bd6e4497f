// The branded names of the domain, each with one parser. A parser returns the name or `undefined`;
// the caller turns `undefined` into the fault that fits.
//
// Keys are byte strings: every character is one byte (0-255), so a key may hold any bytes, sorts by
// bytes with the plain `<`, and costs one byte a character. UTF-8 text becomes a byte string where
// it enters the process.

import { assert } from '../base/assert.ts';

declare const brand: unique symbol;
declare const laneBrand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** A replica's configured name, as in `eu-1`. */
export type ReplicaId = Brand<string, 'ReplicaId'>;
/** A placement label that several replicas may share. */
export type Region = Brand<string, 'Region'>;
/**
 * One gap-free log. An origin's live lane has the name of the origin; a further lane of the same
 * incarnation, for another placement or another interval of synchronisation, would be
 * `replica.incarnation-2`.
 */
export type LaneId = string & { readonly [laneBrand]: true };
/**
 * `replica.incarnation`: one incarnation of a replica, which issues each sequence number once. Also
 * names its live lane.
 */
export type Origin = Brand<LaneId, 'Origin'>;
/** Gap-free from 1 within a lane. 0 means that there is none yet. */
export type Seq = number;
/** Numbers the incarnations of a replica, growing, from 1. */
export type Incarnation = number;
export type NamespaceName = Brand<string, 'NamespaceName'>;
/** 1 to 1024 bytes, as a byte string. */
export type Key = Brand<string, 'Key'>;

/** The name of one mutation, which is also its global transaction id. */
export interface Dot {
  /** Its lane, which has the name of its origin. */
  readonly origin: LaneId;
  readonly seq: Seq;
}

export const KEY_BYTES_MAX = 1024;
export const INCARNATION_MAX = 2 ** 32 - 1;

/** 2025-01-01 UTC. */
const INCARNATION_EPOCH_MS = 1_735_689_600_000;

/**
 * The number of an incarnation that begins now, after `last`, the highest number that is known.
 * `wallMs` is the time in ms since 1970, if the clock is trusted; then the number is at least the
 * number of seconds since 2025. A wiped or restored directory does not know its last incarnation,
 * and a peer that does may be unreachable: a clock that has gone on repeats no number. A clock that
 * is years ahead would use up the numbers, so an unconfirmed one is not used. The result may exceed
 * `INCARNATION_MAX`.
 */
export function nextIncarnation(last: Incarnation, wallMs: number | undefined): Incarnation {
  assert(last >= 0, 'id: incarnations are numbered from 1');
  if (wallMs === undefined) return last + 1;
  return Math.max(last + 1, incarnationAt(wallMs));
}

/**
 * The number of an incarnation that begins at this time, by the clock alone; negative before 2025.
 */
export function incarnationAt(wallMs: number): Incarnation {
  return Math.floor((wallMs - INCARNATION_EPOCH_MS) / 1000);
}

const NAME = /^[a-z][a-z0-9-]{0,62}$/;
const ORIGIN = /^([a-z][a-z0-9-]{0,62})\.([1-9][0-9]{0,9})$/;
const DOT = /^([a-z][a-z0-9-]{0,62}\.[1-9][0-9]{0,9})\.([1-9][0-9]{0,15})$/;

export function parseReplicaId(text: string): ReplicaId | undefined {
  return NAME.test(text) ? (text as ReplicaId) : undefined;
}

export function parseRegion(text: string): Region | undefined {
  return NAME.test(text) ? (text as Region) : undefined;
}

export function parseNamespace(text: string): NamespaceName | undefined {
  return NAME.test(text) ? (text as NamespaceName) : undefined;
}

/** Takes a byte string; the caller has already turned text into bytes. */
export function parseKey(bytes: string): Key | undefined {
  return bytes.length >= 1 && bytes.length <= KEY_BYTES_MAX ? (bytes as Key) : undefined;
}

export function parseOrigin(text: string): Origin | undefined {
  const match = ORIGIN.exec(text);
  return match !== null && Number(match[2]) <= INCARNATION_MAX ? (text as Origin) : undefined;
}

/** Reads `eu-1.7.1042`. */
export function parseDot(text: string): Dot | undefined {
  const match = DOT.exec(text);
  if (match === null) return undefined;
  const origin = parseOrigin(match[1] as string);
  const seq = Number(match[2]);
  return origin !== undefined && Number.isSafeInteger(seq) ? { origin, seq } : undefined;
}

export function originOf(replica: ReplicaId, incarnation: Incarnation): Origin {
  assert(incarnation >= 1, 'id: incarnations are numbered from 1');
  assert(incarnation <= INCARNATION_MAX, 'id: an incarnation that a name can have');
  return `${replica}.${incarnation}` as Origin;
}

export function replicaOf(lane: LaneId): ReplicaId {
  const end = lane.lastIndexOf('.');
  assert(end > 0, 'id: a lane names its replica');
  return lane.slice(0, end) as ReplicaId;
}

export function incarnationOf(lane: LaneId): Incarnation {
  const { origin } = laneOf(lane);
  return Number(origin.slice(origin.lastIndexOf('.') + 1));
}

export function formatDot(origin: LaneId, seq: Seq): string {
  return `${origin}.${seq}`;
}

/** The number of an origin's live lane. */
const LIVE_LANE = 0;

/** The lane of an origin with this number. */
export function laneIdOf(origin: Origin, number: number): LaneId {
  return number === LIVE_LANE ? origin : (`${origin}-${number}` as LaneId);
}

/** The origin of a lane, and its number. */
export function laneOf(lane: LaneId): { readonly origin: Origin; readonly number: number } {
  const dash = lane.lastIndexOf('-');
  if (dash < lane.lastIndexOf('.')) return { origin: lane as Origin, number: LIVE_LANE };
  return { origin: lane.slice(0, dash) as Origin, number: Number(lane.slice(dash + 1)) };
}
