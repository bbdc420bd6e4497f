// Reads that ask peers. This replica's own record is the first answer; the nearest peers that the
// requirement needs are asked at once, and one further peer whenever an answer is overdue (hedging:
// Dean and Barroso, "The Tail at Scale", 2013). An own record that is not durable yet counts as an
// answer once it is; a peer may be faster.
//
//   asking -> won       enough answers: the newest version among them is the answer
//   asking -> lost      the members that can still answer are too few
//   asking -> expired   the deadline came first
//
// A read that explains or heals uses what it gets: it is won when all asked members have answered
// or are gone.
//
// The owner learns the outcome once per read and decides what follows (reply, repair, catching up).

import { assert } from '../base/assert.ts';
import { IdTable } from '../base/id-table.ts';
import type { Asker, Staleness } from '../model/command.ts';
import type { Lsn, Now, Turn } from '../model/effect.ts';
import type { Key, NamespaceName } from '../model/id.ts';
import {
  add,
  difference,
  has,
  intersection,
  isEmpty,
  isSubset,
  type MemberSet,
  NO_MEMBERS,
  single,
  union,
} from '../model/member-set.ts';
import type { ReadReply } from '../model/message.ts';
import type { Metrics } from '../model/metrics.ts';
import type { RecordRules } from '../model/namespaces.ts';
import type { Requirement } from '../model/quorum.ts';
import { latestOf, type Record } from '../model/record.ts';
import type { ReadonlyVector } from '../model/vector.ts';
import { includes, merge } from '../conflict/merge.ts';
import type { Nearness } from '../peers/nearness.ts';
import { Tally } from './tally.ts';

export interface PendingRead {
  readonly id: number;
  readonly purpose: ReadPurpose;
  /** No client waits for a read that heals. */
  readonly client: Asker | undefined;
  readonly namespace: NamespaceName;
  readonly rules: RecordRules;
  readonly key: Key;
  readonly tally: Tally;
  readonly beganMs: number;
  readonly deadlineMs: number;
  /** When to ask another peer. */
  hedgeAtMs: number;
  /** Asked members; those that reported a damaged record; and when each was asked. */
  asked: MemberSet;
  damaged: MemberSet;
  readonly askedAtMs: number[];
  /** Records by member, for those of `tally.yes`. */
  readonly answers: (Record | undefined)[];
  /** By member: its known vector when it answered that it has no record. */
  readonly absentAt: (ReadonlyVector | undefined)[];
  newest: Record | undefined;
  /** This replica's own record when the read began: a peer that has the same need not send it. */
  readonly known: Record | undefined;
  readonly cut: ReadonlyVector | undefined;
  /**
   * The batch that makes `known` durable, until this replica's answer counts; 0: it is durable, or
   * never will be.
   */
  ownLsn: Lsn;
  /** How stale this replica's record could be when the read began. */
  readonly stalenessMs: Staleness;
  /** Peers that may not answer: they are not asked. */
  readonly unfit: MemberSet;
}

/** For a client's answer, to show every replica's view, or to replace a damaged record. */
export type ReadPurpose = 'read' | 'explain' | 'heal';
export type ReadOutcome = 'won' | 'lost' | 'expired';
export type ReadFinish = (read: PendingRead, outcome: ReadOutcome, turn: Turn) => void;

export interface ReadRequestOptions {
  readonly purpose: ReadPurpose;
  readonly client: Asker | undefined;
  readonly namespace: NamespaceName;
  readonly rules: RecordRules;
  readonly key: Key;
  readonly requirement: Requirement;
  readonly deadlineMs: number;
  /** Peers that must not count. */
  readonly unfit: MemberSet;
}

/** The asking replica's own record. */
export interface LocalAnswer {
  readonly member: number;
  readonly record: Record | undefined;
  /** For a damaged record: the stable cut at the time of asking, which every answer covers. */
  readonly cut: ReadonlyVector | undefined;
  /** The batch that makes the record durable, 0 when it is. */
  readonly lsn: Lsn;
  readonly stalenessMs: Staleness;
}

