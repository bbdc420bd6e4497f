// Durable before visible: holds each message and each reply until the batch that it depends on is durable, then lets it go in
// order. A reply that says how stale it is grows staler while it is held.
//
// A disk that hangs holds replies longer than their clients wait. At its deadline a held reply is replaced by a fault that is
// true whatever becomes of the batch: a read, or a write that was refused, has had no effect (`timeout`); anything else may
// have been done (`outcome-unknown`). Deadlines are looked at every SWEEP_MS at most, so that a queue of many is not gone
// through once for each of them.
//
// A message that names another to go in its place is replaced by that at its time. A message belongs to the connection over
// which it would have gone: the end of that forgets it.
//
// Bound: HELD_MAX replies and as many messages. Beyond it a read or a refusal is answered `overloaded` at once, and the other
// replies are few; a message is replaced at once, or dropped where nothing can replace it, as the network may drop any.

import { assert } from '../base/assert.ts';
import { createRing } from '../base/ring.ts';
import type { Reply } from '../model/command.ts';
import type { Lsn } from '../model/effect.ts';
import { type Fault, fault } from '../model/fault.ts';
import type { HandOver } from './hand-over.ts';
import type { HostTurn, OutgoingMessage, OutgoingReply } from './turn.ts';

interface Held extends OutgoingReply {
  readonly sinceMs: number;
}

const HELD_MAX = 16_384;
const SWEEP_MS = 5;

export class Gate {
  readonly #held = createRing<Held>(256);
  readonly #messages = createRing<OutgoingMessage>();
  readonly #hand: HandOver;
  readonly #heldMax: number;
  #durable: Lsn = 0;
  #dueMs = Number.POSITIVE_INFINITY;

  constructor(hand: HandOver, heldMax = HELD_MAX) {
    this.#hand = hand;
    this.#heldMax = heldMax;
  }

  /** Replies that wait for their batch. */
  get waiting(): number {
    return this.#held.size;
  }

  /** When to look for what is past its deadline; may be early. */
  get timerMs(): number {
    return Math.min(this.#dueMs, this.#lateMs);
  }

  /** The first message that can be late: they are held in the order of time. */
  get #lateMs(): number {
    for (let n = 0; n < this.#messages.size; n++) {
      const { late } = this.#messages.at(n);
      if (late !== undefined) return late.atMs;
    }
    return Number.POSITIVE_INFINITY;
  }

  /** A message that rests on a batch which is not durable. */
  hold(outgoing: OutgoingMessage, turn: HostTurn): void {
    const { peer, late } = outgoing;
    if (this.#messages.size < this.#heldMax) this.#messages.push(outgoing);
    else if (late !== undefined) turn.send(peer, late.message());
  }

  /** A connection has ended, or begins: what was meant for it goes nowhere. */
  forget(peer: number): void {
    for (let left = this.#messages.size; left > 0; left--) {
      const held = this.#messages.shift() as OutgoingMessage;
      if (held.peer !== peer) this.#messages.push(held);
    }
  }

  pass(outgoing: OutgoingReply, nowMs: number): void {
    const { client, reply, lsn, deadlineMs } = outgoing;
    if (lsn <= this.#durable) {
      this.#hand.give(client, reply);
    } else if (this.#held.size >= this.#heldMax && hasNoEffect(reply)) {
      this.#hand.give(client, { kind: 'failed', fault: fullFault(this.#heldMax) });
    } else {
      this.#held.push({ client, reply, lsn, deadlineMs, sinceMs: nowMs });
      if (deadlineMs < this.#dueMs) this.#dueMs = deadlineMs;
    }
  }

  /** Batches up to `lsn` are durable. */
  open(lsn: Lsn, turn: HostTurn): void {
    const { monoMs: nowMs } = turn.now;
    assert(lsn > this.#durable, 'gate: batches become durable once, in their order');
    this.#durable = lsn;
    turn.durable = lsn;
    while (this.#messages.size > 0 && this.#messages.at(0).lsn <= lsn) {
      const { peer, message } = this.#messages.shift() as OutgoingMessage;
      turn.send(peer, message);
    }
    while (this.#held.size > 0 && this.#held.at(0).lsn <= lsn) {
      const { client, reply, sinceMs } = this.#held.shift() as Held;
      this.#hand.give(client, aged(reply, nowMs - sinceMs));
    }
    if (this.#held.size === 0) this.#dueMs = Number.POSITIVE_INFINITY;
  }

  /** Answers and replaces what is past its deadline; the others stay in their order. */
  expire(turn: HostTurn): void {
    const { monoMs: nowMs } = turn.now;
    if (this.#lateMs <= nowMs) this.#replace(turn);
    if (this.#dueMs <= nowMs) this.#expireReplies(nowMs);
  }

  #replace(turn: HostTurn): void {
    for (let left = this.#messages.size; left > 0; left--) {
      const held = this.#messages.shift() as OutgoingMessage;
      const { peer, late } = held;
      if (late !== undefined && late.atMs <= turn.now.monoMs) turn.send(peer, late.message());
      else this.#messages.push(held);
    }
  }

  #expireReplies(nowMs: number): void {
    let nextMs = Number.POSITIVE_INFINITY;
    for (let left = this.#held.size; left > 0; left--) {
      const held = this.#held.shift() as Held;
      if (held.deadlineMs <= nowMs) {
        this.#hand.give(held.client, { kind: 'failed', fault: lateFault(held.reply) });
      } else {
        this.#held.push(held);
        nextMs = Math.min(nextMs, held.deadlineMs);
      }
    }
    this.#dueMs = Math.max(nextMs, nowMs + SWEEP_MS);
    if (this.#held.size === 0) this.#dueMs = Number.POSITIVE_INFINITY;
  }

  /** The storage failed: what is held rests on something that may not exist. */
  failAll(): void {
    this.#messages.clear();
    const failure = fault('storage-failed', 'the storage of this replica has failed');
    for (let held = this.#held.shift(); held !== undefined; held = this.#held.shift()) {
      this.#hand.give(held.client, { kind: 'failed', fault: failure });
    }
    this.#dueMs = Number.POSITIVE_INFINITY;
  }
}

/** Of what is held, reads and refusals; what else is held says that something was done. */
function hasNoEffect({ kind }: Reply): boolean {
  return kind === 'found' || kind === 'absent' || kind === 'explained' || kind === 'failed';
}

function lateFault(reply: Reply): Fault {
  if (!hasNoEffect(reply))
    return fault('outcome-unknown', 'the disk of this replica did not confirm the change in time');
  if (reply.kind !== 'failed') return fault('timeout', LATE);
  return fault('timeout', `nothing was written: what the request depends on is not durable here`);
}

const LATE =
  'the version that this replica holds did not become durable in time; another replica may answer';

function fullFault(heldMax: number): Fault {
  const detail = `${heldMax} replies wait for the disk of this replica already`;
  return fault('overloaded', detail, { retryAfterMs: 1000 });
}

function aged(reply: Reply, ms: number): Reply {
  if (reply.kind !== 'found' && reply.kind !== 'absent') return reply;
  const { stalenessMs } = reply;
  return stalenessMs === 'unknown' ? reply : { ...reply, stalenessMs: stalenessMs + ms };
}
