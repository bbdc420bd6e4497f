// The binary form of a mutation, used for log entries, for records and on the wire.
//
//   version u8 | flags u8 | lane | origin | seq | hlc | namespace | key | optional fields
//   | content type | value | chain u64 | crc32c u32
//
// Optional fields follow the order of their flag bits and are absent if the bit is clear. A
// frequent content type is encoded as one number above every possible length. The checksum covers
// everything before it and is verified on every read, send and receive. The chain links an entry to
// its predecessor in the origin's log: chain(n) = mix(chain(n - 1), checksum of the content, seq).
//
// Decoding never throws: invalid bytes return `undefined`. An unknown version is refused, not
// guessed.

import { assert } from '../base/assert.ts';
import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { crc32c, crc32cOfU64 } from '../base/crc32c.ts';
import { createInterner, type Interner } from '../base/interner.ts';
import { mix32 } from '../base/mix.ts';
import type { RangeEntry } from './effect.ts';
import {
  type Dot,
  KEY_BYTES_MAX,
  type Key,
  type NamespaceName,
  type Origin,
  parseNamespace,
  parseOrigin,
} from './id.ts';
import {
  type Idempotency,
  latestOf,
  type Mutation,
  type Operation,
  type Record,
  recordOf,
} from './record.ts';

const FORMAT_VERSION = 1;

const DELETE = 1 << 0;
const GROUP = 1 << 1;
const DEPENDENCIES = 1 << 2;
const EXPIRY = 1 << 3;
const TAGS = 1 << 4;
const WEIGHT = 1 << 5;
const IDEMPOTENCY = 1 << 6;
const CREATED = 1 << 7;
/** Any of the optional fields. */
const OPTIONAL = GROUP | DEPENDENCIES | EXPIRY | TAGS | WEIGHT | IDEMPOTENCY;

const TRAILER_BYTES = 12;
/** The usual bound of a mutation's bytes besides its value. */
const CONTENT_BYTES_USUAL = 512;
/**
 * Mutations are cut from slabs; a slab stays in memory as long as any mutation in it, so it is
 * small.
 */
const SLAB_BYTES = 8192;
const NAME_BYTES_MAX = 80;
export const CONTENT_TYPE_BYTES_MAX = 255;
/** Room for what a session token names, and for what each entry of a run replaces. */
const DEPENDENCIES_MAX = 2048;
export const TAGS_MAX = 16;
export const TAG_BYTES_MAX = 128;
export const IDEMPOTENCY_KEY_BYTES_MAX = 255;
/** A hard bound of the form; the configured bound on values is lower. */
const MUTATION_BYTES_MAX = 32 * 1024 * 1024;

/** Part of the format: append new ones at the end. */
const CONTENT_TYPES_USUAL: readonly string[] = [
  '',
  'application/octet-stream',
  'application/json',
  'text/plain',
  'text/plain; charset=utf-8',
  'application/x-www-form-urlencoded',
];
const CONTENT_TYPE_CODE_MIN = CONTENT_TYPE_BYTES_MAX + 1;
const CONTENT_TYPE_CODES: ReadonlyMap<string, number> = new Map(
  CONTENT_TYPES_USUAL.map((text, at) => [text, CONTENT_TYPE_CODE_MIN + at]),
);

/** A mutation that has not been encoded yet. */
export type Draft = Omit<Mutation, 'digest' | 'chain' | 'bytes' | 'size'>;

/** The parts of a mutation except its value and its bytes. */
export type Head = Omit<Mutation, 'digest' | 'chain' | 'bytes' | 'value'>;

const origins = createInterner(1024, (text) => parseOrigin(text) !== undefined);
const namespaces = createInterner(256, (text) => parseNamespace(text) !== undefined);
const contentTypes = createInterner(256, () => true);
const writer = new ByteWriter(SLAB_BYTES);
const reader = new ByteReader(new Uint8Array(0));

