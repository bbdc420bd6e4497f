// Writes that wait for copies. A write is a place in this replica's log; a peer's cumulative acknowledgement is a
// cursor that passes it, and one vote. Writes wait in log order, so a cursor only ever looks at what it newly passed.
//
//   waiting -> won       enough cursors have passed: answered `written`
//   waiting -> expired   the deadline came first: answered `outcome-unknown`; the mutation stays and replicates on
//
// Invariants: (1) the queue is in the order of the log; (2) each member votes at most once per write; (3) every write
// that entered is answered exactly once.

import { assert } from '../base/assert.ts';
import { createRing } from '../base/ring.ts';
import type { Client, Written } from '../model/command.ts';
import type { Outbox } from '../model/effect.ts';
import { type Fault, fault } from '../model/fault.ts';
import type { Hlc } from '../model/hlc.ts';
import type { Origin, Seq } from '../model/id.ts';
import type { Metrics } from '../model/metrics.ts';
import type { Requirement } from '../model/quorum.ts';
import { Tally } from './tally.ts';

/** What is known of a write when it begins to wait. */
export interface WriteFacts {
  readonly client: Client;
  readonly origin: Origin;
  readonly seq: Seq;
  readonly hlc: Hlc;
  readonly created: boolean;
  readonly replayed: boolean;
  readonly respondAsync: boolean;
}

export class PendingWrite {
  readonly client: Client;
  readonly origin: Origin;
  readonly seq: Seq;
  readonly hlc: Hlc;
  readonly created: boolean;
  readonly replayed: boolean;
  readonly respondAsync: boolean;
  readonly tally: Tally;
  readonly beganMs: number;
  readonly deadlineMs: number;
  done = false;

  constructor(facts: WriteFacts, requirement: Requirement, nowMs: number, timeoutMs: number) {
    this.client = facts.client;
    this.origin = facts.origin;
    this.seq = facts.seq;
    this.hlc = facts.hlc;
    this.created = facts.created;
    this.replayed = facts.replayed;
    this.respondAsync = facts.respondAsync;
    this.tally = new Tally(requirement);
    this.beganMs = nowMs;
    this.deadlineMs = nowMs + timeoutMs;
  }
}

export class PendingWrites {
  readonly #origin: Origin;
  readonly #self: number;
  readonly #replicas: number;
  readonly #metrics: Metrics;
  readonly #queue = createRing<PendingWrite>(1024);
  /** How many writes ever left the head of the queue, and how many each member's cursor has passed. */
  #shifted = 0;
  readonly #passed: number[];
  #deadlineMs = Number.POSITIVE_INFINITY;
  #waiting = 0;

  constructor(origin: Origin, self: number, replicas: number, metrics: Metrics) {
    this.#origin = origin;
    this.#self = self;
    this.#replicas = replicas;
    this.#metrics = metrics;
    this.#passed = new Array<number>(replicas).fill(0);
  }

  /** Writes that are not answered yet. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Not after the earliest deadline; may be earlier. */
  get deadlineMs(): number {
    return this.#deadlineMs;
  }

  /** Enters a write whose place is behind all that wait. */
  begin(write: PendingWrite): void {
    assert(write.origin === this.#origin, 'pending writes: a write of another origin');
    assert(this.#isBehindAll(write.seq), 'pending writes: out of log order');
    this.#queue.push(write);
    this.#waiting++;
    if (write.deadlineMs < this.#deadlineMs) this.#deadlineMs = write.deadlineMs;
  }

  /** Everything of this origin up to `seq` is durable at `member`. */
  onCursor(member: number, seq: Seq, nowMs: number, out: Outbox): void {
    let index = Math.max((this.#passed[member] as number) - this.#shifted, 0);
    for (; index < this.#queue.size; index++) {
      const write = this.#queue.at(index);
      if (write.seq > seq) break;
      write.tally.accept(member);
      if (!write.done) this.#decide(write, member, nowMs, out);
    }
    this.#passed[member] = this.#shifted + index;
    this.#shiftDone();
  }

  expire(nowMs: number, out: Outbox): void {
    if (nowMs < this.#deadlineMs) return;
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    for (let index = 0; index < this.#queue.size; index++) {
      const write = this.#queue.at(index);
      if (write.done) continue;
      if (write.deadlineMs <= nowMs) this.#fail(write, 'expired', nowMs, out);
      else if (write.deadlineMs < this.#deadlineMs) this.#deadlineMs = write.deadlineMs;
    }
    this.#shiftDone();
  }

  /** The storage failed, or this life ends: nobody here learns what becomes of this. */
  failAll(nowMs: number, out: Outbox): void {
    for (let index = 0; index < this.#queue.size; index++) {
      const write = this.#queue.at(index);
      if (!write.done) this.#fail(write, 'stopped', nowMs, out);
    }
    this.#shiftDone();
  }

  // waiting -> won
  #decide(write: PendingWrite, voter: number, nowMs: number, out: Outbox): void {
    const settled = write.tally.state === 'won';
    const answersNow = write.respondAsync && voter === this.#self;
    if (!settled && !answersNow) return;
    this.#finish(write, nowMs);
    out.reply(write.client, written(write, settled, this.#replicas), 0);
  }

  // waiting -> expired
  #fail(write: PendingWrite, why: Unsettled, nowMs: number, out: Outbox): void {
    this.#finish(write, nowMs);
    this.#metrics.writesIndeterminate++;
    out.reply(write.client, { kind: 'failed', fault: unknownOutcome(write, why) }, 0);
  }

  #finish(write: PendingWrite, nowMs: number): void {
    assert(!write.done, 'pending writes: answered twice');
    write.done = true;
    this.#waiting--;
    this.#metrics.quorumWaitWrite.observe((nowMs - write.beganMs) / 1000);
  }

  #shiftDone(): void {
    while (this.#queue.size > 0 && this.#queue.at(0).done) {
      this.#queue.shift();
      this.#shifted++;
    }
  }

  #isBehindAll(seq: Seq): boolean {
    return this.#queue.size === 0 || this.#queue.at(this.#queue.size - 1).seq < seq;
  }
}

export function written(write: PendingWrite, settled: boolean, replicas: number): Written {
  return {
    kind: 'written',
    created: write.created,
    dot: { origin: write.origin, seq: write.seq },
    hlc: write.hlc,
    acks: write.tally.acks,
    replicas,
    settled,
    replayed: write.replayed,
  };
}

/** Why nobody knows what became of a write. */
export type Unsettled = 'expired' | 'stopped';

const UNSETTLED: { readonly [Why in Unsettled]: string } = {
  expired: 'the deadline passed before enough replicas had acknowledged',
  stopped: 'the replica stopped before enough replicas had acknowledged',
};

export function unknownOutcome(write: PendingWrite, why: Unsettled): Fault {
  const { requirement, acks } = write.tally;
  return fault('outcome-unknown', UNSETTLED[why], {
    required: requirement.count,
    acks,
    dot: { origin: write.origin, seq: write.seq },
  });
}
