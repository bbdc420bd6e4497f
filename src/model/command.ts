// What clients ask of a replica and what it answers: two closed unions. A command carries the
// client that waits for its reply; the core returns the client with the reply and never calls it.

import type { ClockStatus } from './clock.ts';
import type { Fault } from './fault.ts';
import type { NamespaceLag } from './lag.ts';
import type { Dot, Key, NamespaceName, LaneId, Region, ReplicaId, Seq } from './id.ts';
import type { Hlc } from './hlc.ts';
import type { Membership, Place } from './membership.ts';
import type { OwnQuestion } from './own-question.ts';
import type { PeerQuestion } from './peer-question.ts';
import type { QuorumSpec } from './quorum.ts';
import type { Idempotency, Operation, Record, Version } from './record.ts';
import type { Session } from './session.ts';
import type { VectorEntries } from './message.ts';

/** Where a reply goes. The host calls it once, when everything the reply depends on is durable. */
export interface Client {
  onReply(reply: Reply): void;
  /** `onReply` threw: a bug in the client's code, which counts and reports it and ends its part. */
  onBroken?(error: unknown): void;
}

/**
 * Where the reply to a read goes: to a client, to a part of this replica, or to a peer that asks
 * instead of its client.
 */
export type Asker = Client | OwnQuestion | PeerQuestion;

/** The opaque version of a record, as ETags carry it: the text of its dot. */
export type Condition =
  | { readonly kind: 'match'; readonly versions: readonly string[] }
  | { readonly kind: 'match-any' }
  | { readonly kind: 'none-match'; readonly versions: readonly string[] }
  | { readonly kind: 'absent' }
  /** It was written in that second or before, or does not exist. */
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
   * Replicas that are asked for the key before the conditions are checked; `undefined` uses the
   * policy's quorum if there are conditions, else no other replica is asked.
   */
  readonly r: QuorumSpec | undefined;
  readonly idempotency: Idempotency | undefined;
  /** What the replica must show before it writes; `undefined`: nothing. */
  readonly session: Session | undefined;
  readonly tags: readonly string[];
  readonly weight: number;
  /**
   * Answer once the write is durable here, with the count of copies, instead of failing at the
   * deadline.
   */
  readonly respondAsync: boolean;
  /** For a delete: the reply carries the value that was removed here. */
  readonly returnsOld: boolean;
  /**
   * For a delete: it removes this one version and older ones; newer ones stay, here and elsewhere.
   * It has no conditions. `undefined`: it removes any version.
   */
  readonly removes: Version | undefined;
}

/** One write of a run. */
export type RunItem = Pick<
  WriteCommand,
  'key' | 'operation' | 'value' | 'contentType' | 'ttlMs' | 'conditions' | 'tags' | 'weight'
>;

/** Writes that happen together or not at all (run.ts); the other members are as in a write. */
export interface RunCommand
  extends Pick<
    WriteCommand,
    'client' | 'namespace' | 'w' | 'r' | 'timeoutMs' | 'idempotency' | 'session' | 'respondAsync'
  > {
  readonly kind: 'run';
  /** 1 to 1000. Their conditions are checked against the state before the first of them. */
  readonly items: readonly RunItem[];
}

/**
 * What becomes of a read if this replica may not answer for the namespace, or does not show the
 * session yet.
 *
 *   usual     another replica answers for the namespace; the session is waited for
 *   forward   another replica answers, if one is known that may and shows the session
 *   wait      refused for the namespace; the session is waited for
 *   fail      refused
 */
export type OnUnmet = 'usual' | 'forward' | 'wait' | 'fail';

export interface ReadCommand<To extends Asker = Asker> {
  readonly kind: 'read';
  readonly client: To;
  readonly namespace: NamespaceName;
  readonly key: Key;
  readonly r: QuorumSpec | undefined;
  readonly timeoutMs: number | undefined;
  /** What the answering replica must show; `undefined`: nothing. */
  readonly session: Session | undefined;
  readonly onUnmet: OnUnmet;
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
  /** Continues after this key (before it, in reverse); '' begins at the start. */
  readonly after: string;
  readonly reverse: boolean;
  /** 1 to 1000 items and prefixes together. */
  readonly limit: number;
  /** Keys with an equal part up to the delimiter are folded into one prefix; '' folds nothing. */
  readonly delimiter: string;
  /** True if items include their values. */
  readonly values: boolean;
  /** How many replicas are compared; `undefined` takes the namespace's policy. */
  readonly r: QuorumSpec | undefined;
  /**
   * Bytes of records and prefixes after which the page ends; `undefined`: the most one answer may
   * have.
   */
  readonly bytesMax: number | undefined;
  readonly timeoutMs: number | undefined;
  readonly session: Session | undefined;
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

/**
 * Adds or removes one member, or changes one address. Answered when a majority has chosen it; then
 * every replica begins a new incarnation.
 */
export interface MembershipCommand {
  readonly kind: 'membership';
  readonly client: Client;
  readonly change:
    | { readonly kind: 'join'; readonly place: Place }
    /** `force`: even if it is connected. */
    | { readonly kind: 'forget'; readonly id: ReplicaId; readonly force: boolean };
  readonly timeoutMs: number;
}

/** Refuses requests of clients, or accepts them again; the replica remains a member. */
export interface DrainCommand {
  readonly kind: 'drain';
  readonly client: Client;
  readonly drained: boolean;
  /** How long it still answers clients after it has announced the drain; omitted: not at all. */
  readonly graceMs?: number;
}

/**
 * Compares what is held here with every peer at the next opportunity, instead of at the usual time.
 */
export interface ResyncCommand {
  readonly kind: 'resync';
  readonly client: Client;
}

/** `To`: the asker. Only reads come from peers, too. */
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
  /** Durable copies known at the time of the reply, out of `replicas`. */
  readonly acks: number;
  readonly replicas: number;
  /** The required copies exist. False only in answer to `respondAsync`. */
  readonly settled: boolean;
  /** An earlier request with the same idempotency key made the write. */
  readonly replayed: boolean;
  /**
   * A newer version that a replica held when the write arrived there, and shows instead;
   * `undefined`: none is known. An earlier write can have it, if the clock here is behind the clock
   * that stamped it.
   */
  readonly supersededBy: Dot | undefined;
  /** The live value that a delete removed here, if the request asked for it. */
  readonly replaced: Record | undefined;
}

