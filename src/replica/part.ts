// A part is one machine of the replica, as far as the replica tells it what has happened. Everything is optional: a part names
// what concerns it. The replica tells its parts in one order, whatever has happened.

import type { Lsn, Turn } from '../model/effect.ts';
import type { FaultCode } from '../model/fault.ts';
import type { VectorEntries } from '../model/message.ts';

/** A batch is durable. */
export interface Durable {
  readonly lsn: Lsn;
  /** How far the logs have become durable with it, as far as they have. */
  readonly moved: VectorEntries;
  /** Of all origins, that have come in since the last batch was durable. */
  readonly mutations: number;
}

export interface Part {
  /** Requests that were taken and not answered. */
  readonly waiting?: number;
  /** A connection has ended, or another one begins. */
  onDisconnected?(peer: number, turn: Turn): void;
  onDurable?(durable: Durable, turn: Turn): void;
  /** A heartbeat interval has passed. */
  onBeat?(turn: Turn): void;
  /** Some timer is due. */
  onDue?(turn: Turn): void;
  /** The replica stops: what has written nothing is refused. */
  stop?(code: FaultCode, turn: Turn): void;
}

/**
 * The order in which parts are told. What comes first, and why:
 *
 *   intake, admission before heartbeats     a heartbeat says what this replica holds and admits, as of this beat
 *   heartbeats before exchange, resync      what a peer is asked for follows what it was told
 *   resync before reads                     a copy that has ended is there when a read that waits for it is answered
 *   reads before parked                     what waits for other replicas comes before what waits for this one
 *   reads, lists before writes              a reader is answered from the batch before a write that it waited for counts it
 *   writes before streams                   this replica's own copy counts before a peer can hold the entry
 *   streams before staleness                what became durable is on its way before it proves how fresh this replica is
 *   anti-entropy, upkeep last               nothing waits for them; upkeep begins with truncation and ends with the scrub
 */
export const ORDER = [
  'intake',
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
  'census',
  'idempotency',
  'tombstones',
  'expiry',
  'scrub',
] as const;

export type PartName = (typeof ORDER)[number];
