// The configuration of the core: every bound, window and period of the floors below the host, with
// its unit in the name. config/load.ts fills it from flags, environment and file, and documents
// each entry.

import type { Member } from './quorum.ts';
import type { ReplicaId } from './id.ts';

export interface Settings {
  readonly self: ReplicaId;
  /** All replicas, this one included, sorted by id. */
  readonly members: readonly Member[];
  /** Base URL at which clients reach this replica, or ''. */
  readonly clientUrl: string;
  /** A commit that takes longer makes the replica unready, and is logged. */
  readonly commitStallMs: number;
  /**
   * How far a clock may be from that of a majority before the replica stops stamping writes; stamps
   * further ahead wait.
   */
  readonly clockDriftMaxMs: number;
  readonly heartbeatMs: number;
  /** A peer that sent nothing for this long is treated as gone. */
  readonly peerTimeoutMs: number;
  /**
   * How long a starting replica that has heard a majority waits for the other members' knowledge of
   * it.
   */
  readonly bootGraceMs: number;
  /** How long it waits for a majority before it begins without one. */
  readonly helloWaitMs: number;
  /** Commands and messages taken into one turn. The rest waits for the next. */
  readonly turnInputsMax: number;
  /** Inputs waiting for a turn. Beyond it commands are answered `overloaded`. */
  readonly inboxMax: number;
  /**
   * Messages of peers that wait for a turn. Beyond it they are dropped, and later sent or asked for
   * again.
   */
  readonly messagesMax: number;
  /** Writes waiting for copies. Beyond it new ones are answered `overloaded`. */
  readonly writesPendingMax: number;
  /** Reads waiting for peers. Beyond it new ones are answered `overloaded`. */
  readonly readsPendingMax: number;
  /**
   * Bytes of all lists in preparation, and of the versions named to peers for theirs
   * (list-room.ts).
   */
  readonly listsHeldBytesMax: number;
  /** Bytes of records kept in memory; the oldest generation is dropped. */
  readonly cacheBytes: number;
  /**
   * Encoded bytes of recent log entries kept in memory for peers; older ones are read from storage.
   * An entry costs about 430 bytes besides, so small ones take four times as much memory.
   */
  readonly tailBytes: number;
  /** Bytes of entries that a peer may send to us before we acknowledge them. */
  readonly windowBytes: number;
  /** Bytes of entries in one message. */
  readonly frameBytes: number;
  /** How long an idempotency key is remembered. */
  readonly idempotencyMs: number;
  /** Entries kept in the log below the stable cut. */
  readonly logRetainEntries: number;
  /** The least number of entries that a truncation removes: a truncation costs a write. */
  readonly logTruncateEntries: number;
  /**
   * A checkpoint begins when this many bytes of records are only in memory and in the logs, when
   * this many entries were logged since the last one began, or when this much time has passed.
   */
  readonly checkpointBytes: number;
  readonly checkpointEntries: number;
  readonly checkpointMs: number;
  /** The least bytes of records in a piece of a checkpoint. */
  readonly checkpointPieceBytes: number;
  /** From the start of the process to the first scrub, and from one scrub to the next. */
  readonly scrubDelayMs: number;
  readonly scrubEveryMs: number;
  /**
   * Snapshots that this replica may begin to copy in an hour, when the logs no longer reach back;
   * at least 1.
   */
  readonly copiesPerHour: number;
  /** From one comparison with a peer by hash tree to the next. */
  readonly compareEveryMs: number;
  /** The most bytes that one such comparison may move, in both directions. */
  readonly compareBytes: number;
}

export const SETTINGS_DEFAULT: Omit<Settings, 'self' | 'members'> = {
  clientUrl: '',
  commitStallMs: 2000,
  clockDriftMaxMs: 500,
  heartbeatMs: 200,
  peerTimeoutMs: 3000,
  bootGraceMs: 300,
  helloWaitMs: 3000,
  turnInputsMax: 1024,
  inboxMax: 16_384,
  messagesMax: 65_536,
  writesPendingMax: 16_384,
  readsPendingMax: 16_384,
  listsHeldBytesMax: 64 * 1024 * 1024,
  cacheBytes: 24 * 1024 * 1024,
  tailBytes: 4 * 1024 * 1024,
  windowBytes: 4 * 1024 * 1024,
  frameBytes: 256 * 1024,
  idempotencyMs: 24 * 3600 * 1000,
  logRetainEntries: 10_000,
  logTruncateEntries: 1000,
  checkpointBytes: 8 * 1024 * 1024,
  checkpointEntries: 32_768,
  checkpointMs: 5000,
  checkpointPieceBytes: 64 * 1024,
  scrubDelayMs: 10 * 60 * 1000,
  scrubEveryMs: 6 * 3600 * 1000,
  copiesPerHour: 12,
  compareEveryMs: 30 * 1000,
  compareBytes: 8 * 1024 * 1024,
};
