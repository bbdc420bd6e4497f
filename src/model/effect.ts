// The only door into the core and the only door out. An input is something that happened; an outbox collects what the
// core wants done about it. Writes made while the host assembles a batch all belong to the same log sequence number
// (LSN); a reply names the LSN that must be durable before it may leave, 0 when it depends on nothing undurable.
//
// Order is part of the contract: commit, then send and reply. The host keeps it (host/turn.ts).

import type { Asker, Command, Reply } from './command.ts';
import type { DiskRoom } from './disk.ts';
import type { Message } from './message.ts';
import type { Record } from './record.ts';
import type { Timer } from './timer.ts';

/** Numbers the batches of one process life, from 1. */
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
  /** Stops after this many entries or bytes, whichever comes first; at least one entry is given if there is one. */
  readonly limit: number;
  readonly bytesMax: number;
  /** Of stored records: each comes without its value, which is let go as soon as it was checked. */
  readonly headsOnly?: true;
}

/** What goes in the place of a message that may not wait for its batch any longer. */
export interface LateMessage {
  readonly atMs: number;
  readonly message: () => Message;
}

export interface RangeEntry {
  readonly key: Uint8Array;
  /** Empty where `head` is there. */
  readonly value: Uint8Array;
  /** With `headsOnly`: the record without its value. What is no intact record comes as it is stored. */
  readonly head?: Record;
}

/** How much one read takes at most, and from which end; forwards and READ_ENTRIES_MAX entries unless it says otherwise. */
export interface ReadLimits {
  readonly bytesMax: number;
  readonly limit?: number | undefined;
  readonly reverse?: boolean | undefined;
  readonly headsOnly?: true | undefined;
}

export const READ_ENTRIES_MAX = 8192;

/** `more` is true when the range holds further entries. */
export type RangeResult =
  | { readonly ok: true; readonly entries: readonly RangeEntry[]; readonly more: boolean }
  | { readonly ok: false; readonly reason: string };

/** Gets what it has read. It may have ended meanwhile, and drops the result then. */
export interface ReadOwner {
  onRead(result: RangeResult, turn: Turn): void;
}

export type Input =
  | { readonly kind: 'command'; readonly command: Command }
  | { readonly kind: 'message'; readonly peer: number; readonly message: Message }
  | { readonly kind: 'connected'; readonly peer: number }
  | { readonly kind: 'disconnected'; readonly peer: number }
  /** The batch is about to be committed: the last moment to add to it. */
  | { readonly kind: 'seal' }
  | { readonly kind: 'durable'; readonly lsn: Lsn }
  | { readonly kind: 'read'; readonly owner: ReadOwner; readonly result: RangeResult }
  | { readonly kind: 'storage-failed'; readonly reason: string }
  | { readonly kind: 'disk'; readonly room: DiskRoom }
  | { readonly kind: 'drain' }
  /** A halt was asked for: until what was written before is durable, only storage and deadlines count. */
  | { readonly kind: 'halting' }
  /** The host stops for good: every waiting caller is answered. */
  | { readonly kind: 'stop' }
  | { readonly kind: 'tick' };

/** What a part of the core can do about an input, without knowing the time. */
export interface Outbox {
  /** The LSN of the batch that a write made now belongs to. */
  readonly lsn: Lsn;
  put(key: Uint8Array, value: Uint8Array): void;
  del(key: Uint8Array): void;
  /** Reads a range in the background; its owner gets the result in a later turn. */
  read(
    span: { readonly from: Uint8Array; readonly to: Uint8Array },
    limits: ReadLimits,
    owner: ReadOwner,
  ): void;
  /** Removes a range in the background. Not part of the batch: only for what nothing refers to any more. */
  clear(from: Uint8Array, to: Uint8Array): void;
  /**
   * The message leaves when the batch of `lsn` is durable, and never over a later connection; 0: at once. `late` says what
   * goes in its place where that takes long. Without it the message is dropped where too many are held already.
   */
  send(peer: number, message: Message, lsn?: Lsn, late?: LateMessage): void;
  /**
   * The reply leaves when the batch of `lsn` is durable; 0: with this turn. `deadlineMs`, in monotonic time: a fault goes in
   * its place where the batch is not durable by then. Left out: it is held until the batch is durable or has failed, which
   * is only for what depends on none.
   */
  reply(to: Asker, reply: Reply, lsn: Lsn, deadlineMs?: number): void;
  /** Something an operator should see. Fields hold no keys, values or secrets. */
  note(level: 'info' | 'warn' | 'error', event: string, fields: NoteFields): void;
  /** This life ends: the host stops the replica when what it wrote is durable. */
  halt(reason: string, ending?: Ending): void;
}

/**
 * What every step gets: the time and the ways out. One object that the host uses again for every turn, so it is passed on
 * and never kept; what is kept of it is a value, as `turn.now`.
 */
export interface Turn extends Outbox {
  /** The host sets what its clocks show before each step; the door of the core replaces that by the agreed time. */
  now: Now;
  /** A tick comes at `atMs`, in monotonic time, or earlier where the timer is armed for an earlier time. */
  arm(timer: Timer, atMs: number): void;
  disarm(timer: Timer): void;
  /** Whether the timer is due; it has to be armed again then. */
  takeDue(timer: Timer): boolean;
}

/**
 * What comes after a halt. `restart`: a promise of the environment was broken, and the process must begin anew.
 * `renewed`: the members have changed, and a new life begins with them. `forgotten`: this replica is no member any more,
 * and its data must never serve again. `damaged`: what is stored is not whole, and a restart would find the same.
 */
export type Ending = 'restart' | 'renewed' | 'forgotten' | 'damaged';

export type NoteFields = { readonly [name: string]: string | number | boolean };
