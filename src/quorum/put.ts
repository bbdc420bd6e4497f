// Writes that wait for copies. A write is a position in this replica's log; a peer's cumulative
// acknowledgement is a cursor that passes it, and one vote. Writes wait in log order, so a cursor
// visits only the writes that it newly passed.
//
//   waiting -> won       enough cursors have passed: answered `written`
//   waiting -> expired   the deadline came first: answered `outcome-unknown`; the mutation stays
//                        and keeps replicating
//   waiting -> beaten    enough cursors have passed, and a replica shows a newer version: the owner
//                        may write once more, with a larger stamp, if the write can be repeated
//
// An acknowledgement names the covered entries that lost at the peer. With a majority of
// acknowledgements, some peer held whatever a majority had acknowledged before the write began, so
// an older write that won by its stamp is known by the time of the reply. A version that came later
// is concurrent, and is not reported.
//
// Invariants:
// (1) the queue is in the order of the log;
// (2) each member votes at most once per write;
// (3) every write that entered is answered exactly once. A run waits as one write, at the position
//     of its last entry.

import { assert } from '../base/assert.ts';
import { createRing } from '../base/ring.ts';
import type { WriteCommand } from '../model/command.ts';
import type { Outbox, Turn } from '../model/effect.ts';
import { type Fault, fault } from '../model/fault.ts';
import type { Hlc } from '../model/hlc.ts';
import type { Dot, LaneId, Seq } from '../model/id.ts';
import type { Superseded } from '../model/message.ts';
import type { Metrics } from '../model/metrics.ts';
import { PerMember } from '../model/per-member.ts';
import type { Requirement } from '../model/quorum.ts';
import type { Record } from '../model/record.ts';
import type { Client, RunWritten, Written } from '../model/reply.ts';
import { compareVersions } from '../conflict/version-order.ts';
import { Tally } from './tally.ts';

/** What is known of a write when it begins to wait. */
export interface WriteFacts {
  readonly client: Client;
  readonly origin: LaneId;
  readonly seq: Seq;
  readonly hlc: Hlc;
  readonly created: boolean;
  readonly replayed: boolean;
  readonly respondAsync: boolean;
  /** The value that a delete removed here, if the client asked for it. */
  readonly replaced: Record | undefined;
}

/** Further details of a run's entries. */
export interface RunFacts {
  readonly first: Seq;
  readonly created: readonly boolean[];
  /** The newest version that is known to be shown instead of an entry. */
  readonly superseded: Map<Seq, Superseded>;
}

export class PendingWrite {
  readonly client: Client;
  readonly origin: LaneId;
  readonly seq: Seq;
  readonly hlc: Hlc;
  readonly created: boolean;
  readonly replayed: boolean;
  readonly respondAsync: boolean;
  readonly replaced: Record | undefined;
  readonly tally: Tally;
  readonly beganMs: number;
  readonly deadlineMs: number;
  /** The newest version that a replica is known to show instead. */
  superseded: Superseded | undefined = undefined;
  /** Writes again if this write is beaten by a value; `undefined`: it is not repeated. */
  repeat: WriteCommand | undefined = undefined;
  /** The bound of these repetitions. */
  repeatsLeft = 0;
  /** Set if the write is a run. */
  run: RunFacts | undefined = undefined;
  done = false;

  constructor(facts: WriteFacts, requirement: Requirement, nowMs: number, timeoutMs: number) {
    this.client = facts.client;
    this.origin = facts.origin;
    this.seq = facts.seq;
    this.hlc = facts.hlc;
    this.created = facts.created;
    this.replayed = facts.replayed;
    this.respondAsync = facts.respondAsync;
    this.replaced = facts.replaced;
    this.tally = new Tally(requirement);
    this.beganMs = nowMs;
    this.deadlineMs = nowMs + timeoutMs;
  }
}

const NONE: readonly PendingWrite[] = [];

