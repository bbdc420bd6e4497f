// The unit of replication, and the record that it leaves behind under a key.
//
// A mutation is encoded once (encoding.ts); the same bytes go to the log, to the record and to every peer. A record is
// what a key holds after all mutations that a replica has seen were merged into it. Its form depends on the conflict rule of
// its namespace, and its first byte tells which form it has. Under last-write-wins, the one rule so far, it is the
// mutation with the largest version, a tombstone where that mutation deletes.
//
// A record is opaque: callers ask it by the verbs below, and merge and compare records by `conflict/`. So a record of another
// form, with several versions, changes these verbs and a resolver, and no caller.

import { mix32 } from '../base/mix.ts';
import type { Hlc } from './hlc.ts';
import type { Dot, Key, LaneId, NamespaceName, Origin, Seq } from './id.ts';
import { covers, type ReadonlyVector } from './vector.ts';

export type Operation = 'put' | 'delete';

/** What a client asked under an idempotency key, to distinguish another request with the key from a retry. */
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
  /** Its place in a run (run.ts), or the Raft group that ordered it; '' outside of both. */
  readonly group: string;
  readonly namespace: NamespaceName;
  readonly key: Key;
  readonly operation: Operation;
  /** The key held no live value where the mutation was accepted. */
  readonly created: boolean;
  /** What the writer had seen: under last-write-wins the version that this one replaced where it was accepted. */
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

/** The part of a mutation that decides which one wins. */
export interface Version {
  readonly hlc: Hlc;
  readonly origin: LaneId;
  readonly seq: Seq;
}

declare const outline: unique symbol;
declare const form: unique symbol;

/** What merging, comparing and summing need of a record. It holds no values, so it may be kept where a record may not. */
export interface Outline {
  readonly [outline]: true;
}

/** What a key holds. */
export interface Record extends Outline {
  readonly [form]: true;
  readonly namespace: NamespaceName;
  readonly key: Key;
}

/** A 64-bit digest, lower word first. */
export type Digest = readonly [low: number, high: number];

/** What an outline consists of under last-write-wins. */
type Face = Version & Pick<Mutation, 'operation' | 'digest' | 'chain'>;

const NO_DIGEST: Digest = [0, 0];

/** The record of a key that this mutation alone has reached. */
export function recordOf(mutation: Mutation): Record {
  return mutation as unknown as Record;
}

/** The newest version in it, which is what a reader gets that takes one. */
export function latestOf(record: Record): Mutation {
  return record as unknown as Mutation;
}

/** All versions in it. */
export function versionsOf(record: Record): readonly Mutation[] {
  return [latestOf(record)];
}

/** The encoded form, as storage and peers hold it; empty for a record that was taken out of a list of keys. */
export function encodedOf(record: Record): Uint8Array {
  return latestOf(record).bytes;
}

export function outlineOf(record: Record): Outline {
  const { hlc, origin, seq, operation, digest, chain } = latestOf(record);
  const face: Face = { hlc, origin, seq, operation, digest, chain };
  return face as unknown as Outline;
}

/** Readers see a value at `wallMs`: it is neither deleted nor past its deadline. */
export function shows(record: Record | undefined, wallMs: number): record is Record {
  if (record === undefined) return false;
  const { operation, expiresAtMs } = latestOf(record);
  return operation === 'put' && (expiresAtMs === 0 || expiresAtMs > wallMs);
}

/** It holds deletes only. */
export function isTombstone(record: Outline): boolean {
  return faceOf(record).operation === 'delete';
}

/** When it shows less by itself, in ms since 1970; 0 is never. */
export function expiryOf(record: Record): number {
  const { operation, expiresAtMs } = latestOf(record);
  return operation === 'put' ? expiresAtMs : 0;
}

/** The names of the versions in it. */
export function dotsOf(record: Outline): readonly Dot[] {
  const { origin, seq } = faceOf(record);
  return [{ origin, seq }];
}

/** Whoever has all mutations up to this vector has this record, or a newer one. */
export function isCoveredBy(record: Outline, vector: ReadonlyVector): boolean {
  return covers(vector, faceOf(record));
}

/** The newest stamp in it. */
export function stampOf(record: Outline): Hlc {
  return faceOf(record).hlc;
}

/**
 * What a hash tree sums: the same at every replica that holds the same record. Of a tombstone it is zero, so dropping one
 * changes nothing (trap 6). The checksum and the chain cover name, version and content.
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
