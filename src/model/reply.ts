// What a replica answers: a closed union. An answer about records says how stale it may be, and
// which replica has given it.

import type { Fault } from './fault.ts';
import type { Hlc } from './hlc.ts';
import type { Dot, LaneId, Region, ReplicaId } from './id.ts';
import type { Membership } from './membership.ts';
import type { Record } from './record.ts';
import type { Staleness } from './staleness.ts';
import type { Status } from './status.ts';
import type { VectorEntries } from './vector.ts';

/** Where a reply goes. The host calls it once, when everything the reply depends on is durable. */
export interface Client {
  onReply(reply: Reply): void;
  /** It takes no answer that may be staler, in ms; left out: any. */
  readonly boundMs?: number | undefined;
  /** `onReply` threw: a bug in the client's code, which counts and reports it and ends its part. */
  onBroken?(error: unknown): void;
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