export class PendingReads {
  readonly #nearness: Nearness;
  readonly #metrics: Metrics;
  readonly #finish: ReadFinish;
  readonly #reads = new IdTable<PendingRead>();
  /** How many of them have an own answer that is not durable. */
  #early = 0;

  constructor(nearness: Nearness, metrics: Metrics, finish: ReadFinish) {
    this.#nearness = nearness;
    this.#metrics = metrics;
    this.#finish = finish;
  }

  get waiting(): number {
    return this.#reads.size;
  }

  /** An id that no read has. */
  nextId(): number {
    return this.#reads.nextId();
  }

  /** Begins a read; `connected` are the members that can be asked. */
  begin(options: ReadRequestOptions, local: LocalAnswer, connected: MemberSet, turn: Turn): void {
    const read: PendingRead = {
      id: this.#reads.nextId(),
      purpose: options.purpose,
      client: options.client,
      namespace: options.namespace,
      rules: options.rules,
      key: options.key,
      tally: new Tally(options.requirement),
      beganMs: turn.now.monoMs,
      deadlineMs: options.deadlineMs,
      hedgeAtMs: Number.POSITIVE_INFINITY,
      asked: single(local.member),
      damaged: NO_MEMBERS,
      askedAtMs: [],
      answers: [],
      absentAt: [],
      newest: undefined,
      known: local.cut === undefined ? local.record : undefined,
      cut: local.cut,
      // An explanation shows the local record; its reply waits for the batch.
      ownLsn: options.purpose === 'read' ? local.lsn : 0,
      stalenessMs: local.stalenessMs,
      unfit: options.unfit,
    };
    this.#reads.add(read);
    if (read.ownLsn > 0) this.#early++;
    else
      this.#take(read, local.member, local.cut === undefined ? 'record' : 'damaged', local.record);
    this.#askNeeded(read, connected, turn);
    this.#decide(read, turn);
  }

  /** Batches up to `lsn` are durable: so are the answers that depend on them. */
  onDurable(lsn: Lsn, member: number, turn: Turn): void {
    if (this.#early === 0) return;
    for (const read of this.#reads) {
      if (read.ownLsn === 0 || read.ownLsn > lsn) continue;
      this.#early--;
      read.ownLsn = 0;
      this.#take(read, member, 'record', read.known);
      this.#decide(read, turn);
    }
  }

  /** `holds` is the peer's known vector when its reply arrived. */
  onReply(
    { peer, holds }: { readonly peer: number; readonly holds: ReadonlyVector },
    reply: ReadReply,
    connected: MemberSet,
    turn: Turn,
  ): void {
    const read = this.#reads.get(reply.id);
    if (read === undefined || !has(read.asked, peer)) return;
    this.#nearness.observe(peer, turn.now.monoMs - (read.askedAtMs[peer] ?? read.beganMs));
    const record = reply.answer === 'same' ? read.known : reply.record;
    const isAnswer = isUnder(read, record) && (reply.answer !== 'same' || record !== undefined);
    const answer = isAnswer ? reply.answer : 'damaged';
    this.#take(read, peer, answer, record);
    if (answer === 'absent') read.absentAt[peer] = new Map(holds);
    if (answer === 'damaged') this.#askNeeded(read, connected, turn);
    this.#decide(read, turn);
  }

  /** Another peer can be asked: reads with too few answers use it. */
  onConnected(connected: MemberSet, turn: Turn): void {
    for (const read of this.#reads) this.#askNeeded(read, connected, turn);
  }

  /** Reads that wait for this peer ask another one. */
  onDisconnected(peer: number, connected: MemberSet, turn: Turn): void {
    for (const read of this.#reads) {
      if (!has(read.asked, peer) || has(read.tally.yes, peer)) continue;
      read.tally.reject(peer);
      this.#askNeeded(read, connected, turn);
      this.#decide(read, turn);
    }
  }

  onDue(connected: MemberSet, turn: Turn): void {
    if (!turn.takeDue('read')) return;
    for (const read of this.#reads) {
      if (read.deadlineMs <= turn.now.monoMs) {
        this.#end(read, 'expired', turn);
      } else {
        if (read.hedgeAtMs <= turn.now.monoMs) this.#hedge(read, connected, turn);
        watch(read, turn);
      }
    }
  }

  /** Forgets all waiting reads; returns their clients. */
  abandon(): Asker[] {
    const reads = [...this.#reads];
    this.#reads.clear();
    this.#early = 0;
    return reads.map(({ client }) => client).filter((client) => client !== undefined);
  }

  #take(
    read: PendingRead,
    member: number,
    answer: ReadReply['answer'],
    record: Record | undefined,
  ): void {
    if (answer === 'damaged') {
      read.damaged = add(read.damaged, member);
      read.tally.reject(member);
      return;
    }
    assert(has(read.asked, member), 'get: a member that was asked answers');
    read.tally.accept(member);
    read.answers[member] = record;
    if (record !== undefined && !includes(read.newest, record))
      read.newest = merge(read.newest, record);
  }

  #askNeeded(read: PendingRead, connected: MemberSet, turn: Turn): void {
    for (const group of read.tally.requirement.groups) {
      let lacking = read.tally.lacking(group, read.asked);
      if (lacking <= 0) continue;
      const can = difference(intersection(group.members, connected), read.unfit);
      for (const peer of this.#nearness.order) {
        if (!has(can, peer) || has(read.asked, peer)) continue;
        this.#ask(read, peer, turn);
        if (--lacking === 0) break;
      }
    }
    watch(read, turn);
  }

  #ask(read: PendingRead, peer: number, turn: Turn): void {
    assert(!has(read.asked, peer), 'get: a member is asked once');
    assert(!has(read.unfit, peer), 'get: a member that may not answer is not asked');
    read.asked = add(read.asked, peer);
    read.askedAtMs[peer] = turn.now.monoMs;
    read.hedgeAtMs = turn.now.monoMs + this.#nearness.hedgeAfterMs(peer);
    const { id, namespace, key, known } = read;
    const dot = known && latestOf(known);
    turn.send(peer, { kind: 'read-request', id, namespace, key, known: dot });
  }

