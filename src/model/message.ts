// The closed union of messages between replicas once a connection is authenticated. A message is a
// value; adapters/peer/codec.ts defines its bytes. Receiving tolerates reordering and duplication:
// every message can arrive again or late without harm.

import type { ListCommand, ReadCommand } from './command.ts';
import type { FaultCode } from './fault.ts';
import type { NamespaceLag } from './lag.ts';
import type { Hlc } from './hlc.ts';
import type { Dot, Key, LaneId, NamespaceName, Origin, Seq } from './id.ts';
import type { MemberSet } from './member-set.ts';
import type { Ballot, Epoch, Membership, Proposal, Vote } from './membership.ts';
import type { Level } from './level.ts';
import type { Digest, Mutation, Record, Version } from './record.ts';
import type { Absent, Found, Listed } from './reply.ts';
import type { VectorEntries } from './vector.ts';

/** First message of a connection, in both directions. */
export interface Hello {
  readonly kind: 'hello';
  /** The sender's current incarnation. */
  readonly origin: Origin;
  /** Everything durable at the sender. */
  readonly vector: VectorEntries;
  readonly hlc: Hlc;
  /** Digest of the sender's policies; a difference is reported, not fatal. */
  readonly policyDigest: number;
  /**
   * Bytes of entries that may be sent to the sender of this message before it acknowledges them.
   */
  readonly windowBytes: number;
  /** Base URL at which clients reach the sender, or '' if it gives none. */
  readonly url: string;
  /** A peer of another epoch is sent only this. */
  readonly membership: Membership;
  /** The sender's vote on the next membership; `undefined` if it may have forgotten one. */
  readonly vote: Vote | undefined;
  /**
   * What the sender knows the receiver to have held, of the latest incarnation of each replica: if
   * that is more than the receiver holds, the receiver's disk is an old copy.
   */
  readonly remembers?: VectorEntries;
  /** The receiver's latest superseded entries: an acknowledgement with them may have been lost. */
  readonly superseded?: readonly Superseded[];
}

/**
 * The steps of single-decree Paxos about the membership after `epoch` (membership/synod.ts).
 * `proposal` is what a promise has accepted before, what is to be accepted, or what was chosen.
 */
export interface Synod {
  readonly kind: 'synod';
  readonly step: 'prepare' | 'promise' | 'accept' | 'accepted' | 'refused' | 'chosen';
  readonly epoch: Epoch;
  /** The ballot of the step; in a refusal, the one that was promised instead. */
  readonly ballot: Ballot;
  readonly proposal: Proposal | undefined;
}

/** A gap-free run of one origin's log, beginning at the first sequence number. */
export interface Entries {
  readonly kind: 'entries';
  readonly origin: LaneId;
  readonly entries: readonly Mutation[];
}

/**
 * An entry that its key does not show at the sender, because the key held a newer version when the
 * entry arrived.
 */
export interface Superseded extends Dot {
  readonly by: Version;
  /** The newer version is a value. */
  readonly isLive: boolean;
}

/** Bound on such entries in one message: the latest are sent. */
export const SUPERSEDED_MAX = 256;

/** Cumulative: all entries up to these sequence numbers are durable at the sender. */
export interface Ack {
  readonly kind: 'ack';
  readonly vector: VectorEntries;
  readonly windowBytes: number;
  /** Those of the covered entries; omitted if there are none. */
  readonly superseded?: readonly Superseded[];
}

/** Asks any holder for entries of an origin's log. */
export interface Pull {
  readonly kind: 'pull';
  readonly origin: LaneId;
  readonly from: Seq;
  readonly bytesMax: number;
}

/**
 * The log no longer reaches back to what the receiver asked for, or needs next: entries up to
 * `floor` are gone.
 */
export interface Behind {
  readonly kind: 'behind';
  readonly origin: LaneId;
  readonly floor: Seq;
}

/** The end of an origin's log at the moment that a snapshot covers. */
export interface LaneHead {
  readonly origin: LaneId;
  readonly seq: Seq;
  readonly chain: number;
  readonly hlc: Hlc;
}

/**
 * Asks for a snapshot: all records after the position `after`, '' from the beginning, in chunks of
 * at most `bytesMax`.
 */
export interface SnapshotRequest {
  readonly kind: 'snapshot-request';
  /** Identifies the transfer; an earlier one to the same peer ends. */
  readonly id: number;
  readonly after: Position;
  readonly bytesMax: number;
  /** How many parts may be sent before more are asked for. */
  readonly parts: number;
}

/** Permits a transfer `parts` further chunks. */
export interface SnapshotCredit {
  readonly kind: 'snapshot-credit';
  readonly id: number;
  readonly parts: number;
}

