// What clients ask of a replica and what it answers: two closed unions. A command carries the client that waits for
// its reply; the core hands the client back with the reply and never calls it.

import type { ClockStatus } from './clock.ts';
import type { Fault } from './fault.ts';
import type { NamespaceLag } from './lag.ts';
import type { Dot, Key, NamespaceName, LaneId, Region, ReplicaId, Seq } from './id.ts';
import type { Hlc } from './hlc.ts';
import type { Membership, Place } from './membership.ts';
import type { PeerQuestion } from './peer-question.ts';
import type { QuorumSpec } from './quorum.ts';
import type { Idempotency, Operation, Record, Version } from './record.ts';

/** Where a reply goes. Called once, by the host, when everything the reply depends on is durable. */
export interface Client {
  onReply(reply: Reply): void;
  /** `onReply` threw: a bug of the client's side, which counts and reports it and ends its part. */
  onBroken?(error: unknown): void;
}

/** Where the reply to a read goes: to a client, or to a peer that asks in the place of its client. */
export type Asker = Client | PeerQuestion;

/** The opaque version of a record, as ETags carry it: the text of its dot. */
export type Condition =
  | { readonly kind: 'match'; readonly versions: readonly string[] }
  | { readonly kind: 'match-any' }
  | { readonly kind: 'none-match'; readonly versions: readonly string[] }
  | { readonly kind: 'absent' }
  /** Written in that second or before, or not there. */
  | { readonly kind: 'unmodified-since'; readonly dateMs: number };

export interface WriteCommand {
  readonly kind: 'write';
  readonly client: Client;
  readonly namespace: NamespaceName;
  readonly key: Key;
  readonly operation: Operation;
  readonly value: Uint8Array;
  readonly contentType: string;
  /** Copies to wait for; `undefined` takes the namespace's policy. */
  readonly w: QuorumSpec | undefined;
  /** How long to wait for them; `undefined` takes the policy. 1 ms to 1 hour. */
  readonly timeoutMs: number | undefined;
  /** Lifetime from now; 0 is for ever. */
  readonly ttlMs: number;
  readonly conditions: readonly Condition[];
  /**
   * Replicas that are asked what the key holds before the conditions are checked; `undefined` takes the policy where there
   * are conditions, and asks nobody where there are none.
   */
  readonly r: QuorumSpec | undefined;
  readonly idempotency: Idempotency | undefined;
  readonly tags: readonly string[];
  readonly weight: number;
  /** Answer as soon as the write is durable here, with the count of copies, instead of failing at the deadline. */
  readonly respondAsync: boolean;
  /** Of a delete: the reply carries the value that was removed here. */
  readonly returnsOld: boolean;
  /**
   * Of a delete: the one version that it means, and what is older; whatever is newer stays, here and elsewhere. It comes without
   * conditions. `undefined`: whatever is there.
   */
  readonly removes: Version | undefined;
}

/** A write of a run. */
export type RunItem = Pick<
  WriteCommand,
  'key' | 'operation' | 'value' | 'contentType' | 'ttlMs' | 'conditions' | 'tags' | 'weight'
>;

/** Writes that happen together or not at all (run.ts); the other members are as those of a write. */
export interface RunCommand
  extends Pick<
    WriteCommand,
    'client' | 'namespace' | 'w' | 'r' | 'timeoutMs' | 'idempotency' | 'respondAsync'
  > {
  readonly kind: 'run';
  /** 1 to 1000. Their conditions are checked against what was there before the first of them. */
  readonly items: readonly RunItem[];
}

export interface ReadCommand<To extends Asker = Asker> {
  readonly kind: 'read';
  readonly client: To;
  readonly namespace: NamespaceName;
  readonly key: Key;
  readonly r: QuorumSpec | undefined;
  readonly timeoutMs: number | undefined;
  /** What to do where this replica is not fit to answer for the namespace: let others answer, or fail. */
  readonly onUnmet: 'forward' | 'fail';
}

/** Items and prefixes of one page, at most. */
export const LIST_LIMIT_MAX = 1000;

export interface ListCommand<To extends Asker = Asker> {
  readonly kind: 'list';
  readonly client: To;
  readonly namespace: NamespaceName;
  /** Byte strings. Keys in [start, end) that start with `prefix`; '' leaves a bound open. */
  readonly prefix: string;
  readonly start: string;
  readonly end: string;
  /** Goes on behind this key (before it, in reverse), or '' from the beginning. */
  readonly after: string;
  readonly reverse: boolean;
  /** 1 to 1000 items and prefixes together. */
  readonly limit: number;
  /** Keys that share the part up to the delimiter are folded into one prefix; '' does not fold. */
  readonly delimiter: string;
  /** Items come with their values. */
  readonly values: boolean;
  /** How many replicas are compared; `undefined` takes the namespace's policy. */
  readonly r: QuorumSpec | undefined;
  /** Of records and prefixes, after which the page ends; `undefined`: as many as one answer may have. */
  readonly bytesMax: number | undefined;
  readonly timeoutMs: number | undefined;
  readonly onUnmet: ReadCommand['onUnmet'];
}

