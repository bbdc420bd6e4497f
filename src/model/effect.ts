// The only way into the core and the only way out. An input is something that happened; an outbox
// collects the effects that the core requests. Writes made while the host assembles a batch all
// belong to the same log sequence number (LSN); a reply names the LSN that must be durable before
// it may leave, 0 if it depends on no undurable write.
//
// Order is part of the contract: commit, then send and reply. The host keeps it (host/turn.ts).

import type { Command } from './command.ts';
import type { DiskRoom } from './disk.ts';
import type { Message } from './message.ts';
import type { PeerQuestion } from './peer-question.ts';
import type { Record } from './record.ts';
import type { Client, Reply } from './reply.ts';
import type { Timer } from './timer.ts';

/** Numbers the batches of one process, from 1. */
export type Lsn = number;

/** Both clocks, read once per turn. The monotonic one measures, the wall clock only labels. */
export interface Now {
  readonly wallMs: number;
  readonly monoMs: number;
}

/** A range of stored keys: [from, to), in bytes order, for the storage port. */
export interface RangeRequest {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  readonly reverse: boolean;
  /**
   * Stops after this many entries or bytes, whichever comes first; returns at least one entry if
   * there is one.
   */
  readonly limit: number;
  readonly bytesMax: number;
  /** For stored records: each comes without its value, which is freed as soon as it is verified. */
  readonly headsOnly?: true;
}

/** The message that is sent instead of one that may not wait for its batch any longer. */
export interface LateMessage {
  readonly atMs: number;
  readonly message: () => Message;
}

export interface RangeEntry {
  readonly key: Uint8Array;
  /** Empty if `head` is set. */
  readonly value: Uint8Array;
  /** With `headsOnly`: the record without its value. A damaged record comes as it is stored. */
  readonly head?: Record;
}

/** The bound of one read, and its direction; forwards and READ_ENTRIES_MAX entries by default. */
export interface ReadLimits {
  readonly bytesMax: number;
  readonly limit?: number | undefined;
  readonly reverse?: boolean | undefined;
  readonly headsOnly?: true | undefined;
}

export const READ_ENTRIES_MAX = 8192;

/**
 * `more` is true when the range holds further entries. `stored`: what storage holds there, where
 * the entries are records as memory shows them (store/record-reads.ts).
 */
export type RangeResult =
  | {
      readonly ok: true;
      readonly entries: readonly RangeEntry[];
      readonly more: boolean;
      readonly stored?: readonly RangeEntry[];
    }
  | { readonly ok: false; readonly reason: string };

/** The owner of a read, which gets the result. An owner that has ended drops it. */
export interface ReadOwner {
  onRead(result: RangeResult, turn: Turn): void;
}

/**
 * A part of this replica that asks in the place of a client, such as a write that reads the keys of
 * its conditions. It gets the reply in a step of a later turn. An owner that has ended drops it.
 */
export interface AnswerOwner {
  onAnswer(reply: Reply, turn: Turn): void;
}

/**
 * Where the reply to a read goes: to a client, to a part of this replica, or to a peer that asks
 * instead of its client.
 */
export type Asker = Client | AnswerOwner | PeerQuestion;

export type Input =
  | { readonly kind: 'command'; readonly command: Command }
  | { readonly kind: 'message'; readonly peer: number; readonly message: Message }
  | { readonly kind: 'connected'; readonly peer: number }
  | { readonly kind: 'disconnected'; readonly peer: number }
  /** The batch is about to be committed: the last chance to add to it. */
  | { readonly kind: 'seal' }
  | { readonly kind: 'durable'; readonly lsn: Lsn }
  | { readonly kind: 'read'; readonly owner: ReadOwner; readonly result: RangeResult }
  | { readonly kind: 'answer'; readonly owner: AnswerOwner; readonly reply: Reply }
  | { readonly kind: 'storage-failed'; readonly reason: string }
  | { readonly kind: 'disk'; readonly room: DiskRoom }
  /** The process is to end: accepted requests are finished, and no new ones are accepted. */
  | { readonly kind: 'shut-down' }
  /** The process ends next: no input arrives any more, and the table is written to disk. */
  | { readonly kind: 'checkpoint' }
  /**
   * A halt was requested: until earlier writes are durable, only storage and deadlines are handled.
   */
  | { readonly kind: 'halting' }
  /** The host stops for good: every waiting client is answered. */
  | { readonly kind: 'stop' }
  | { readonly kind: 'tick' };

/** What a part of the core can do about an input, without the time. */
export interface Outbox {
  /** The LSN of the batch that a write made now belongs to. */
  readonly lsn: Lsn;
  put(key: Uint8Array, value: Uint8Array): void;
  del(key: Uint8Array): void;
  /**
   * Asks to be called when the batch is sealed, and so for a commit even if nothing else is put
   * into the batch.
   */
  awaitSeal(): void;
  /** Reads a range in the background; its owner gets the result in a later turn. */
  read(
    span: { readonly from: Uint8Array; readonly to: Uint8Array },
    limits: ReadLimits,
    owner: ReadOwner,
  ): void;
  /**
   * Removes a range in the background, outside of the batch: only for keys that no record refers
   * to.
   */
  clear(from: Uint8Array, to: Uint8Array): void;
  /**
   * The message leaves when the batch of `lsn` is durable, and never over a later connection; 0: at
   * once. If that takes long, `late` makes the message that is sent instead. Without `late` the
   * message is dropped when too many are held already.
   */
  send(peer: number, message: Message, lsn?: Lsn, late?: LateMessage): void;
  /**
   * The reply leaves when the batch of `lsn` is durable; 0: with this turn. `deadlineMs`, in
   * monotonic time: if the batch is not durable by then, a fault is sent instead. Without a
   * deadline it is held until the batch is durable or has failed, which is only for replies that
   * depend on no batch.
   */
  reply(to: Asker, reply: Reply, lsn: Lsn, deadlineMs?: number): void;
  /** A note for operators. Its fields contain no keys, values or secrets. */
  note(level: 'info' | 'warn' | 'error', event: string, fields: NoteFields): void;
  /** This incarnation ends: the host stops the replica when its writes are durable. */
  halt(reason: string, ending?: Ending): void;
}

/**
 * The argument of every step: the time and the ways out. The host uses one object for every turn,
 * so it is passed on and never kept; values such as `turn.now` may be kept.
 */
export interface Turn extends Outbox {
  /**
   * The host sets its clocks' readings before each step; the entry of the core replaces them by the
   * agreed time.
   */
  now: Now;
  /** Asks for a tick at `atMs`, in monotonic time; an earlier time that is already armed stays. */
  arm(timer: Timer, atMs: number): void;
  disarm(timer: Timer): void;
  /** Whether the timer is due; it has to be armed again then. */
  takeDue(timer: Timer): boolean;
}

/**
 * What follows a halt. `restart`: a promise of the environment was broken, and the process must
 * start again. `renewed`: the members have changed, and a new incarnation begins with them.
 * `forgotten`: this replica is no member any more, and its data must never be served again.
 * `damaged`: the stored data is not whole, and a restart would find the same.
 */
export type Ending = 'restart' | 'renewed' | 'forgotten' | 'damaged';

export type NoteFields = { readonly [name: string]: string | number | boolean };
