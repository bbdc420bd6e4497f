// The branded names of the domain, each with one parse door. A door gives the name or `undefined`; the caller
// turns `undefined` into the fault that fits.
//
// Keys are byte strings: every character is one byte (0-255), so a key may hold any bytes, sorts by bytes with the
// plain `<`, and costs one byte a character. UTF-8 text becomes a byte string where it enters the process.

declare const brand: unique symbol;
declare const laneBrand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** A replica's configured name, as in `eu-1`. */
export type ReplicaId = Brand<string, 'ReplicaId'>;
/** A placement label that several replicas may share. */
export type Region = Brand<string, 'Region'>;
/**
 * One gap-free log. An origin's live lane has the name of the origin; a further lane of the same incarnation, for another
 * placement or another rhythm of synchronisation, would be `replica.incarnation-2`.
 */
export type LaneId = string & { readonly [laneBrand]: true };
/** `replica.incarnation`: one incarnation of a replica, in which it never gives a sequence number twice. Names its live lane, too. */
export type Origin = Brand<LaneId, 'Origin'>;
/** Gap-free from 1 within a lane. 0 stands for "nothing yet". */
export type Seq = number;
/** Numbers the lives of a replica, growing, from 1. */
export type Incarnation = number;
export type NamespaceName = Brand<string, 'NamespaceName'>;
/** 1 to 1024 bytes, as a byte string. */
export type Key = Brand<string, 'Key'>;

/** The name of one mutation, which is also its global transaction id. */
export interface Dot {
  /** Its lane, which is named as its origin. */
  readonly origin: LaneId;
  readonly seq: Seq;
}

export const KEY_BYTES_MAX = 1024;
export const INCARNATION_MAX = 2 ** 32 - 1;

/** 2025-01-01 UTC. */
const INCARNATION_EPOCH_MS = 1_735_689_600_000;

/**
 * The number of an incarnation that begins now, after `last`, the highest number that is remembered. `wallMs` is the time in ms
 * since 1970 where the clock is to be believed; then the number is not before the second of its beginning since 2025 either. A
 * wiped or restored directory does not remember its last incarnation, and a peer that does may be out of reach: a clock that has
 * gone on issues no number twice. A clock that is years ahead would use up the numbers, so an unconfirmed one is left out. The
 * result may exceed `INCARNATION_MAX`.
 */
export function nextIncarnation(last: Incarnation, wallMs: number | undefined): Incarnation {
  if (wallMs === undefined) return last + 1;
  return Math.max(last + 1, incarnationAt(wallMs));
}

/** The number of an incarnation that begins at this time, by the clock alone; negative before 2025. */
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
  return `${replica}.${incarnation}` as Origin;
}

export function replicaOf(lane: LaneId): ReplicaId {
  return lane.slice(0, lane.lastIndexOf('.')) as ReplicaId;
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

/** The lane that an origin numbers so. */
export function laneIdOf(origin: Origin, number: number): LaneId {
  return number === LIVE_LANE ? origin : (`${origin}-${number}` as LaneId);
}

/** Whose lane it is, and which. */
export function laneOf(lane: LaneId): { readonly origin: Origin; readonly number: number } {
  const dash = lane.lastIndexOf('-');
  if (dash < lane.lastIndexOf('.')) return { origin: lane as Origin, number: LIVE_LANE };
  return { origin: lane.slice(0, dash) as Origin, number: Number(lane.slice(dash + 1)) };
}