/**
 * A part: records in the order of positions, then idempotency keys in theirs. The first part names
 * what the whole snapshot covers.
 */
export interface SnapshotChunk {
  readonly kind: 'snapshot-chunk';
  readonly id: number;
  readonly covers: readonly LaneHead[];
  readonly records: readonly Record[];
  readonly named: readonly NamedWrite[];
  /** The part covers the positions after this one, */
  readonly after: Position;
  /** up to this one. */
  readonly last: Position;
  readonly more: boolean;
}

export type SnapshotMessage = SnapshotRequest | SnapshotCredit | SnapshotChunk;

/** An idempotency key and the write that it names. */
export interface NamedWrite extends Version {
  readonly namespace: NamespaceName;
  readonly key: string;
  /** The digest of the request that was made under it. */
  readonly digest: number;
  readonly created: boolean;
}

/**
 * The place of a record among all, as a byte string: namespace, a zero, key. After all records come
 * the idempotency keys, after a `~`, which begins no namespace.
 */
export type Position = string;

/**
 * Asks the peer to lend an idempotency key, so that no other replica mints a write under it; or
 * returns it.
 */
export interface Claim {
  readonly kind: 'claim';
  readonly id: number;
  readonly step: 'ask' | 'release';
  readonly namespace: NamespaceName;
  readonly key: string;
}

/**
 * `taken`: lent to another, or its write is not durable yet; `unknown`: the peer may have
 * forgotten; `full`: it lends no more.
 */
export interface ClaimReply {
  readonly kind: 'claim-reply';
  readonly id: number;
  readonly answer: 'lent' | 'taken' | 'unknown' | 'known' | 'full';
  /** With `known`: the write. */
  readonly named: NamedWrite | undefined;
  /** With `lent`: former borrowers. One may have written before any other replica learned of it. */
  readonly former?: MemberSet;
}

/**
 * Asks for the peer's record of a key. If the peer has the version that the asker knows, it answers
 * only that.
 */
export interface ReadRequest {
  readonly kind: 'read-request';
  readonly id: number;
  readonly namespace: NamespaceName;
  readonly key: Key;
  readonly known: Dot | undefined;
}

export interface ReadReply {
  readonly kind: 'read-reply';
  readonly id: number;
  readonly answer: 'record' | 'absent' | 'damaged' | 'same';
  readonly record: Record | undefined;
}

/** The bound on keys that a survey names. */
export const SURVEY_KEYS_MAX = 512;

/**
 * Asks which versions are durable under the keys of a range, from `from` on and before `to`; '' is
 * open.
 */
export interface SurveyRequest {
  readonly kind: 'survey-request';
  readonly id: number;
  readonly namespace: NamespaceName;
  readonly from: string;
  readonly to: string;
  readonly reverse: boolean;
  readonly limit: number;
}

export interface KeyVersion extends Version {
  readonly key: Key;
  readonly isDeleted: boolean;
}

/** In the requested order. With `more`, keys after the last are not covered. */
export interface SurveyReply {
  readonly kind: 'survey-reply';
  readonly id: number;
  readonly answer: 'known' | 'unknown';
  readonly keys: readonly KeyVersion[];
  readonly more: boolean;
}

/** A record that the receiver was found to lack. It is merged and never gets a new dot. */
export interface Repair {
  readonly kind: 'repair';
  readonly record: Record;
}

/** A client's question, as a peer is asked to answer it. */
export type Question =
  | Omit<ReadCommand, 'client' | 'timeoutMs' | 'onUnmet'>
  | Omit<ListCommand, 'client' | 'timeoutMs' | 'onUnmet'>;

/**
 * Asks a peer to answer a client's question like its own client's. It is never passed on a second
 * time.
 */
export interface ForwardRequest {
  readonly kind: 'forward-request';
  readonly id: number;
  /** The remaining time of the client, in ms. */
  readonly timeoutMs: number;
  /** The level of the asker's policy; a peer with another level refuses. */
  readonly level: Level;
  readonly question: Question;
}

export type ForwardAnswer =
  | Omit<Found, 'heldBy'>
  | Omit<Absent, 'heldBy'>
  | Omit<Listed, 'heldBy'>
  | { readonly kind: 'refused'; readonly code: FaultCode };

export interface ForwardReply {
  readonly kind: 'forward-reply';
  readonly id: number;
  readonly answer: ForwardAnswer;
}

/** Asks the peer to freeze its hash tree. */
export interface TreeCutRequest {
  readonly kind: 'tree-cut-request';
  readonly id: number;
}

