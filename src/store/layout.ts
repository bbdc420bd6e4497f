// The storage keys: order-preserving binary keys, one leading byte per kind (docs/storage.md).
//
//   l lane origin 0 seq         block of log entries, of which this is the last (store/block.ts)
//   h origin 0 seq              log entry that waits for its time (store/held.ts)
//   r namespace 0 key           record (an encoded mutation: the winner, or the tombstone)
//   o origin                    the state of an origin's log
//   i namespace 0 key           an idempotency key and its write
//   j deadline namespace 0 key  the same keys by the end of their window; behind all of them the
//                               fence
//   t leaf                      a leaf of the hash tree; after the last one, a mark: the tree is
//                               whole
//   e deadline namespace 0 key  this replica's own records that expire, by their deadline
//   x origin 0 seq              tombstones by the dot of their delete: the name of each record
//   m name                      one value about this replica
//
// Names never contain a zero byte, so the zero ends them and order is kept.

import { byteString, copyToSlab } from '../base/bytes.ts';
import {
  type Dot,
  type Key,
  type LaneId,
  type NamespaceName,
  type Origin,
  laneOf,
  type Seq,
} from '../model/id.ts';

const LOG = 0x6c;
const HELD = 0x68;
const RECORD = 0x72;
const ORIGIN = 0x6f;
const IDEMPOTENCY = 0x69;
const IDEMPOTENCY_END = 0x6a;
const EXPIRY = 0x65;
const TOMBSTONE = 0x78;
const META = 0x6d;
const TREE = 0x74;
const SEQ_BYTES = 8;
/** Later than every deadline. */
const FENCE = new Uint8Array(1 + SEQ_BYTES).fill(0xff).fill(IDEMPOTENCY_END, 0, 1);

export interface Span {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
}

export function logKey(lane: number, origin: Origin, seq: Seq): Uint8Array {
  const bytes = new Uint8Array(2 + origin.length + 1 + SEQ_BYTES);
  bytes[0] = LOG;
  bytes[1] = lane;
  writeText(bytes, 2, origin);
  writeU64(bytes, 3 + origin.length, seq);
  return bytes;
}

/** An entry that is held outside the log. */
export function heldKey(origin: LaneId, seq: Seq): Uint8Array {
  const bytes = new Uint8Array(1 + origin.length + 1 + SEQ_BYTES);
  bytes[0] = HELD;
  writeText(bytes, 1, origin);
  writeU64(bytes, 2 + origin.length, seq);
  return bytes;
}

/** All held entries: by origin, and in the order of each log. */
export function allHeld(): Span {
  return kindSpan(HELD);
}

/** The block of a lane that ends with this entry. */
export function laneKey(lane: LaneId, seq: Seq): Uint8Array {
  const { origin, number } = laneOf(lane);
  return logKey(number, origin, seq);
}

/** The blocks of a lane that end with one of the entries `from` to `to`, both included. */
export function laneSpan(lane: LaneId, from: Seq, to: Seq): Span {
  return { from: laneKey(lane, from), to: laneKey(lane, to + 1) };
}

export function recordKey(namespace: NamespaceName, key: Key | ''): Uint8Array {
  return named(RECORD, namespace, key);
}

export function parseRecordKey(
  bytes: Uint8Array,
): { namespace: NamespaceName; key: Key } | undefined {
  return parseNamed(RECORD, bytes) as { namespace: NamespaceName; key: Key } | undefined;
}

/** Every record of every namespace. */
export function allRecords(): Span {
  return kindSpan(RECORD);
}

/** The position of a record among all records: its storage key without the kind. */
export function positionOf({ namespace, key }: { namespace: NamespaceName; key: string }): string {
  return `${namespace}\0${key}`;
}

/** The records after a position, '' for all. */
export function recordsAfter(position: string): Span {
  if (position === '') return allRecords();
  return { from: behind(tagged(RECORD, position)), to: allRecords().to };
}

/** The records after one position and up to another, inclusive; `undefined` is the end. */
export function recordsBetween(position: string, last: string | undefined): Span {
  const { from, to } = recordsAfter(position);
  return { from, to: last === undefined ? to : behind(tagged(RECORD, last)) };
}

/** The position of a record with this storage key. */
export function positionOfKey(bytes: Uint8Array): string {
  return byteString(bytes, 1, bytes.length);
}

/** The storage key of the record at a position. */
export function keyOfPosition(position: string): Uint8Array {
  return tagged(RECORD, position);
}