export class PendingWrites {
  readonly #origin: LaneId;
  readonly #self: number;
  readonly #replicas: number;
  readonly #metrics: Metrics;
  readonly #queue = createRing<PendingWrite>(1024);
  /**
   * How many writes have left the head of the queue in all, and how many each member's cursor has
   * passed.
   */
  #shifted = 0;
  readonly #passed = new PerMember(() => 0);
  #waiting = 0;
  /**
   * Won, beaten by a value, and to be repeated: the owner processes these writes and answers them.
   */
  #beaten: PendingWrite[] = [];

  constructor(origin: LaneId, self: number, replicas: number, metrics: Metrics) {
    this.#origin = origin;
    this.#self = self;
    this.#replicas = replicas;
    this.#metrics = metrics;
  }

  /** Writes that are not answered yet. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Adds a write whose position is after all waiting ones. */
  begin(write: PendingWrite, turn: Turn): void {
    assert(write.origin === this.#origin, 'put (1): a write of this incarnation');
    assert(this.#isBehindAll(write.seq), 'put (1): in the order of the log');
    assert(!write.done, 'put (3): a write begins to wait before it is answered');
    this.#queue.push(write);
    this.#waiting++;
    turn.arm('write', write.deadlineMs);
  }

  /** Everything of this origin up to `seq` is durable at `member`. */
  onCursor(member: number, seq: Seq, turn: Turn): void {
    const passed = this.#passed.of(member);
    assert(passed <= this.#shifted + this.#queue.size, 'put (2): a cursor is not beyond the queue');
    let index = Math.max(passed - this.#shifted, 0);
    for (; index < this.#queue.size; index++) {
      const write = this.#queue.at(index);
      if (write.seq > seq) break;
      write.tally.accept(member);
      if (!write.done) this.#decide(write, member, turn);
    }
    this.#passed.set(member, this.#shifted + index);
    this.#shiftDone();
  }

  /** A peer shows a newer version instead of a write; called before its cursor passes that. */
  onSuperseded(lost: Superseded): void {
    if (lost.origin !== this.#origin) return;
    const write = this.#find(lost.seq);
    if (write === undefined || write.done) return;
    const { run } = write;
    const known = run === undefined ? write.superseded : run.superseded.get(lost.seq);
    if (known !== undefined && compareVersions(known.by, lost.by) >= 0) return;
    if (run === undefined) write.superseded = lost;
    else run.superseded.set(lost.seq, lost);
  }

  expire(turn: Turn): void {
    if (!turn.takeDue('write')) return;
    for (let index = 0; index < this.#queue.size; index++) {
      const write = this.#queue.at(index);
      if (write.done) continue;
      if (write.deadlineMs <= turn.now.monoMs) this.#fail(write, 'expired', turn);
      else turn.arm('write', write.deadlineMs);
    }
    this.#shiftDone();
  }

  /** The storage failed, or this incarnation ends: the outcome stays unknown here. */
  failAll(turn: Turn): void {
    for (let index = 0; index < this.#queue.size; index++) {
      const write = this.#queue.at(index);
      if (!write.done) this.#fail(write, 'stopped', turn);
    }
    this.#shiftDone();
  }

  // waiting -> won
  #decide(write: PendingWrite, voter: number, turn: Turn): void {
    const settled = write.tally.state === 'won';
    const answersNow = write.respondAsync && voter === this.#self;
    if (!settled && !answersNow) return;
    this.#finish(write, turn.now.monoMs);
    const isBeaten = settled && write.repeat !== undefined && write.superseded?.isLive === true;
    if (isBeaten) this.#beaten.push(write);
    else this.answer(write, settled, turn);
  }

  /** A write that is done. */
  answer(write: PendingWrite, settled: boolean, out: Outbox): void {
    assert(write.done, 'put (3): what is answered waits no more');
    assert(!settled || write.tally.state === 'won', 'put (2): a write is settled by its quorum');
    if (write.superseded !== undefined) this.#metrics.writesSuperseded++;
    if (write.run !== undefined) this.#metrics.writesSuperseded += write.run.superseded.size;
    out.reply(write.client, written(write, settled, this.#replicas), 0);
  }

  /** Beaten writes that wait for their owner, which writes again or answers. */
  takeBeaten(): readonly PendingWrite[] {
    if (this.#beaten.length === 0) return NONE;
    const beaten = this.#beaten;
    this.#beaten = [];
    return beaten;
  }

  // waiting -> expired
  #fail(write: PendingWrite, why: Unsettled, turn: Turn): void {
    this.#finish(write, turn.now.monoMs);
    this.#metrics.writesIndeterminate++;
    turn.reply(write.client, { kind: 'failed', fault: unknownOutcome(write, why) }, 0);
  }

  #finish(write: PendingWrite, nowMs: number): void {
    assert(!write.done, 'put (3): answered once');
    write.done = true;
    this.#waiting--;
    assert(this.#waiting >= 0, 'put (3): what waits is in the queue');
    this.#metrics.quorumWaitWrite.observe((nowMs - write.beganMs) / 1000);
  }

  #shiftDone(): void {
    while (this.#queue.size > 0 && this.#queue.at(0).done) {
      this.#queue.shift();
      this.#shifted++;
    }
  }

  /** By bisection: the queue is in the order of the log. A run waits at its last entry. */
  #find(seq: Seq): PendingWrite | undefined {
    let from = 0;
    let to = this.#queue.size;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (this.#queue.at(middle).seq < seq) from = middle + 1;
      else to = middle;
    }
    const write = from < this.#queue.size ? this.#queue.at(from) : undefined;
    return write !== undefined && (write.run?.first ?? write.seq) <= seq ? write : undefined;
  }

  #isBehindAll(seq: Seq): boolean {
    return this.#queue.size === 0 || this.#queue.at(this.#queue.size - 1).seq < seq;
  }
}

export function written(
  write: PendingWrite,
  settled: boolean,
  replicas: number,
): Written | RunWritten {
  if (write.run !== undefined) return runWritten(write, write.run, settled, replicas);
  return {
    kind: 'written',
    created: write.created,
    dot: { origin: write.origin, seq: write.seq },
    hlc: write.hlc,
    acks: write.tally.acks,
    replicas,
    settled,
    replayed: write.replayed,
    supersededBy: supersededBy(write),
    replaced: write.replaced,
  };
}

function runWritten(
  { origin, tally, replayed }: PendingWrite,
  { first, created, superseded }: RunFacts,
  settled: boolean,
  replicas: number,
): RunWritten {
  const items = created.map((isNew, index) => {
    const seq = first + index;
    return { created: isNew, dot: { origin, seq }, supersededBy: dotBy(superseded.get(seq)) };
  });
  return { kind: 'run-written', items, acks: tally.acks, replicas, settled, replayed };
}

function supersededBy({ superseded }: PendingWrite): Dot | undefined {
  return dotBy(superseded);
}

function dotBy(superseded: Superseded | undefined): Dot | undefined {
  return superseded && { origin: superseded.by.origin, seq: superseded.by.seq };
}

/** Why the outcome of a write is unknown. */
export type Unsettled = 'expired' | 'stopped';

const UNSETTLED: { readonly [Why in Unsettled]: string } = {
  expired: 'the deadline passed before enough replicas had acknowledged',
  stopped: 'the replica stopped before enough replicas had acknowledged',
};

/** This replica gave the write its number, and knows of no durable copy, here or elsewhere. */
const NO_COPY =
  'no durable copy is known: the write is lost if this process ends before one is made';

export function unknownOutcome(write: PendingWrite, why: Unsettled): Fault {
  const { requirement, acks } = write.tally;
  const known = supersededBy(write);
  const detail = acks === 0 ? `${UNSETTLED[why]}: ${NO_COPY}` : UNSETTLED[why];
  return fault('outcome-unknown', detail, {
    required: requirement.count,
    acks,
    dot: { origin: write.origin, seq: write.seq },
    ...(known === undefined ? {} : { supersededBy: known }),
  });
}
