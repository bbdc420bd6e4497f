// A part is one machine of the replica, with the events that it handles. Every member is optional.
// The replica notifies its parts of every event in one fixed order.

import type { Lsn, Turn } from '../model/effect.ts';
import type { FaultCode } from '../model/fault.ts';
import type { VectorEntries } from '../model/vector.ts';

/** A batch is durable. */
export interface Durable {
  readonly lsn: Lsn;
  /** The new durable end of each log that the batch extended. */
  readonly moved: VectorEntries;
  /** How many mutations of all origins have arrived since the last durable batch. */
  readonly mutations: number;
}

export interface Part {
  /** Accepted requests that are not answered yet. */
  readonly waiting?: number;
  /** A connection has ended, or another one begins. */
  onDisconnected?(peer: number, turn: Turn): void;
  onDurable?(durable: Durable, turn: Turn): void;
  /** A heartbeat interval has passed. */
  onBeat?(turn: Turn): void;
  /** Some timer is due. */
  onDue?(turn: Turn): void;
  /** The replica stops: requests that have written nothing are refused. */
  stop?(code: FaultCode, turn: Turn): void;
}

/**
 * The order in which parts are notified. What comes first, and why:
 *
 *   intake, admission before heartbeats     a heartbeat reports this replica's vector and lag
 *                                           states as of this beat
 *   heartbeats before exchange, resync      requests to a peer follow its heartbeat
 *   resync before reads                     a finished copy is complete before a waiting read is
 *                                           answered
 *   reads before parked                     requests that wait for other replicas come before those
 *                                           that wait for this one
 *   reads, lists before writes              a reader is answered from the batch before a write that
 *                                           it waited for counts it
 *   writes before streams                   this replica's own copy counts before a peer can hold
 *                                           the entry
 *   streams before staleness                durable entries are on their way before they prove how
 *                                           fresh this replica is
 *   anti-entropy, upkeep last               no other part waits for them; upkeep begins with
 *                                           truncation and ends with the scrub
 */
export const ORDER = [
  'intake',
  'delivery',
  'admission',
  'heartbeats',
  'memory',
  'nearness',
  'exchange',
  'succession',
  'resync',
  'reads',
  'parked',
  'lists',
  'writes',
  'streams',
  'staleness',
  'forwards',
  'antiEntropy',
  'truncation',
  'checkpoint',
  'idempotency',
  'tombstones',
  'expiry',
  'scrub',
] as const;

export type PartName = (typeof ORDER)[number];
