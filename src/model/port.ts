// The ports: what the host needs from the outside world. Production implements them in adapters/,
// the simulator in test/cluster/; one contract suite per port tests both.

import type { Command } from './command.ts';
import type { Lsn, NoteFields, RangeRequest, RangeResult } from './effect.ts';
import type { Message } from './message.ts';
import type { Metrics } from './metrics.ts';
import type { SessionFacts } from './session.ts';
import type { ReplicaState } from './status.ts';

/** A point read that the storage could not answer: damaged block, I/O error. Never "absent". */
export const UNREADABLE: unique symbol = Symbol('unreadable');

export type PointRead = Uint8Array | undefined | typeof UNREADABLE;

/** An atomic batch; `values[i]` undefined deletes `keys[i]`. */
export interface Batch {
  readonly keys: readonly Uint8Array[];
  readonly values: readonly (Uint8Array | undefined)[];
}

export interface Storage {
  /** Synchronous. Sees every batch whose commit has completed. */
  get(key: Uint8Array): PointRead;
  /**
   * Makes a batch durable, all or nothing, and calls `done` once. At most one commit is in progress
   * at a time. After one failure the storage is poisoned and every later commit fails (rule S4 in
   * docs/storage.md); the outcome of the failed batch is unknown.
   */
  commit(batch: Batch, done: (failure: string | undefined) => void): void;
  range(request: RangeRequest, done: (result: RangeResult) => void): void;
  clear(from: Uint8Array, to: Uint8Array, done: (failure: string | undefined) => void): void;
}

export interface NetworkHandler {
  /** The peer is authenticated; both sides begin with `hello`. */
  onConnected(peer: number): void;
  onMessage(peer: number, message: Message): void;
  /** Every undelivered message in either direction may be lost. */
  onDisconnected(peer: number): void;
}

/** Ordered, unreliable only by disconnection. Peers are member indexes. */
export interface Network {
  start(handler: NetworkHandler): void;
  /** Queues a message. Beyond the peer's bound the connection is dropped: the log is the buffer. */
  send(peer: number, message: Message): void;
  /** Sends everything queued since the last flush, one frame to each peer. */
  flush(): void;
}

export interface Clock {
  wallMs(): number;
  monoMs(): number;
}

export interface Scheduler {
  /** Runs once, after the events that are ready now. */
  soon(run: () => void): void;
  /** Runs once, not before `delayMs`; replaces an earlier request. Infinity cancels it. */
  arm(delayMs: number, run: () => void): void;
}

/** Where notes and measurements of the host go. */
export interface Trace {
  note(level: 'info' | 'warn' | 'error', event: string, fields: NoteFields): void;
  /** The commit of `lsn` took `ms` and wrote `operations` keys. */
  committed(lsn: Lsn, operations: number, ms: number): void;
}

/** What the HTTP API needs of the running replica; host/host.ts is it. */
export interface ReplicaService {
  /** Takes a command; its client is always answered: `overloaded` at once if the inbox is full. */
  submit(command: Command): void;
  readonly state: ReplicaState;
  readonly metrics: Metrics;
  readonly sessions: SessionFacts;
}
