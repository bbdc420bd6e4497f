// The unit of replication and what it leaves behind under a key.
//
// A mutation is encoded once (model/encoding.ts); the same bytes go to the log, to the record and to every peer.
// Under last-write-wins a record is the mutation with the largest version, a tombstone when that mutation deletes.
// Version order is total to the last bit: (hlc, origin, seq), so merge is commutative, associative and idempotent
// and every replica keeps the same winner.

import type { Hlc } from './hlc.ts';
import type { Dot, Key, NamespaceName, Origin, Seq } from './id.ts';

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

/** Under `lww` a record is its winning mutation. */
export type Record = Mutation;

/** The part of a mutation that decides which one wins. */
export interface Version {
  readonly hlc: Hlc;
  readonly origin: Origin;
  readonly seq: Seq;
}

/** Negative, zero or positive as `left` is older than, the same as or newer than `right`. */
export function compareVersions(left: Version, right: Version): number {
  if (left.hlc !== right.hlc) return left.hlc < right.hlc ? -1 : 1;
  if (left.origin !== right.origin) return left.origin < right.origin ? -1 : 1;
  return left.seq - right.seq;
}

export function mergeRecords(left: Record | undefined, right: Record): Record {
  return left === undefined || compareVersions(left, right) < 0 ? right : left;
}

/** Shown to readers at `wallMs`: neither deleted nor past its deadline. */
export function isLive(record: Record | undefined, wallMs: number): record is Record {
  if (record === undefined || record.operation === 'delete') return false;
  return record.expiresAtMs === 0 || record.expiresAtMs > wallMs;
}

/** The writer had seen the version that it replaced, so nothing was lost by concurrency. */
export function observed(mutation: Mutation, replaced: Version): boolean {
  if (mutation.origin === replaced.origin) return mutation.seq > replaced.seq;
  return mutation.dependencies.some(
    (dot) => dot.origin === replaced.origin && dot.seq >= replaced.seq,
  );
}
