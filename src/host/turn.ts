// One turn: the time, and the effects that the core requests, in arrays that are reused. Keys and
// values are collected until a batch is taken; the rest is drained at the end of each turn.

import { assert } from '../base/assert.ts';
import {
  type AnswerOwner,
  type Asker,
  type Ending,
  type LateMessage,
  type Lsn,
  type NoteFields,
  type Now,
  READ_ENTRIES_MAX,
  type RangeRequest,
  type ReadLimits,
  type ReadOwner,
  type Turn,
} from '../model/effect.ts';
import type { Message } from '../model/message.ts';
import { PeerQuestion, refusalOf } from '../model/peer-question.ts';
import type { Batch } from '../model/port.ts';
import type { Client, Reply } from '../model/reply.ts';
import { type Timer, Timers } from '../model/timer.ts';

export interface HeldReply {
  readonly kind: 'reply';
  readonly client: Client | AnswerOwner;
  readonly reply: Reply;
  readonly lsn: Lsn;
  /** Until when it may be held, and since when it is held, in monotonic time. */
  readonly deadlineMs: number;
  readonly sinceMs: number;
}

export interface HeldMessage {
  readonly kind: 'message';
  readonly peer: number;
  readonly message: Message;
  readonly lsn: Lsn;
  readonly late: LateMessage | undefined;
}

export type Outgoing = HeldReply | HeldMessage;

export class HostTurn implements Turn {
  readonly timers: Timers;
  now: Now = { wallMs: 0, monoMs: 0 };
  lsn: Lsn = 1;
  /** Batches up to here are durable: what depends on them may leave. */
  durable: Lsn = 0;
  readonly peers: number[] = [];
  readonly messages: Message[] = [];
  readonly replies: { readonly client: Client; readonly reply: Reply }[] = [];
  /** Replies to questions of the replica's own parts. */
  readonly answers: { readonly owner: AnswerOwner; readonly reply: Reply }[] = [];
  /** Messages and replies that depend on a batch which is not durable yet. */
  readonly gated: Outgoing[] = [];
  readonly reads: { readonly request: RangeRequest; readonly owner: ReadOwner }[] = [];
  readonly clears: { readonly from: Uint8Array; readonly to: Uint8Array }[] = [];
  readonly notes: {
    readonly level: 'info' | 'warn' | 'error';
    readonly event: string;
    readonly fields: NoteFields;
  }[] = [];
  haltReason: string | undefined;
  ending: Ending = 'restart';
  #keys: Uint8Array[] = [];
  #values: (Uint8Array | undefined)[] = [];
  #isAwaitingSeal = false;

  get hasWrites(): boolean {
    return this.#isAwaitingSeal || this.#keys.length > 0;
  }

  constructor(timers = new Timers()) {
    this.timers = timers;
  }

  /** The same turn, at this time. */
  at(now: Now): this {
    this.now = now;
    return this;
  }

  /** The batch of the current LSN; later writes belong to the next. */
  takeBatch(): Batch {
    assert(this.#keys.length === this.#values.length, 'turn: each key has its value');
    assert(this.lsn > this.durable, 'turn: a batch is written before it is durable');
    const batch = { keys: this.#keys, values: this.#values };
    this.#keys = [];
    this.#values = [];
    this.#isAwaitingSeal = false;
    this.lsn++;
    return batch;
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#keys.push(key);
    this.#values.push(value);
  }

  del(key: Uint8Array): void {
    this.#keys.push(key);
    this.#values.push(undefined);
  }

  awaitSeal(): void {
    this.#isAwaitingSeal = true;
  }

  read(
    { from, to }: Pick<RangeRequest, 'from' | 'to'>,
    { bytesMax, limit = READ_ENTRIES_MAX, reverse = false, headsOnly }: ReadLimits,
    owner: ReadOwner,
  ): void {
    const request = { from, to, reverse, limit, bytesMax };
    this.reads.push({ request: headsOnly ? { ...request, headsOnly } : request, owner });
  }

  clear(from: Uint8Array, to: Uint8Array): void {
    this.clears.push({ from, to });
  }

  send(peer: number, message: Message, lsn: Lsn = 0, late?: LateMessage): void {
    if (lsn > this.durable) {
      assert(lsn <= this.lsn, 'turn: a message depends on a batch that there is');
      this.gated.push({ kind: 'message', peer, message, lsn, late });
      return;
    }
    this.peers.push(peer);
    this.messages.push(message);
  }

  reply(to: Asker, reply: Reply, lsn: Lsn, deadlineMs = Number.POSITIVE_INFINITY): void {
    if (to instanceof PeerQuestion) {
      this.#sendAnswer(to, reply, lsn, deadlineMs);
    } else if (lsn > this.durable) {
      assert(lsn <= this.lsn, 'turn: a reply depends on a batch that there is');
      const sinceMs = this.now.monoMs;
      this.gated.push({ kind: 'reply', client: to, reply, lsn, deadlineMs, sinceMs });
    } else if ('onAnswer' in to) {
      this.answers.push({ owner: to, reply });
    } else {
      this.replies.push({ client: to, reply });
    }
  }

  #sendAnswer(to: PeerQuestion, reply: Reply, lsn: Lsn, atMs: number): void {
    const answer = to.answer(reply);
    if (answer === undefined) return;
    this.send(to.peer, answer, lsn, { atMs, message: () => refusalOf(to.id, 'timeout') });
  }

  arm(timer: Timer, atMs: number): void {
    this.timers.arm(timer, atMs);
  }

  disarm(timer: Timer): void {
    this.timers.disarm(timer);
  }

  takeDue(timer: Timer): boolean {
    return this.timers.takeDue(timer, this.now.monoMs);
  }

  note(level: 'info' | 'warn' | 'error', event: string, fields: NoteFields): void {
    this.notes.push({ level, event, fields });
  }

  halt(reason: string, ending: Ending = 'restart'): void {
    if (this.haltReason !== undefined) return;
    this.haltReason = reason;
    this.ending = ending;
  }
}