/** The vector of the sender's frozen tree. */
export interface TreeCut {
  readonly kind: 'tree-cut';
  /** Identifies the request, and the cut from then on. */
  readonly id: number;
  /** `unknown`: the tree is in doubt, or too many cuts are in use. */
  readonly answer: 'known' | 'unknown';
  readonly vector: VectorEntries;
}

/**
 * Asks for nodes of the peer's frozen tree, to be compared at the cut: children of `nodes`, which
 * are a level above.
 */
export interface TreeRequest {
  readonly kind: 'tree-request';
  readonly id: number;
  readonly cutId: number;
  /**
   * With the root: the vector of the asker's frozen tree, which the peer's must reach. It includes
   * what the peer has sent.
   */
  readonly vector: VectorEntries;
  /** The asker's root. */
  readonly root: Digest;
  readonly level: 'root' | 'inner' | 'leaves';
  /** Inner nodes, for leaves; else empty. */
  readonly nodes: readonly number[];
  /** Children that the asker already has. */
  readonly skip: number;
}

/** A run of digests, two words each, as many as were requested or fit. */
export interface TreeReply {
  readonly kind: 'tree-reply';
  readonly id: number;
  /**
   * `waiting`: the frozen tree has not reached the cut yet; `unknown`: it never will. Both come
   * without digests.
   */
  readonly answer: 'known' | 'waiting' | 'unknown';
  readonly digests: readonly number[];
}

/** Asks for the records under leaves, after one position up to another; '' is the end. */
export interface TreeKeysRequest {
  readonly kind: 'tree-keys-request';
  readonly id: number;
  readonly leaves: readonly number[];
  readonly after: Position;
  readonly upTo: Position;
}

/** The state under a name: its version, or that it cannot be read. */
export interface StoredKey {
  readonly namespace: NamespaceName;
  readonly key: Key;
  readonly state: 'live' | 'deleted' | 'damaged';
  /** Nothing is known of a damaged record: all fields are zero and empty. */
  readonly hlc: Hlc;
  readonly origin: Origin | '';
  readonly seq: Seq;
}

/** In the order of positions. With `more`, the answer covers only positions up to `last`. */
export interface TreeKeys {
  readonly kind: 'tree-keys';
  readonly id: number;
  readonly answer: 'known' | 'unknown';
  readonly keys: readonly StoredKey[];
  readonly last: Position;
  readonly more: boolean;
}

/** Asks for records whose loss was confirmed. */
export interface TreeRecordsRequest {
  readonly kind: 'tree-records-request';
  readonly id: number;
  readonly keys: readonly { readonly namespace: NamespaceName; readonly key: Key }[];
}

/** Records for the first `taken` of the keys; absent and damaged ones are left out. */
export interface TreeRecords {
  readonly kind: 'tree-records';
  readonly id: number;
  readonly taken: number;
  readonly records: readonly Record[];
}

export type TreeMessage =
  | TreeCutRequest
  | TreeCut
  | TreeRequest
  | TreeReply
  | TreeKeysRequest
  | TreeKeys
  | TreeRecordsRequest
  | TreeRecords;

/** Periodic: the sender's vector, and an echo from which the receiver proves how fresh it is. */
export interface Heartbeat {
  readonly kind: 'heartbeat';
  readonly hlc: Hlc;
  /** Changes in the sender's durable vector since its last message on this connection. */
  readonly vector: VectorEntries;
  /** The sender's monotonic time in ms, to be echoed. */
  readonly ping: number;
  /** The last ping received from the peer and its age, or 0 if there was none. */
  readonly echo: number;
  readonly echoDelayMs: number;
  /** The sender's own log heads when that ping arrived, undurable entries included. */
  readonly heads: VectorEntries;
  /** The sender's wall clock, in ms since 1970. */
  readonly wallMs: number;
  /** How long the sender's commit in progress has taken; 0 if there is none. */
  readonly commitAgeMs: number;
  /** The sender's namespaces with bounded lag in a state other than `serving`. */
  readonly health: readonly NamespaceLag[];
  /**
   * Lanes of which entries that are durable at the sender wait for others, and up to where each is
   * visible there; omitted if there are none.
   */
  readonly waiting?: VectorEntries;
}

export type Message =
  | Hello
  | Entries
  | Ack
  | Pull
  | Behind
  | SnapshotMessage
  | ReadRequest
  | ReadReply
  | Repair
  | ForwardRequest
  | ForwardReply
  | SurveyRequest
  | SurveyReply
  | Claim
  | ClaimReply
  | Heartbeat
  | Synod
  | TreeMessage;