/** A run that was written; a copy counts only if it holds all of the run. */
export interface RunWritten extends Pick<Written, 'acks' | 'replicas' | 'settled' | 'replayed'> {
  readonly kind: 'run-written';
  /** In the order of the command's writes. */
  readonly items: readonly Pick<Written, 'created' | 'dot' | 'supersededBy'>[];
}

export interface Found {
  readonly kind: 'found';
  readonly record: Record;
  readonly stalenessMs: Staleness;
  /** Replicas whose state was used for the answer. */
  readonly answers: number;
  /**
   * The replica that answered instead of this one, which may not answer; `undefined`: this one did.
   */
  readonly heldBy: Holder | undefined;
}

export interface Absent {
  readonly kind: 'absent';
  /** The delete, or the version that has expired, because of which there is no value. */
  readonly removal: Dot | undefined;
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
  /** Entries that the page shows or that removed something from it, and all before them. */
  readonly shown: VectorEntries;
  /** The key after which the next page begins, or '' at the end. */
  readonly after: string;
  readonly stalenessMs: Staleness;
  readonly heldBy: Holder | undefined;
}

export interface WriteStatus {
  readonly kind: 'write-status';
  readonly dot: Dot;
  /** Replicas known to hold it durably. */
  readonly holders: readonly ReplicaId[];
  /** Regions in which all replicas hold it. */
  readonly regions: readonly Region[];
  readonly replicas: number;
}

export interface Explained {
  readonly kind: 'explained';
  readonly replicas: readonly ReplicaView[];
  /**
   * If the newest version is a delete: its dot, and the members because of which its tombstone is
   * kept.
   */
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
  /** A change of it that was requested here and has not ended. */
  readonly change: ChangeProgress | undefined;
  /** Accepted requests of clients that are not answered yet. */
  readonly waiting: number;
  readonly self: ReplicaStatus;
  readonly peers: readonly PeerStatus[];
}

/**
 * `waiting`: to begin, or to retry after others interfered. `agreed`: in this step, this replica
 * included.
 */
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
  /**
   * An operator drained it; it may answer clients in its grace, or refuse them because it recovers.
   */
  readonly isDrained: boolean;
  /** The rest of a drain's grace, in which clients are still answered; 0 otherwise. */
  readonly graceMs: number;
  readonly clock: ClockStatus;
  /** Its disk is below the mark: writes of clients are refused, deletes are accepted. */
  readonly isDiskLow: boolean;
  /** The snapshot that it is copying. */
  readonly copy: CopyProgress | undefined;
  /** Namespaces whose lag a policy bounds. */
  readonly namespaces: readonly NamespaceLag[];
  /**
   * The root of its hash tree in hex; replicas with equal records have equal roots. `unknown` while
   * the tree is in doubt.
   */
  readonly treeRoot: string;
  /**
   * Keys whose difference from a peer the last comparisons confirmed, the most of any peer;
   * `undefined`: no comparison ended.
   */
  readonly divergentKeys: number | undefined;
  /** Counts of each namespace; `undefined` until the first count. */
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
  /** The share of the key space that is done, 0 to 1, estimated from the position. */
  readonly share: number;
}

export interface PeerStatus {
  readonly id: ReplicaId;
  readonly region: Region;
  readonly connected: boolean;
  /** Smoothed round trip, `undefined` before the first echo. */
  readonly rttMs: number | undefined;
  /**
   * Entries that the peer is known to lack, and that this replica lacks of the peer's; `undefined`
   * when unknown.
   */
  readonly entriesItLacks: number | undefined;
  readonly entriesWeLack: number | undefined;
  /**
   * The peer's writes are stamped ahead of the agreed clock, and wait for their time: until then
   * our lag towards it is unknown.
   */
  readonly isStampedAhead: boolean;
  /** Age of the peer's writes that we may lack. */
  readonly stalenessMs: Staleness;
  readonly vector: readonly (readonly [LaneId, Seq])[];
  /** By how much its wall clock is ahead of ours. */
  readonly clockOffsetMs: number | undefined;
  /**
   * The namespaces in a state other than `serving`, by its last heartbeat; `undefined` while not
   * connected.
   */
  readonly namespaces: readonly NamespaceLag[] | undefined;
  readonly commitAgeMs: number | undefined;
  /** The URL of its HTTP API, as it reports it or as configured. */
  readonly url: string | undefined;
  readonly compared: Comparison;
}

/** The last comparison of hash trees with a peer; times are in ms since 1970. */
export interface Comparison {
  readonly result: 'equal' | 'different' | 'unknown';
  /** When the trees were last found equal at a cut; `undefined`: never in this incarnation. */
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

/** The comparisons are due now. */
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