/** How far a write has replicated. */
export interface WriteStatusCommand {
  readonly kind: 'write-status';
  readonly client: Client;
  readonly dot: Dot;
}

/** Every replica's version of one key. */
export interface ExplainCommand {
  readonly kind: 'explain';
  readonly client: Client;
  readonly namespace: NamespaceName;
  readonly key: Key;
  readonly timeoutMs: number | undefined;
}

export interface StatusCommand {
  readonly kind: 'status';
  readonly client: Client;
}

/** One member more, less, or at another address. Answered when it is chosen; then every replica begins a new life. */
export interface MembershipCommand {
  readonly kind: 'membership';
  readonly client: Client;
  readonly change:
    | { readonly kind: 'join'; readonly place: Place }
    /** `force`: even while it is connected. */
    | { readonly kind: 'forget'; readonly id: ReplicaId; readonly force: boolean };
  readonly timeoutMs: number;
}

/** Takes no requests of clients any more, or takes them again; it stays a member like the others. */
export interface DrainCommand {
  readonly kind: 'drain';
  readonly client: Client;
  readonly drained: boolean;
  /** How long it goes on answering clients after it has said that it drains; left out: no longer. */
  readonly graceMs?: number;
}

/** Compares what is held here with every peer at the next opportunity, instead of when it is due. */
export interface ResyncCommand {
  readonly kind: 'resync';
  readonly client: Client;
}

/** `To`: who asks. Only reads come from peers, too. */
export type Command<To extends Asker = Client> =
  | WriteCommand
  | RunCommand
  | ReadCommand<To>
  | ListCommand<To>
  | WriteStatusCommand
  | ExplainCommand
  | StatusCommand
  | MembershipCommand
  | DrainCommand
  | ResyncCommand;

export interface Written {
  readonly kind: 'written';
  /** The key held no live value before. For a delete: false. */
  readonly created: boolean;
  readonly dot: Dot;
  readonly hlc: Hlc;
  /** Durable copies known when the reply was made, out of `replicas`. */
  readonly acks: number;
  readonly replicas: number;
  /** The required copies exist. False only in answer to `respondAsync`. */
  readonly settled: boolean;
  /** An earlier request with the same idempotency key did it. */
  readonly replayed: boolean;
  /**
   * A newer version that a replica held when the write came there, and goes on showing; `undefined`: none is known. An
   * earlier write can have it, where the clock here is behind the one that it was stamped by.
   */
  readonly supersededBy: Dot | undefined;
  /** The live value that a delete removed here, where it was asked for. */
  readonly replaced: Record | undefined;
}

/** A run that was written; its copies are copies of all of it. */
export interface RunWritten extends Pick<Written, 'acks' | 'replicas' | 'settled' | 'replayed'> {
  readonly kind: 'run-written';
  /** In the order of the command's. */
  readonly items: readonly Pick<Written, 'created' | 'dot' | 'supersededBy'>[];
}

export interface Found {
  readonly kind: 'found';
  readonly record: Record;
  readonly stalenessMs: Staleness;
  /** Replicas whose state went into the answer. */
  readonly answers: number;
  /** The replica that answered in place of this one, which may not answer; `undefined`: this one did. */
  readonly heldBy: Holder | undefined;
}

export interface Absent {
  readonly kind: 'absent';
  readonly stalenessMs: Staleness;
  readonly answers: number;
  readonly heldBy: Holder | undefined;
}

export interface Holder {
  readonly id: ReplicaId;
  readonly region: Region;
}

/** A proved upper bound in ms on the age of what the answer may lack. */
export type Staleness = number | 'unknown';

export interface Listed {
  readonly kind: 'listed';
  readonly items: readonly Record[];
  readonly prefixes: readonly string[];
  /** The key to go on behind, or '' at the end. */
  readonly after: string;
  readonly stalenessMs: Staleness;
  readonly heldBy: Holder | undefined;
}

export interface WriteStatus {
  readonly kind: 'write-status';
  readonly dot: Dot;
  /** Replicas known to hold it durably. */
  readonly holders: readonly ReplicaId[];
  /** Regions all of whose replicas hold it. */
  readonly regions: readonly Region[];
  readonly replicas: number;
}

export interface Explained {
  readonly kind: 'explained';
  readonly replicas: readonly ReplicaView[];
  /** Where the newest version is a delete: its dot, and the members that keep its tombstone from being dropped. */
  readonly tombstone: { readonly dot: Dot; readonly blockedBy: readonly ReplicaId[] } | undefined;
}

/** One replica's view of a key. */
export interface ReplicaView {
  readonly id: ReplicaId;
  readonly region: Region;
  readonly answer: 'record' | 'absent' | 'damaged' | 'no-answer';
  readonly record: Record | undefined;
  /** What it lacks of the entries known here. */
  readonly missing: readonly { readonly origin: LaneId; readonly entries: number }[];
}