  #hedge(read: PendingRead, connected: MemberSet, turn: Turn): void {
    read.hedgeAtMs = Number.POSITIVE_INFINITY;
    const passed = union(read.unfit, read.asked);
    const open = difference(intersection(read.tally.wanted, connected), passed);
    const peer = this.#nearness.order.find((index) => has(open, index));
    if (peer === undefined) return;
    this.#metrics.readHedges++;
    this.#ask(read, peer, turn);
  }

  #decide(read: PendingRead, turn: Turn): void {
    const state = read.purpose === 'read' ? read.tally.state : stateOfSurvey(read);
    if (state !== 'pending') this.#end(read, state, turn);
  }

  #end(read: PendingRead, outcome: ReadOutcome, turn: Turn): void {
    if (!this.#reads.remove(read)) return;
    if (read.ownLsn > 0) this.#early--;
    assert(this.#early >= 0, 'get: reads that wait for the disk are counted');
    this.#observeUnanswered(read, turn.now);
    this.#metrics.quorumWaitRead.observe((turn.now.monoMs - read.beganMs) / 1000);
    this.#finish(read, outcome, turn);
  }

  #observeUnanswered(read: PendingRead, now: Now): void {
    const unanswered = difference(read.asked, union(read.tally.yes, read.tally.no));
    if (isEmpty(unanswered)) return;
    for (const peer of this.#nearness.order) {
      const askedAtMs = read.askedAtMs[peer];
      if (!has(unanswered, peer) || askedAtMs === undefined) continue;
      this.#nearness.observeAtLeast(peer, now.monoMs - askedAtMs);
    }
  }
}

function watch({ deadlineMs, hedgeAtMs }: PendingRead, turn: Turn): void {
  turn.arm('read', Math.min(deadlineMs, hedgeAtMs));
}

function stateOfSurvey({ asked, tally }: PendingRead): 'won' | 'pending' {
  return isSubset(asked, union(tally.yes, tally.no)) ? 'won' : 'pending';
}

/** A record under another key than the one that was asked for is no answer. */
function isUnder({ namespace, key }: PendingRead, record: Record | undefined): boolean {
  return record === undefined || (record.namespace === namespace && record.key === key);
}
