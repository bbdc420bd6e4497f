// The unit of replication, and the record that it leaves under a key.
//
// A mutation is encoded once (encoding.ts); the same bytes go to the log, to the record and to
// every peer. A record is the merge of all mutations of a key that a replica has seen. Its form
// depends on the conflict rule of its namespace, and its first byte names the form. Under
// last-write-wins, the only rule so far, it is the mutation with the largest version, a tombstone
// if that mutation deletes.
//
// A record is opaque: callers use the verbs below, and merge and compare records by `conflict/`. So
// a record of another form, with several versions, changes these verbs and a resolver, and no
// caller.

import { mix32 } from '../base/mix.ts';
import type { Hlc } from './hlc.ts';
import type { Dot, Key, LaneId, NamespaceName, Origin, Seq } from './id.ts';
import { covers, type ReadonlyVector } from './vector.ts';

export type Operation = 'put' | 'delete';

/**
 * A client's request under an idempotency key, to distinguish another request with the key from a
 * retry.
 */
export interface Idempotency {
  readonly key: string;
  /** A digest of the request: the same key with another digest is a client's mistake. */
  readonly digest: number;
}

export interface Mutation {
  readonly origin: Origin;
  readonly seq: Seq;
  readonly hlc: Hlc;
  /** 0 is the origin's live lane; others are for namespaces that sync at intervals. */
  readonly lane: number;
  /** Its place in a run (run.ts), or the Raft group that ordered it; '' without either. */
  readonly group: string;
  readonly namespace: NamespaceName;
  readonly key: Key;
  readonly operation: Operation;
  /** The key had no live value when the mutation was accepted. */
  readonly created: boolean;
  /**
   * What the writer had seen: under last-write-wins the version that this one replaced when it was
   * accepted.
   */
  readonly dependencies: readonly Dot[];
  /** Absolute deadline in ms since 1970, stamped by the origin; 0 is never. */
  readonly expiresAtMs: number;
  readonly tags: readonly string[];
  readonly weight: number;
  readonly idempotency: Idempotency | undefined;
  readonly contentType: string;
  readonly value: Uint8Array;
  /** Bytes of the value, which a list of keys leaves out. */
  readonly size: number;
  /** Checksum of the content. */
  readonly digest: number;
  /** The origin's hash chain after this entry: it names the entry and everything before it. */
  readonly chain: number;
  /** The encoded form, checksum included. */
  readonly bytes: Uint8Array;
}

/** The part of a mutation that decides which version wins. */
export interface Version {
  readonly hlc: Hlc;
  readonly origin: LaneId;
  readonly seq: Seq;
}

declare const outline: unique symbol;
declare const form: unique symbol;

/**
 * The parts of a record needed to merge, compare and sum it. It holds no values, so it may be kept
 * longer than a record.
 */
export interface Outline {
  readonly [outline]: true;
}

/** The content of a key. */
export interface Record extends Outline {
  readonly [form]: true;
  readonly namespace: NamespaceName;
  readonly key: Key;
}

/** A 64-bit digest, lower word first. */
export type Digest = readonly [low: number, high: number];

/** The parts of an outline under last-write-wins. */
type Face = Version & Pick<Mutation, 'operation' | 'digest' | 'chain'>;

const NO_DIGEST: Digest = [0, 0];

/** The record of a key that only this mutation has changed. */
export function recordOf(mutation: Mutation): Record {
  return mutation as unknown as Record;
}

/** The newest version in it, which a reader of a single version gets. */
export function latestOf(record: Record): Mutation {
  return record as unknown as Mutation;
}

/** All versions in it. */
export function versionsOf(record: Record): readonly Mutation[] {
  return [latestOf(record)];
}

/** The encoded form in storage and on the wire; empty for a record from a list of keys. */
export function encodedOf(record: Record): Uint8Array {
  return latestOf(record).bytes;
}

export function outlineOf(record: Record): Outline {
  const { hlc, origin, seq, operation, digest, chain } = latestOf(record);
  const face: Face = { hlc, origin, seq, operation, digest, chain };
  return face as unknown as Outline;
}

/** True if readers see a value at `wallMs`: it is neither deleted nor past its deadline. */
export function shows(record: Record | undefined, wallMs: number): record is Record {
  if (record === undefined) return false;
  const { operation, expiresAtMs } = latestOf(record);
  return operation === 'put' && (expiresAtMs === 0 || expiresAtMs > wallMs);
}

/** It holds deletes only. */
export function isTombstone(record: Outline): boolean {
  return faceOf(record).operation === 'delete';
}

/** When its value expires, in ms since 1970; 0 is never. */
export function expiryOf(record: Record): number {
  const { operation, expiresAtMs } = latestOf(record);
  return operation === 'put' ? expiresAtMs : 0;
}

/** The names of the versions in it. */
export function dotsOf(record: Outline): readonly Dot[] {
  const { origin, seq } = faceOf(record);
  return [{ origin, seq }];
}

/** A replica that has all mutations up to this vector has this record, or a newer one. */
export function isCoveredBy(record: Outline, vector: ReadonlyVector): boolean {
  return covers(vector, faceOf(record));
}

/** The newest stamp in it. */
export function stampOf(record: Outline): Hlc {
  return faceOf(record).hlc;
}

/**
 * The term of a hash tree's sum: the same at every replica that holds the same record. It is zero
 * for a tombstone, so dropping one changes nothing (trap 6). The checksum and the chain cover name,
 * version and content.
 */
export function digestOf(record: Outline): Digest {
  const { operation, digest, chain, seq } = faceOf(record);
  if (operation === 'delete') return NO_DIGEST;
  const low = mix32(digest ^ mix32(Math.floor(chain / 2 ** 32) ^ Math.imul(seq, 0x9e3779b1)));
  return [low, mix32(low ^ mix32(chain >>> 0) ^ 0x27d4eb2f)];
}

function faceOf(record: Outline): Face {
  return record as unknown as Face;
}