/**
 * The positions of a span of records: from one on and before another; `undefined` is the end of
 * all.
 */
export function positionsOf({ from, to }: Span): { from: string; to: string | undefined } {
  return {
    from: from[0] === RECORD ? positionOfKey(from) : '',
    to: to[0] === RECORD ? positionOfKey(to) : undefined,
  };
}

/**
 * Where the idempotency keys begin among the positions; no namespace has a name that begins like
 * this.
 */
export const NAMED = '~';

export function positionOfNamed(name: { namespace: NamespaceName; key: string }): string {
  return `${NAMED}${positionOf(name)}`;
}

/** The idempotency keys after a position. */
export function namedAfter(position: string): Span {
  const { from, to } = kindSpan(IDEMPOTENCY);
  if (position === NAMED) return { from, to };
  return { from: behind(tagged(IDEMPOTENCY, position.slice(NAMED.length))), to };
}

export function parseIdempotencyKey(
  bytes: Uint8Array,
): { namespace: NamespaceName; key: string } | undefined {
  return parseNamed(IDEMPOTENCY, bytes);
}

/** Every block of every log. */
export function allLogs(): Span {
  return kindSpan(LOG);
}

export function originKey(origin: LaneId): Uint8Array {
  return tagged(ORIGIN, origin);
}

export function allOrigins(): Span {
  return kindSpan(ORIGIN);
}

export function treeKey(leaf: number): Uint8Array {
  return Uint8Array.of(TREE, leaf >>> 8, leaf & 0xff);
}

/** The leaf that a key names. */
export function parseTreeKey(bytes: Uint8Array): number {
  return ((bytes[1] as number) << 8) | (bytes[2] as number);
}

/** Every leaf of the hash tree. */
export function allLeaves(): Span {
  return kindSpan(TREE);
}

export function metaKey(name: string): Uint8Array {
  return tagged(META, name);
}

export function allMeta(): Span {
  return kindSpan(META);
}

export function idempotencyKey(namespace: NamespaceName, key: string): Uint8Array {
  return named(IDEMPOTENCY, namespace, key);
}

export function idempotencyEndKey(
  endMs: number,
  namespace: NamespaceName,
  key: string,
): Uint8Array {
  return timed(IDEMPOTENCY_END, endMs, namespace, key);
}

/** The end of a window, and its idempotency key. */
export function parseIdempotencyEndKey(
  bytes: Uint8Array,
): { endMs: number; namespace: NamespaceName; key: string } | undefined {
  const parsed = parseTimed(IDEMPOTENCY_END, bytes);
  if (parsed === undefined) return undefined;
  const { ms: endMs, namespace, key } = parsed;
  return { endMs, namespace, key };
}

/** Idempotency windows that ended before `endMs`. */
export function idempotencyEnded(endMs: number): Span {
  return before(IDEMPOTENCY_END, endMs);
}

/**
 * A key right in front of the logs, written with each truncation. LevelDB looks for the first key
 * of a range without regard to the end of the range, and passes over deleted keys one by one.
 * Without the fence each read of an empty range before the logs would pass over all that was
 * truncated from them.
 */
export function fenceKey(): Uint8Array {
  return FENCE;
}

export function expiryKey(deadlineMs: number, namespace: NamespaceName, key: Key): Uint8Array {
  return timed(EXPIRY, deadlineMs, namespace, key);
}

/** Records whose deadline is at or before `nowMs`. */
export function expired(nowMs: number): Span {
  return before(EXPIRY, Math.floor(nowMs) + 1);
}

/** The deadline and the record in an expiry key. */
export function parseExpiryKey(
  bytes: Uint8Array,
): { deadlineMs: number; namespace: NamespaceName; key: Key } | undefined {
  const parsed = parseTimed(EXPIRY, bytes);
  if (parsed === undefined) return undefined;
  const { ms: deadlineMs, namespace, key } = parsed;
  return { deadlineMs, namespace, key: key as Key };
}

export function tombstoneKey({ origin, seq }: Dot): Uint8Array {
  const bytes = new Uint8Array(1 + origin.length + 1 + SEQ_BYTES);
  bytes[0] = TOMBSTONE;
  writeText(bytes, 1, origin);
  writeU64(bytes, 2 + origin.length, seq);
  return bytes;
}

