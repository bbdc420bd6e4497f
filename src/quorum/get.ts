// Reads that ask peers (inquiry.ts). This replica's own record is the first answer. One that is not
// durable yet counts as an answer once it is; a peer may be faster.
//
// A read waits as one record and its tally. What only a few reads need, such as records that differ
// from this replica's own, is kept apart, and made when it is needed.
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
import type { Asker, Lsn, Turn } from '../model/effect.ts';
import type { Key, NamespaceName } from '../model/id.ts';
import {
  add,
  has,
  intersection,
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
import type { Staleness } from '../model/staleness.ts';
import type { ReadonlyVector } from '../model/vector.ts';
import { includes, merge } from '../conflict/merge.ts';
import { Inquirer, type InquirerOptions, type Inquiry } from './inquiry.ts';
import { Tally } from './tally.ts';

export interface PendingRead extends Inquiry {
  readonly id: number;
  readonly purpose: ReadPurpose;
  /** No client waits for a read that heals. */
  readonly client: Asker | undefined;
  readonly namespace: NamespaceName;
  readonly rules: RecordRules;
  readonly key: Key;
  /** Asked members that reported a damaged record. */
  damaged: MemberSet;
  /** This replica's own record when the read began: a peer that has the same need not send it. */
  readonly known: Record | undefined;
  /** Members that have answered with `known`. */
  same: MemberSet;
  /** By member: the answers of the others, for those of `tally.yes`. */
  others: (Record | undefined)[] | undefined;
  /** By member: its known vector when it answered that it has no record. */
  absentAt: (ReadonlyVector | undefined)[] | undefined;
  newest: Record | undefined;
  readonly cut: ReadonlyVector | undefined;
  /**
   * The batch that makes `known` durable, until this replica's answer counts; 0: it is durable, or
   * never will be.
   */
  ownLsn: Lsn;
  /** How stale this replica's record could be when the read began. */
  readonly stalenessMs: Staleness;
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

/** What the member has answered; `undefined`: no record, or nothing yet. */
export function answerOf(read: PendingRead, member: number): Record | undefined {
  return has(read.same, member) ? read.known : read.others?.[member];
}

/** Members whose answer includes the version. */
export function holdersAmong(read: PendingRead, version: Record): MemberSet {
  let holders = includes(read.known, version) ? read.same : NO_MEMBERS;
  for (let member = 0; member < (read.others?.length ?? 0); member++)
    if (includes(read.others?.[member], version)) holders = add(holders, member);
  return intersection(holders, read.tally.yes);
}

export interface PendingReadsOptions extends Omit<InquirerOptions<PendingRead>, 'timer' | 'ask'> {
  readonly finish: ReadFinish;
}

export class PendingReads {
  readonly #metrics: Metrics;
  readonly #finish: ReadFinish;
  readonly #inquirer: Inquirer<PendingRead>;
  readonly #reads = new IdTable<PendingRead>();
  /** How many of them have an own answer that is not durable. */
  #early = 0;

  constructor({ finish, ...options }: PendingReadsOptions) {
    this.#metrics = options.metrics;
    this.#finish = finish;
    this.#inquirer = new Inquirer({ ...options, timer: 'read', ask });
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
    const isForClient = options.purpose !== 'heal';
    assert(
      isForClient === (options.client !== undefined),
      'get: a client waits, or a record heals',
    );
    const known = local.cut === undefined ? local.record : undefined;
    const read: PendingRead = {
      id: this.#reads.nextId(),
      purpose: options.purpose,
      client: options.client,
      namespace: options.namespace,
      rules: options.rules,
      key: options.key,
      tally: new Tally(options.requirement),
      deadlineMs: options.deadlineMs,
      unfit: options.unfit,
      asked: single(local.member),
      askedMs: turn.now.monoMs,
      askedLaterMs: undefined,
      hedgeAtMs: Number.POSITIVE_INFINITY,
      damaged: NO_MEMBERS,
      known,
      same: NO_MEMBERS,
      others: undefined,
      absentAt: undefined,
      newest: undefined,
      cut: local.cut,
      // An explanation shows the local record; its reply waits for the batch.
      ownLsn: options.purpose === 'read' ? local.lsn : 0,
      stalenessMs: local.stalenessMs,
    };
    this.#reads.add(read);
    if (read.ownLsn > 0) this.#early++;
    else this.#take(read, local.member, local.cut === undefined ? 'record' : 'damaged', known);
    this.#inquirer.askNeeded(read, connected, turn);
    this.#decide(read, turn);
  }

  /** Batches up to `lsn` are durable: so are the answers that depend on them. */
  onDurable(lsn: Lsn, member: number, turn: Turn): void {
    if (this.#early === 0) return;
    for (const read of this.#reads) {
      if (read.ownLsn === 0 || read.ownLsn > lsn) continue;
      assert(!has(read.tally.yes, member), 'get: the own answer counts once');
      this.#early--;
      read.ownLsn = 0;
      this.#take(read, member, 'record', read.known);
      this.#decide(read, turn);
    }
  }

  /** `holds` is the peer's known vector when its reply arrived. */
  onReply(
    peer: number,
    reply: ReadReply,
    holds: ReadonlyVector,
    connected: MemberSet,
    turn: Turn,
  ): void {
    const read = this.#reads.get(reply.id);
    if (read === undefined || !has(read.asked, peer)) return;
    this.#inquirer.onAnswer(read, peer, turn);
    const record = reply.answer === 'same' ? read.known : reply.record;
    const isAnswer = isUnder(read, record) && (reply.answer !== 'same' || record !== undefined);
    const answer = isAnswer ? reply.answer : 'damaged';
    this.#take(read, peer, answer, record);
    if (answer === 'absent') (read.absentAt ??= [])[peer] = new Map(holds);
    if (answer === 'damaged') this.#inquirer.askNeeded(read, connected, turn);
    this.#decide(read, turn);
  }

  /** Another peer can be asked: reads with too few answers use it. */
  onConnected(connected: MemberSet, turn: Turn): void {
    for (const read of this.#reads) this.#inquirer.askNeeded(read, connected, turn);
  }

  /** Reads that wait for this peer ask another one. */
  onDisconnected(peer: number, connected: MemberSet, turn: Turn): void {
    for (const read of this.#reads) {
      if (!has(read.asked, peer) || has(read.tally.yes, peer)) continue;
      read.tally.reject(peer);
      this.#inquirer.askNeeded(read, connected, turn);
      this.#decide(read, turn);
    }
  }

  onDue(connected: MemberSet, turn: Turn): void {
    if (!turn.takeDue('read')) return;
    for (const read of this.#reads) {
      if (read.deadlineMs <= turn.now.monoMs) this.#end(read, 'expired', turn);
      else this.#inquirer.onDue(read, connected, turn);
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
    if (record === undefined) return;
    if (record === read.known) read.same = add(read.same, member);
    else (read.others ??= [])[member] = record;
    if (!includes(read.newest, record)) read.newest = merge(read.newest, record);
  }

  #decide(read: PendingRead, turn: Turn): void {
    const state = read.purpose === 'read' ? read.tally.state : stateOfSurvey(read);
    if (state !== 'pending') this.#end(read, state, turn);
  }

  #end(read: PendingRead, outcome: ReadOutcome, turn: Turn): void {
    if (!this.#reads.remove(read)) return;
    if (read.ownLsn > 0) this.#early--;
    assert(this.#early >= 0, 'get: reads that wait for the disk are counted');
    this.#inquirer.onEnd(read, turn);
    this.#metrics.quorumWaitRead.observe((turn.now.monoMs - read.askedMs) / 1000);
    this.#finish(read, outcome, turn);
  }
}

function ask({ id, namespace, key, known }: PendingRead, peer: number, turn: Turn): void {
  turn.send(peer, {
    kind: 'read-request',
    id,
    namespace,
    key,
    known: known && latestOf(known),
  });
}

function stateOfSurvey({ asked, tally }: PendingRead): 'won' | 'pending' {
  return isSubset(asked, union(tally.yes, tally.no)) ? 'won' : 'pending';
}

/** A record under another key than the one that was asked for is no answer. */
function isUnder({ namespace, key }: PendingRead, record: Record | undefined): boolean {
  return record === undefined || (record.namespace === namespace && record.key === key);
}
