// What a replica reports of itself and of its peers, to its clients and operators.

import type { ClockStatus } from './clock.ts';
import type { LaneId, NamespaceName, Region, ReplicaId, Seq } from './id.ts';
import type { NamespaceLag } from './lag.ts';
import type { Membership } from './membership.ts';
import type { Staleness } from './staleness.ts';

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
  /** How many entries of each namespace wait for others in causal order. */
  readonly waitingEntries: ReadonlyMap<NamespaceName, number>;
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