/** Encodes a mutation after `previousChain`, the chain of its predecessor (0 for the first). */
export function encodeMutation(draft: Draft, previousChain: number): Mutation {
  assert(draft.value.length <= MUTATION_BYTES_MAX, 'encoding: value too large');
  assert(draft.seq >= 1, 'encoding: entries are numbered from 1');
  assert(draft.key.length >= 1, 'encoding: a key has a byte at least');
  assert(draft.key.length <= KEY_BYTES_MAX, 'encoding: a key within its bound');
  assert(draft.origin.length <= NAME_BYTES_MAX, 'encoding: a name within its bound');
  assert(draft.group.length <= NAME_BYTES_MAX, 'encoding: a group within its bound');
  assert(draft.contentType.length <= CONTENT_TYPE_BYTES_MAX, 'encoding: a type within its bound');
  assert(draft.expiresAtMs >= 0, 'encoding: a deadline is a time');
  assert(draft.hlc <= Number.MAX_SAFE_INTEGER, 'encoding: a stamp that can be counted');
  writer.reset();
  writer.reserve(CONTENT_BYTES_USUAL + draft.value.length);
  const flags = flagsOf(draft);
  writeContent(draft, flags);
  const digest = crc32c(writer.bytes, writer.start, writer.at);
  const chain = nextChain(previousChain, digest, draft.seq);
  writer.u64(chain);
  writer.u32(crc32cOfU64(chain, digest));
  const mutation = new EncodedMutation(writer.cut(), draft.value.length, digest);
  take(mutation, draft, flags);
  return mutation;
}

/** A record as a list of keys shows it: without value and bytes, to save memory. */
export function withoutValue(record: Record): Record {
  return recordOfHead(latestOf(record));
}

export function recordOfHead(head: Head): Record {
  const mutation = new EncodedMutation(NO_BYTES, head.size, 0);
  take(mutation, head, flagsOf(head));
  return recordOf(mutation);
}

/** An entry of a range of records read with `headsOnly`. */
export function headEntry(key: Uint8Array, value: Uint8Array): RangeEntry {
  const record = decodeRecord(value);
  return record === undefined
    ? { key, value }
    : { key, value: NO_BYTES, head: withoutValue(record) };
}

/** The record of an entry, or its head; `undefined`: the stored bytes are damaged. */
export function recordIn({ value, head }: RangeEntry): Record | undefined {
  return head ?? decodeRecord(value);
}

type Content = Omit<Draft, 'value'>;

function take(mutation: EncodedMutation, draft: Content, flags: number): void {
  mutation.flags = flags;
  mutation.origin = draft.origin;
  mutation.seq = draft.seq;
  mutation.hlc = draft.hlc;
  mutation.namespace = draft.namespace;
  mutation.key = draft.key;
  mutation.contentType = draft.contentType;
  if (hasExtras(flags, draft.lane)) mutation.extras = extrasOf(draft);
}

function hasExtras(flags: number, lane: number): boolean {
  return lane !== 0 || (flags & OPTIONAL) !== 0;
}

function extrasOf(draft: Content): Extras {
  const { lane, group, dependencies, expiresAtMs, tags, weight, idempotency } = draft;
  return { lane, group, dependencies, expiresAtMs, tags, weight, idempotency };
}

function writeContent(draft: Draft, flags: number): void {
  writer.u8(FORMAT_VERSION);
  writer.u8(flags);
  writer.varint(draft.lane);
  writer.text(draft.origin);
  writer.varint(draft.seq);
  writer.u64(draft.hlc);
  writer.text(draft.namespace);
  writer.text(draft.key);
  if (draft.group !== '') writer.text(draft.group);
  if (draft.dependencies.length > 0) writeDots(draft.dependencies);
  if (draft.expiresAtMs > 0) writer.varint(draft.expiresAtMs);
  if (draft.tags.length > 0) writeTags(draft.tags);
  if (draft.weight !== 0) writer.f64(draft.weight);
  if (draft.idempotency !== undefined) {
    const { key } = draft.idempotency;
    assert(key.length <= IDEMPOTENCY_KEY_BYTES_MAX, 'encoding: a request key within its bound');
    writer.text(key);
    writer.u32(draft.idempotency.digest);
  }
  writeContentType(draft.contentType);
  writer.blob(draft.value);
}

function writeContentType(contentType: string): void {
  const code = CONTENT_TYPE_CODES.get(contentType);
  if (code === undefined) writer.text(contentType);
  else writer.varint(code);
}

