// Durable before visible: holds each message and each reply until the batch that it depends on is
// durable, then lets it go in order. A reply that says how stale it is grows staler while it is
// held.
//
// A disk that hangs holds replies longer than their clients wait. At its deadline a held reply is
// replaced by a fault that is true whatever becomes of the batch: a read, or a write that was
// refused, has had no effect (`timeout`); anything else may have been done (`outcome-unknown`). A
// message that names another to go in its place is replaced by that at its time. Deadlines are
// looked at every SWEEP_MS at most, so that a queue of many is not gone through once for each of
// them.
//
// A message belongs to the connection over which it would have gone: the end of that connection
// drops it.
//
// Bound: HELD_MAX messages and replies together. Beyond it a read or a refusal is answered
// `overloaded` at once, and the other replies are few; a message is replaced at once, or dropped
// where nothing can replace it, as the network may drop any.
//
// Invariants: (1) batches become durable once, in their order; (2) nothing is held that depends on
// a durable batch.

import { assert, present } from '../base/assert.ts';
import { createRing } from '../base/ring.ts';
import type { Lsn } from '../model/effect.ts';
import { type Fault, fault } from '../model/fault.ts';
import type { Reply } from '../model/reply.ts';
import { agedReply } from './answer-age.ts';
import type { HostTurn, Outgoing } from './turn.ts';

const HELD_MAX = 32_768;
const SWEEP_MS = 5;
const NEVER = Number.POSITIVE_INFINITY;

export class Gate {
  readonly #held = createRing<Outgoing>(256);
  readonly #heldMax: number;
  #replies = 0;
  #durable: Lsn = 0;
  #dueMs = NEVER;

  constructor(heldMax = HELD_MAX) {
    this.#heldMax = heldMax;
  }

  /** Replies that wait for their batch. */
  get waiting(): number {
    return this.#replies;
  }

  /** When to check for missed deadlines; may be early. */
  get timerMs(): number {
    return this.#dueMs;
  }

  /** Holds a message or a reply that depends on a batch which is not durable. */
  hold(outgoing: Outgoing, turn: HostTurn): void {
    assert(outgoing.lsn > this.#durable, 'gate (2): what depends on a durable batch is not held');
    const mustStay = outgoing.kind === 'reply' && !hasNoEffect(outgoing.reply);
    if (this.#held.size >= this.#heldMax && !mustStay) return this.#turnAway(outgoing, turn);
    this.#push(outgoing);
    this.#dueMs = Math.min(this.#dueMs, dueMsOf(outgoing));
  }

  /** A connection has ended, or another one begins: messages for the old one are dropped. */
  forget(peer: number): void {
    for (let left = this.#held.size; left > 0; left--) {
      const held = this.#shift();
      if (held.kind === 'reply' || held.peer !== peer) this.#push(held);
    }
  }

  /** Batches up to `lsn` are durable: what waited for them is sent with this turn. */
  open(lsn: Lsn, turn: HostTurn): void {
    assert(lsn > this.#durable, 'gate (1): batches become durable once, in their order');
    this.#durable = lsn;
    turn.durable = lsn;
    while (this.#held.size > 0 && this.#held.at(0).lsn <= lsn) release(this.#shift(), turn);
    if (this.#held.size === 0) this.#dueMs = NEVER;
  }

  /** Answers and replaces items past their deadline; the others stay in their order. */
  expire(turn: HostTurn): void {
    const { monoMs } = turn.now;
    if (this.#dueMs > monoMs) return;
    let nextMs = NEVER;
    for (let left = this.#held.size; left > 0; left--) {
      const held = this.#shift();
      const dueMs = dueMsOf(held);
      if (dueMs <= monoMs) {
        replace(held, turn);
      } else {
        this.#push(held);
        nextMs = Math.min(nextMs, dueMs);
      }
    }
    this.#dueMs = nextMs === NEVER ? NEVER : Math.max(nextMs, monoMs + SWEEP_MS);
  }

  /** The storage failed: held items depend on batches that may not exist. */
  failAll(turn: HostTurn): void {
    const failure = fault('storage-failed', 'the storage of this replica has failed');
    while (this.#held.size > 0) {
      const held = this.#shift();
      if (held.kind === 'reply') turn.reply(held.client, { kind: 'failed', fault: failure }, 0);
    }
    this.#dueMs = NEVER;
  }

  #turnAway(outgoing: Outgoing, turn: HostTurn): void {
    if (outgoing.kind === 'message') return replace(outgoing, turn);
    turn.reply(outgoing.client, { kind: 'failed', fault: fullFault(this.#heldMax) }, 0);
  }

  #push(held: Outgoing): void {
    this.#held.push(held);
    if (held.kind === 'reply') this.#replies++;
  }

  #shift(): Outgoing {
    const held = present(this.#held.shift(), 'gate: something is held');
    if (held.kind === 'reply') this.#replies--;
    assert(this.#replies >= 0, 'gate: replies that are held are counted');
    assert(this.#replies <= this.#held.size, 'gate: a reply that is counted is held');
    return held;
  }
}

function dueMsOf(held: Outgoing): number {
  return held.kind === 'reply' ? held.deadlineMs : (held.late?.atMs ?? NEVER);
}

function release(held: Outgoing, turn: HostTurn): void {
  if (held.kind === 'message') return turn.send(held.peer, held.message);
  turn.reply(held.client, agedReply(held.reply, turn.now.monoMs - held.sinceMs), 0);
}

/** The message to send instead now; nothing if it has no replacement. */
function replace(held: Outgoing, turn: HostTurn): void {
  if (held.kind === 'reply')
    return turn.reply(held.client, { kind: 'failed', fault: lateFault(held.reply) }, 0);
  if (held.late !== undefined) turn.send(held.peer, held.late.message());
}

/** A read or a refusal. Any other held reply says that something was done. */
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
  const detail = `${heldMax} answers wait for the disk of this replica already; nothing was done, try again`;
  return fault('overloaded', detail, { retryAfterMs: 1000 });
}