export function parseTombstoneKey(bytes: Uint8Array): Dot | undefined {
  const end = bytes.length - SEQ_BYTES;
  if (bytes[0] !== TOMBSTONE || end < 3 || bytes[end - 1] !== 0) return undefined;
  return { origin: byteString(bytes, 1, end - 1) as LaneId, seq: readU64(bytes, end) };
}

export function allTombstones(): Span {
  return kindSpan(TOMBSTONE);
}

/** The tombstones of the origins after this one. */
export function tombstonesAfter(origin: LaneId): Span {
  return { from: after(tagged(TOMBSTONE, `${origin}\0`)), to: allTombstones().to };
}

/** The smallest key above this one. */
/** The records of a namespace under keys from `from` on and before `to`; '' is open. */
export function spanOfKeys(namespace: NamespaceName, from: string, to: string): Span {
  const end = recordKey(namespace, to as Key);
  return { from: recordKey(namespace, from as Key), to: to === '' ? after(end) : end };
}

export function behind(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}

/** The smallest key above every key that starts with `bytes`. */
export function after(bytes: Uint8Array): Uint8Array {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0xff) end--;
  const next = copyToSlab(bytes, 0, end);
  if (end > 0) next[end - 1] = (next[end - 1] as number) + 1;
  return next;
}

function timed(kind: number, ms: number, namespace: NamespaceName, key: string): Uint8Array {
  const bytes = new Uint8Array(1 + SEQ_BYTES + namespace.length + 1 + key.length);
  bytes[0] = kind;
  writeU64(bytes, 1, ms);
  writeText(bytes, 1 + SEQ_BYTES, namespace);
  writeText(bytes, 2 + SEQ_BYTES + namespace.length, key);
  return bytes;
}

function parseTimed(
  kind: number,
  bytes: Uint8Array,
): { ms: number; namespace: NamespaceName; key: string } | undefined {
  const names = 1 + SEQ_BYTES;
  const end = bytes.indexOf(0, names);
  if (bytes[0] !== kind || end < names + 1) return undefined;
  return {
    ms: readU64(bytes, 1),
    namespace: byteString(bytes, names, end) as NamespaceName,
    key: byteString(bytes, end + 1, bytes.length),
  };
}

/** The keys that are indexed under a time before `ms`. */
function before(kind: number, ms: number): Span {
  const to = new Uint8Array(1 + SEQ_BYTES);
  to[0] = kind;
  writeU64(to, 1, ms);
  return { from: Uint8Array.of(kind), to };
}

function kindSpan(kind: number): Span {
  return { from: Uint8Array.of(kind), to: Uint8Array.of(kind + 1) };
}

function tagged(kind: number, text: string): Uint8Array {
  const bytes = new Uint8Array(1 + text.length);
  bytes[0] = kind;
  writeText(bytes, 1, text);
  return bytes;
}

function named(kind: number, namespace: NamespaceName, key: string): Uint8Array {
  const bytes = new Uint8Array(1 + namespace.length + 1 + key.length);
  bytes[0] = kind;
  writeText(bytes, 1, namespace);
  writeText(bytes, 2 + namespace.length, key);
  return bytes;
}

function parseNamed(
  kind: number,
  bytes: Uint8Array,
): { namespace: NamespaceName; key: string } | undefined {
  const end = bytes.indexOf(0);
  if (bytes[0] !== kind || end < 2) return undefined;
  return {
    namespace: byteString(bytes, 1, end) as NamespaceName,
    key: byteString(bytes, end + 1, bytes.length),
  };
}

function writeText(bytes: Uint8Array, start: number, text: string): void {
  for (let i = 0; i < text.length; i++) bytes[start + i] = text.charCodeAt(i);
}

function writeU64(bytes: Uint8Array, start: number, value: number): void {
  let rest = value;
  for (let i = SEQ_BYTES - 1; i >= 0; i--) {
    bytes[start + i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}

function readU64(bytes: Uint8Array, start: number): number {
  let value = 0;
  for (let i = start; i < start + SEQ_BYTES; i++) value = value * 256 + (bytes[i] as number);
  return value;
}

/** Parses `origin` and `seq` from a log key, for tools that read the log. */
export function parseLogKey(
  bytes: Uint8Array,
): { lane: number; origin: Origin; seq: Seq } | undefined {
  const end = bytes.length - SEQ_BYTES;
  if (bytes[0] !== LOG || end < 4 || bytes[end - 1] !== 0) return undefined;
  const seq = readU64(bytes, end);
  return { lane: bytes[1] as number, origin: byteString(bytes, 2, end - 1) as Origin, seq };
}