function flagsOf(draft: Content): number {
  let flags = 0;
  if (draft.operation === 'delete') flags |= DELETE;
  if (draft.group !== '') flags |= GROUP;
  if (draft.dependencies.length > 0) flags |= DEPENDENCIES;
  if (draft.expiresAtMs > 0) flags |= EXPIRY;
  if (draft.tags.length > 0) flags |= TAGS;
  if (draft.weight !== 0) flags |= WEIGHT;
  if (draft.idempotency !== undefined) flags |= IDEMPOTENCY;
  if (draft.created) flags |= CREATED;
  return flags;
}

function writeDots(dots: readonly Dot[]): void {
  assert(dots.length <= DEPENDENCIES_MAX, 'encoding: too many dependencies');
  writer.varint(dots.length);
  for (const dot of dots) {
    writer.text(dot.origin);
    writer.varint(dot.seq);
  }
}

function writeTags(tags: readonly string[]): void {
  assert(tags.length <= TAGS_MAX, 'encoding: too many tags');
  writer.varint(tags.length);
  for (const tag of tags) {
    assert(tag.length <= TAG_BYTES_MAX, 'encoding: a tag within its bound');
    writer.text(tag);
  }
}

const NO_BYTES = new Uint8Array(0);
const NO_DOTS: readonly Dot[] = [];
const NO_TAGS: readonly string[] = [];

/**
 * Decodes and verifies one mutation. The result has views of `bytes`, so the caller passes memory
 * that may live as long as the mutation. `undefined`: damaged, or not written by this version.
 */
export function decodeMutation(bytes: Uint8Array): Mutation | undefined {
  const contentEnd = bytes.length - TRAILER_BYTES;
  if (contentEnd < 2 || bytes.length > MUTATION_BYTES_MAX || bytes[0] !== FORMAT_VERSION)
    return undefined;
  const digest = crc32c(bytes, 0, contentEnd);
  reader.load(bytes, contentEnd, bytes.length);
  const chain = reader.u64();
  if (reader.u32() !== crc32cOfU64(chain, digest) || reader.failed) return undefined;
  reader.load(bytes, 1, contentEnd);
  return readContent(bytes, digest);
}

/** The same for a record, whose first byte names its form. */
export function decodeRecord(bytes: Uint8Array): Record | undefined {
  const mutation = decodeMutation(bytes);
  return mutation && recordOf(mutation);
}

function readContent(bytes: Uint8Array, digest: number): Mutation | undefined {
  const flags = reader.u8();
  const lane = reader.varint();
  const origin = readName(origins) as Origin | undefined;
  const seq = reader.varint();
  const hlc = reader.u64();
  const namespace = readName(namespaces) as NamespaceName | undefined;
  const key = reader.text(KEY_BYTES_MAX) as Key;
  const extras = hasExtras(flags, lane) ? readExtras(flags, lane) : NO_EXTRAS;
  const contentType = readContentType();
  const valueLength = reader.varint();
  if (reader.failed || reader.left !== valueLength) return undefined;
  if (origin === undefined || namespace === undefined || seq === 0 || key === '') return undefined;
  const mutation = new EncodedMutation(bytes, valueLength, digest);
  mutation.flags = flags;
  mutation.origin = origin;
  mutation.seq = seq;
  mutation.hlc = hlc;
  mutation.namespace = namespace;
  mutation.key = key;
  mutation.contentType = contentType;
  mutation.extras = extras;
  return mutation;
}

function readExtras(flags: number, lane: number): Extras {
  const group = flags & GROUP ? reader.text(NAME_BYTES_MAX) : '';
  const dependencies = flags & DEPENDENCIES ? readDots() : NO_DOTS;
  const expiresAtMs = flags & EXPIRY ? reader.varint() : 0;
  const tags = flags & TAGS ? readTags() : NO_TAGS;
  const weight = flags & WEIGHT ? reader.f64() : 0;
  const idempotency = flags & IDEMPOTENCY ? readIdempotency() : undefined;
  return { lane, group, dependencies, expiresAtMs, tags, weight, idempotency };
}

function readName(interner: Interner): string | undefined {
  return readKnown(interner, reader.varint(), NAME_BYTES_MAX);
}

function readKnown(interner: Interner, length: number, lengthMax: number): string | undefined {
  if (length > lengthMax || length > reader.left) {
    reader.fail();
    return undefined;
  }
  const start = reader.at;
  reader.at += length;
  return interner.intern(reader.bytes, start, reader.at);
}