export interface Status {
  readonly kind: 'status';
  readonly membership: Membership;
  /** A change of it that was asked for here and has not ended. */
  readonly change: ChangeProgress | undefined;
  /** Requests of clients that were taken and not answered. */
  readonly waiting: number;
  readonly self: ReplicaStatus;
  readonly peers: readonly PeerStatus[];
}

/** `waiting`: to begin, or to begin again after others were in the way. `agreed`: of this step, the asked one included. */
export interface ChangeProgress {
  readonly step: 'waiting' | 'preparing' | 'accepting';
  readonly agreed: readonly ReplicaId[];
}

export type ReplicaState = 'starting' | 'catching-up' | 'serving' | 'draining' | 'failed';

export interface ReplicaStatus {
  readonly id: ReplicaId;
  readonly region: Region;
  readonly origin: LaneId;
  readonly state: ReplicaState;
  readonly stalenessMs: Staleness;
  readonly vector: readonly (readonly [LaneId, Seq])[];
  readonly stableCut: readonly (readonly [LaneId, Seq])[];
  /** When the newest entry of each log was stamped, in ms since 1970. */
  readonly stampedMs: readonly (readonly [LaneId, number])[];
  /** How long its commit in progress has taken, and whether that is longer than it may. */
  readonly commitAgeMs: number;
  readonly isStalled: boolean;
  /** What is left of a drain's grace, in which clients are still answered; 0 otherwise. */
  readonly graceMs: number;
  readonly clock: ClockStatus;
  /** Its disk is below the mark: clients write nothing, deletes go on. */
  readonly isDiskLow: boolean;
  /** The snapshot that it copies, while it does. */
  readonly copy: CopyProgress | undefined;
  /** Namespaces whose lag a policy bounds. */
  readonly namespaces: readonly NamespaceLag[];
  /** The root of its hash tree in hex, equal at replicas that hold the same; `unknown` while the tree is in doubt. */
  readonly treeRoot: string;
  /** Keys whose difference from a peer the last comparisons confirmed, the most of any peer; `undefined`: none ended. */
  readonly divergentKeys: number | undefined;
  /** What each namespace holds here; `undefined` until it was counted. */
  readonly contents: readonly NamespaceContents[] | undefined;
}

/** Keys with a value, tombstones, and the bytes of the records of both. */
export interface NamespaceContents {
  readonly namespace: NamespaceName;
  readonly keys: number;
  readonly tombstones: number;
  readonly bytes: number;
}

/** How far the copy of a snapshot has come. */
export interface CopyProgress {
  readonly parts: number;
  readonly records: number;
  /** How much of the space of keys is done, 0 to 1, as far as the position tells. */
  readonly share: number;
}

export interface PeerStatus {
  readonly id: ReplicaId;
  readonly region: Region;
  readonly connected: boolean;
  /** Smoothed round trip, `undefined` before the first echo. */
  readonly rttMs: number | undefined;
  /** Entries that the peer is known to lack, and that this replica lacks of the peer's; `undefined` when unknown. */
  readonly entriesItLacks: number | undefined;
  readonly entriesWeLack: number | undefined;
  /** What it wrote is stamped ahead of the agreed clock, and waits for its time: it says nothing about our lag meanwhile. */
  readonly isStampedAhead: boolean;
  /** Age of what we may lack of this peer's writes. */
  readonly stalenessMs: Staleness;
  readonly vector: readonly (readonly [LaneId, Seq])[];
  /** By how much its wall clock is ahead of ours. */
  readonly clockOffsetMs: number | undefined;
  /** The namespaces that it does not simply serve, by its last heartbeat; `undefined` while it is not connected. */
  readonly namespaces: readonly NamespaceLag[] | undefined;
  readonly commitAgeMs: number | undefined;
  /** Of its HTTP API, as it says or as the configuration does. */
  readonly url: string | undefined;
  readonly compared: Comparison;
}

/** The last comparison of hash trees with a peer; times are in ms since 1970. */
export interface Comparison {
  readonly result: 'equal' | 'different' | 'unknown';
  /** When the trees were last seen to be equal at a cut; `undefined`: never in this life. */
  readonly equalAtMs: number | undefined;
}

export interface Seated {
  readonly kind: 'membership';
  readonly membership: Membership;
}

export interface Drained {
  readonly kind: 'drained';
  readonly drained: boolean;
}

/** The comparisons are due. */
export interface Resyncing {
  readonly kind: 'resyncing';
}

export interface Failed {
  readonly kind: 'failed';
  readonly fault: Fault;
}

export type Reply =
  | Written
  | RunWritten
  | Found
  | Absent
  | Listed
  | WriteStatus
  | Explained
  | Status
  | Seated
  | Drained
  | Resyncing
  | Failed;