function readContentType(): string {
  const length = reader.varint();
  if (length <= CONTENT_TYPE_BYTES_MAX) {
    return readKnown(contentTypes, length, CONTENT_TYPE_BYTES_MAX) ?? '';
  }
  const usual = CONTENT_TYPES_USUAL[length - CONTENT_TYPE_CODE_MIN];
  if (usual === undefined) reader.fail();
  return usual ?? '';
}

function readDots(): readonly Dot[] {
  const count = reader.varint();
  if (count > DEPENDENCIES_MAX) reader.fail();
  const dots: Dot[] = [];
  while (dots.length < count && !reader.failed) {
    const origin = readName(origins) as Origin | undefined;
    const seq = reader.varint();
    if (origin === undefined) reader.fail();
    else dots.push({ origin, seq });
  }
  return dots;
}

function readTags(): readonly string[] {
  const count = reader.varint();
  if (count > TAGS_MAX) reader.fail();
  const tags: string[] = [];
  while (tags.length < count && !reader.failed) tags.push(reader.text(TAG_BYTES_MAX));
  return tags;
}

function readIdempotency(): Idempotency {
  const key = reader.text(IDEMPOTENCY_KEY_BYTES_MAX);
  return { key, digest: reader.u32() };
}

/** `mutation` is the entry that follows the one with chain `previousChain`. */
export function isChained(mutation: Mutation, previousChain: number): boolean {
  return mutation.chain === nextChain(previousChain, mutation.digest, mutation.seq);
}

// Two 32-bit lanes mixed as in MurmurHash3's finaliser, folded into 53 bits so that a chain is a
// plain number.
function nextChain(previous: number, digest: number, seq: number): number {
  const low = mix32((previous >>> 0) ^ Math.imul(digest, 0x9e3779b1) ^ seq);
  const high = mix32(Math.floor(previous / 2 ** 32) ^ Math.imul(low, 0x85ebca6b) ^ digest);
  return (high & 0x1fffff) * 2 ** 32 + low;
}

/** Fields that few mutations have. All that have none of them share one object. */
type Extras = Pick<
  Mutation,
  'lane' | 'group' | 'dependencies' | 'expiresAtMs' | 'tags' | 'weight' | 'idempotency'
>;

const NO_EXTRAS: Extras = {
  lane: 0,
  group: '',
  dependencies: NO_DOTS,
  expiresAtMs: 0,
  tags: NO_TAGS,
  weight: 0,
  idempotency: undefined,
};

/**
 * A mutation over its encoded form. The maker fills it in and then returns it as an immutable
 * `Mutation`. A replica keeps one for each record in memory and for each recent entry, so it has
 * fields only for what is read of every mutation. The value is a view made on demand: most
 * mutations pass through a replica without being read.
 */
class EncodedMutation implements Mutation {
  flags = 0;
  origin = '' as Origin;
  seq = 0;
  hlc = 0;
  namespace = '' as NamespaceName;
  key = '' as Key;
  contentType = '';
  extras = NO_EXTRAS;
  /** A signed word, because that needs no memory besides the field. */
  readonly digest: number;
  readonly bytes: Uint8Array;
  readonly size: number;

  constructor(bytes: Uint8Array, size: number, digest: number) {
    this.bytes = bytes;
    this.digest = digest | 0;
    this.size = size;
  }

  get operation(): Operation {
    return this.flags & DELETE ? 'delete' : 'put';
  }

  get created(): boolean {
    return (this.flags & CREATED) !== 0;
  }

  get lane(): number {
    return this.extras.lane;
  }

  get group(): string {
    return this.extras.group;
  }

  get dependencies(): readonly Dot[] {
    return this.extras.dependencies;
  }

  get expiresAtMs(): number {
    return this.extras.expiresAtMs;
  }

  get tags(): readonly string[] {
    return this.extras.tags;
  }

  get weight(): number {
    return this.extras.weight;
  }

  get idempotency(): Idempotency | undefined {
    return this.extras.idempotency;
  }

  get chain(): number {
    const { bytes } = this;
    if (bytes.length === 0) return 0;
    reader.load(bytes, bytes.length - TRAILER_BYTES, bytes.length);
    return reader.u64();
  }

  get value(): Uint8Array {
    if (this.bytes.length === 0) return this.bytes;
    const end = this.bytes.length - TRAILER_BYTES;
    assert(this.size <= end, 'encoding: a value is within its mutation');
    return this.bytes.subarray(end - this.size, end);
  }
}
