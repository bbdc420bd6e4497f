// A client's read in a multi-leader namespace (docs/consistency.md). If one answer suffices, this
// replica's own record is returned at once. Otherwise peers are asked (quorum/get.ts), the newest
// version is the answer, and replicas that lack it get it (quorum/read-repair.ts). The answer waits
// until enough replicas hold the version that every later read of a majority finds it
// (quorum/write-back.ts), so such reads never go back.
//
// In `fifo` namespaces a newer record alone would overtake its origin's earlier writes. There the
// read waits until the stream has brought everything up to that version (quorum/parking-lot.ts),
// and it is durable here.
//
// A member may have no record of a key, and be known to hold the log up to a record that another
// member still shows. Then the key was deleted: a tombstone is dropped only when all members have
// the delete, so the other member has lost its disk and has not caught up. The read finds nothing.
// store/absence.ts defines what an absent key means here.
//
// If this replica's own record is damaged, two sources together replace it: the record of a peer,
// which covers everything up to the stable cut, and this replica's own log behind the cut. A peer
// alone may lack the newest writes.

import { assert } from '../../base/assert.ts';
import { includes, merge } from '../../conflict/merge.ts';
import type { ReadAdmission } from '../../lag/read-admission.ts';
import type { StalenessBound } from '../../lag/staleness.ts';
import type { ExplainCommand, ReadCommand } from '../../model/command.ts';
import type { Asker, Lsn, Outbox, Turn } from '../../model/effect.ts';
import { type Fault, type FaultCode, fault } from '../../model/fault.ts';
import type { HybridClock } from '../../model/hlc.ts';
import type { Dot, Key, LaneId, NamespaceName } from '../../model/id.ts';
import {
  add,
  difference,
  has,
  isEmpty,
  type MemberSet,
  NO_MEMBERS,
  single,
  sizeOf,
  union,
} from '../../model/member-set.ts';
import type { ReadReply } from '../../model/message.ts';
import type { Metrics } from '../../model/metrics.ts';
import type { Namespaces } from '../../model/namespaces.ts';
import { isHeld } from '../../model/quorum.ts';
import { ANSWERS_LATE, ANSWERS_TOO_FEW, STOPPED } from '../../model/reasons.ts';
import { isCoveredBy, latestOf, type Record, shows, stampOf } from '../../model/record.ts';
import { refuse, refuseWith } from '../../model/refuse.ts';
import type { Reply } from '../../model/reply.ts';
import type { Settings } from '../../model/settings.ts';
import { aged, type Staleness } from '../../model/staleness.ts';
import type { Terms } from '../../model/terms.ts';
import type { ReadonlyVector } from '../../model/vector.ts';
import type { HedgeBudget } from '../../peers/hedge-budget.ts';
import type { Nearness } from '../../peers/nearness.ts';
import {
  holdersAmong,
  type PendingRead,
  PendingReads,
  type ReadFinish,
  type ReadOutcome,
  type ReadRequestOptions,
} from '../../quorum/get.ts';
import type { ParkingLot } from '../../quorum/parking-lot.ts';
import type { ReadRepair } from '../../quorum/read-repair.ts';
import { isReachable } from '../../quorum/tally.ts';
import { type WriteBack, WriteBacks } from '../../quorum/write-back.ts';
import type { Absence } from '../../store/absence.ts';
import type { Cell } from '../../store/cells.ts';
import type { Table } from '../../store/table.ts';
import { type Waiting, withWaiting } from '../../store/waiting-version.ts';
import type { Admits } from './desk.ts';
import { type ExplanationOptions, explanationOf } from './explanation.ts';

/** Asks the peer for entries of an origin that are missing here, unless they are on their way. */
export type Hasten = (peer: number, origin: LaneId, turn: Turn) => void;

const HEAL_TIMEOUT_MS = 5000;
const UNHELD_LATE =
  'the deadline passed before enough replicas had confirmed the newest version; later reads may or may not show it';
const UNHELD_LOST =
  'too few replicas can be reached to confirm the newest version; later reads may or may not show it';
const NO_VECTOR: ReadonlyVector = new Map();
const TOO_MUCH_WAITS = fault(
  'overloaded',
  'too many writes wait here for others in causal order; read elsewhere, or with r=1',
  { retryAfterMs: 1000 },
);

export interface ReadsOptions extends ExplanationOptions {
  readonly absence: Absence;
  readonly clock: HybridClock;
  readonly hedges: HedgeBudget;
  readonly metrics: Metrics;
  readonly namespaces: Namespaces;
  readonly nearness: Nearness;
  readonly settings: Settings;
  readonly staleness: StalenessBound;
  readonly table: Table;
}

export interface ReadsParts {
  readonly admission: Pick<ReadAdmission, 'unfit'>;
  readonly admits: Admits;
  readonly hasten: Hasten;
  readonly lot: ParkingLot;
  readonly repair: ReadRepair;
  /** The newest version of a key that is logged here and not visible yet. */
  readonly waiting: Waiting;
}

export class Reads {
  readonly #options: ReadsOptions;
  readonly #parts: ReadsParts;
  readonly #pending: PendingReads;
  readonly #writeBacks: WriteBacks;
  readonly #itself: MemberSet;

  constructor(options: ReadsOptions, parts: ReadsParts) {
    this.#options = options;
    this.#parts = parts;
    this.#itself = single(options.self.index);
    const { hedges, metrics, nearness } = options;
    const finish: ReadFinish = (read, outcome, turn) => this.#finish(read, outcome, turn);
    this.#pending = new PendingReads({ hedges, metrics, nearness, finish });
    this.#writeBacks = new WriteBacks(
      options.self.index,
      options.settings.members.length,
      () => this.#pending.nextId(),
      (...ended) => this.#endWriteBack(...ended),
    );
  }

  get waiting(): number {
    return this.#pending.waiting + this.#writeBacks.waiting;
  }

  begin(command: ReadCommand<Asker>, terms: Terms, turn: Turn): void {
    const cell = this.#options.table.read(command.namespace, command.key);
    if (isReachable(terms.quorum, this.#itself) && !cell.damaged)
      this.#reply(command.client, cell, terms.deadlineMs, turn);
    else if (this.#parts.admits(command, terms, turn)) this.#ask(command, terms, cell, turn);
  }

  explain(command: ExplainCommand, terms: Terms, turn: Turn): void {
    if (!this.#parts.admits(command, terms, turn)) return;
    const cell = this.#options.table.read(command.namespace, command.key);
    this.#begin(questionOf('explain', command, terms, NO_MEMBERS), cell, turn);
  }

  /** Why no further read can wait; `undefined`: one can. */
  get fullness(): Fault | undefined {
    const { readsPendingMax } = this.#options.settings;
    if (this.waiting + this.#parts.lot.size < readsPendingMax) return undefined;
    const detail = `${readsPendingMax} reads are waiting already`;
    return fault('overloaded', detail, { retryAfterMs: 1000 });
  }

  /** A stored record is damaged: replaces it with the record in memory or of the peers. */
  heal(namespace: NamespaceName, key: Key, turn: Turn): void {
    const { table, namespaces } = this.#options;
    const cell = table.read(namespace, key);
    if (!cell.damaged) return table.rewrite({ namespace, key }, turn);
    if (this.fullness !== undefined) return;
    const rules = namespaces.rulesFor(namespace);
    const options = { purpose: 'heal', client: undefined, namespace, rules, key } as const;
    const deadlineMs = turn.now.monoMs + HEAL_TIMEOUT_MS;
    this.#begin({ ...options, requirement: rules.all, deadlineMs, unfit: NO_MEMBERS }, cell, turn);
  }

  onDurable(lsn: Lsn, turn: Turn): void {
    this.#pending.onDurable(lsn, this.#options.self.index, turn);
    this.#writeBacks.onDurable(lsn, this.#options.peers.reachable, turn);
    this.onProgress(turn);
  }

  /** The durable vector of a member has grown. */
  onProgress(turn: Turn): void {
    if (this.#writeBacks.waiting === 0) return;
    const { reachable } = this.#options.peers;
    this.#writeBacks.onProgress((newest) => this.#holders(newest), reachable, turn);
  }

  onReply(peer: number, reply: ReadReply, turn: Turn): void {
    const { clock, metrics, peers } = this.#options;
    if (this.#writeBacks.onReply(peer, reply, peers.reachable, turn)) return;
    const { record } = reply;
    const holds = peers.get(peer)?.holds ?? NO_VECTOR;
    const isTimely = record === undefined || clock.witness(stampOf(record), turn.now.wallMs);
    if (!isTimely) metrics.clockRefusals++;
    const taken: ReadReply = isTimely ? reply : { ...reply, answer: 'damaged', record: undefined };
    this.#pending.onReply(peer, taken, holds, peers.reachable, turn);
  }

  onConnected(turn: Turn): void {
    this.#pending.onConnected(this.#options.peers.reachable, turn);
  }

  onDisconnected(peer: number, turn: Turn): void {
    this.#pending.onDisconnected(peer, this.#options.peers.reachable, turn);
    this.#writeBacks.onDisconnected(this.#options.peers.reachable, turn);
  }

  onDue(turn: Turn): void {
    this.#passOverSilent(turn);
    this.#pending.onDue(this.#options.peers.reachable, turn);
    this.#writeBacks.onDue(this.#options.peers.reachable, turn);
  }

  /**
   * Reads that wait for a peer that has fallen silent ask another, and are refused at once if there
   * is none.
   */
  #passOverSilent(turn: Turn): void {
    const { reachable } = this.#options.peers;
    const silent = this.#options.peers.silent(turn.now.monoMs);
    if (isEmpty(silent) || this.#pending.waiting === 0) return;
    for (const { member } of this.#options.peers.greeted())
      if (has(silent, member.index))
        this.#pending.onDisconnected(member.index, difference(reachable, silent), turn);
  }

  /** The replica stops: waiting clients are answered. */
  failAll(code: FaultCode, out: Outbox): void {
    for (const client of [...this.#pending.abandon(), ...this.#writeBacks.abandon()]) {
      refuse(client, out, code, STOPPED);
    }
  }

  #ask(command: ReadCommand<Asker>, terms: Terms, own: Cell, turn: Turn): void {
    const cell = withWaiting(own, this.#parts.waiting(command.namespace, command.key));
    if (cell === undefined) return refuseWith(command.client, turn, TOO_MUCH_WAITS);
    const unfit = this.#parts.admission.unfit(command.namespace);
    this.#begin(questionOf('read', command, terms, unfit), cell, turn);
  }

  #begin(options: ReadRequestOptions, cell: Cell, turn: Turn): void {
    const { self, peers, log, staleness, table } = this.#options;
    const cut = cell.damaged ? peers.stableCut(log.durable) : undefined;
    const lsn = table.cells.isDurable(cell) ? 0 : cell.lsn;
    const stalenessMs = staleness.bound(turn.now.monoMs);
    const local = { member: self.index, record: cell.record, cut, lsn, stalenessMs };
    this.#pending.begin(options, local, peers.reachable, turn);
  }

  #finish(read: PendingRead, outcome: ReadOutcome, turn: Turn): void {
    const { client } = read;
    if (client === undefined) this.#healFrom(read, turn);
    else if (read.purpose === 'explain') this.#replyExplained(read, client, turn);
    else if (outcome !== 'won') this.#fail(read, client, outcome, turn);
    else this.#settle(read, client, turn);
  }

  #fail(read: PendingRead, client: Asker, outcome: 'lost' | 'expired', out: Outbox): void {
    const counts = { required: read.tally.requirement.count, acks: read.tally.acks };
    if (outcome === 'expired') {
      refuse(client, out, 'timeout', ANSWERS_LATE, counts);
    } else {
      const { damaged } = this.#options.table.read(read.namespace, read.key);
      refuse(client, out, damaged ? 'record-corrupt' : 'no-quorum', ANSWERS_TOO_FEW, counts);
    }
  }

  /** There are enough answers: the newest is returned once enough replicas hold it. */
  #settle(read: PendingRead, client: Asker, turn: Turn): void {
    assert(read.tally.state === 'won', 'reads: enough replicas have answered');
    const { newest } = read;
    const shown = this.#options.table.read(read.namespace, read.key);
    if (newest !== undefined && this.#isGone(read, newest, shown)) {
      this.#options.metrics.resurrectionsRefused++;
      this.#answer(read, client, undefined, turn);
    } else if (newest !== undefined && this.#overtakes(read, newest)) {
      this.#catchUp(read, client, newest, turn);
    } else if (read.cut === undefined) {
      this.#hold(read, client, newest, shown, turn);
    } else {
      this.#settleDamaged(read, client, turn);
    }
  }

  /** This replica's own record was damaged when the read began: its log may have newer writes. */
  #settleDamaged(read: PendingRead, client: Asker, turn: Turn): void {
    assert(read.cut !== undefined, 'reads: what the peers cover is known');
    this.#healFrom(read, turn);
    const shown = this.#options.table.read(read.namespace, read.key);
    const { record, damaged } = shown;
    const detail = 'the stored record is damaged and no replica supplied it';
    if (damaged) return refuse(client, turn, 'record-corrupt', detail);
    const newest = record === undefined ? read.newest : merge(read.newest, record);
    this.#hold(read, client, newest, shown, turn);
  }

  /**
   * Returns the version at once if enough replicas hold it, else writes it back first. `shown`: the
   * record of this replica now.
   */
  #hold(
    read: PendingRead,
    client: Asker,
    newest: Record | undefined,
    shown: Cell,
    turn: Turn,
  ): void {
    if (newest === undefined) return this.#answer(read, client, undefined, turn);
    const { peers, self, table } = this.#options;
    const { members, level } = read.rules;
    const needsSelf = level.repairs === 'stream';
    const { requirement } = read.tally;
    let holders = holdersAmong(read, newest);
    // Vectors are compared only where the answers are not enough.
    if (needsSelf || !isHeld(requirement, holders, members.length))
      holders = union(holders, this.#holders(newest));
    if (!needsSelf) this.#parts.repair.repair(read, newest, shown.record, !isEmpty(holders), turn);
    const own = includes(shown.record, newest) ? shown : table.read(read.namespace, read.key);
    // In `fifo` namespaces: the version is a delete that all members have, and was dropped here.
    if (needsSelf && own.record === undefined && !own.damaged)
      return this.#answer(read, client, undefined, turn);
    const isShown = includes(own.record, newest);
    if (isShown && table.cells.isDurable(own)) holders = add(holders, self.index);
    const isHere = has(holders, self.index);
    if (isHeld(requirement, holders, members.length) && (isHere || !needsSelf)) {
      this.#answer(read, client, newest, turn);
    } else {
      const ownLsn = isShown && !isHere ? own.lsn : 0;
      const options = { read, client, newest, holders, ownLsn, needsSelf, repairs: !needsSelf };
      this.#options.metrics.readWriteBacks++;
      this.#writeBacks.begin(options, peers.reachable, turn);
    }
  }

  #endWriteBack(
    { read, client, newest, holders }: WriteBack,
    outcome: ReadOutcome,
    turn: Turn,
  ): void {
    if (outcome === 'won') return this.#answer(read, client, newest, turn);
    const counts = { required: read.tally.requirement.count, acks: sizeOf(holders) };
    if (outcome === 'lost') refuse(client, turn, 'no-quorum', UNHELD_LOST, counts);
    else refuse(client, turn, 'timeout', UNHELD_LATE, counts);
  }

  /** Members known to hold the version or a newer one durably, by their reported vectors. */
  #holders(newest: Record): MemberSet {
    return this.#options.peers.holders(latestOf(newest), this.#options.log.durable);
  }

  /** Heals this replica's own record, if it is damaged and its content can be determined. */
  #healFrom(read: PendingRead, out: Outbox): void {
    const { clock, log, table } = this.#options;
    if (read.cut === undefined || isEmpty(read.tally.yes)) return;
    if (!table.read(read.namespace, read.key).damaged) return;
    const beyond = log.newestBeyond(read.cut, read.namespace, read.key);
    if (beyond === 'unknown') return;
    const { newest } = read;
    const isGone = newest !== undefined && this.#isGone(read, newest);
    const reported = isGone ? undefined : newest;
    const restored = beyond === undefined ? reported : merge(reported, beyond);
    if (restored === undefined) table.drop(read, clock.last, out);
    else if (!this.#overtakes(read, restored)) table.heal(restored, out);
  }

  /** A member that holds the log up to that record has no record of the key: it was deleted. */
  #isGone(read: PendingRead, record: Record, shown?: Cell): boolean {
    if (read.absentAt?.some((holds) => holds !== undefined && isCoveredBy(record, holds)))
      return true;
    return this.#options.absence.wasDeleted(record, shown);
  }

  /** The namespace keeps the order of an origin's writes, and earlier ones are not shown here. */
  #overtakes({ rules }: PendingRead, record: Record): boolean {
    const { origin, seq } = latestOf(record);
    return rules.level.repairs === 'stream' && this.#options.log.applied(origin) < seq;
  }

  #catchUp(read: PendingRead, client: Asker, newest: Record, turn: Turn): void {
    assert(read.rules.level.repairs === 'stream', 'reads: only the stream keeps an order');
    const { origin, seq } = latestOf(newest);
    const { lot, hasten } = this.#parts;
    const parked = {
      client,
      onReached: (later: Turn) => this.#onCaughtUp(read, client, later),
      onLate: (later: Turn) => this.#failLate(read, client, later),
    };
    if (!lot.park(parked, { origin, seq }, read.deadlineMs, turn))
      return refuseWith(client, turn, lot.full);
    this.#options.metrics.readRepairs++;
    hasten(read.others?.indexOf(newest) ?? -1, origin, turn);
  }

  #onCaughtUp(read: PendingRead, client: Asker, turn: Turn): void {
    if (read.cut !== undefined) return this.#settleDamaged(read, client, turn);
    const shown = this.#options.table.read(read.namespace, read.key);
    this.#hold(read, client, read.newest, shown, turn);
  }

  #failLate(read: PendingRead, client: Asker, turn: Turn): void {
    const detail = 'the deadline passed before the newest version had arrived here; ask again';
    refuse(client, turn, 'timeout', detail, { required: read.tally.requirement.count });
  }

  /** The version is durable at enough replicas, so the reply depends on no batch of this one. */
  #answer(read: PendingRead, client: Asker, record: Record | undefined, turn: Turn): void {
    const answers = read.tally.acks;
    // The bound is that of this replica's own record when the read began.
    const isOwnPart = has(read.tally.yes, this.#options.self.index) || read.cut !== undefined;
    const ageMs = turn.now.monoMs - read.askedMs;
    const stalenessMs = isOwnPart ? aged(read.stalenessMs, ageMs) : 'unknown';
    turn.reply(client, replyOf(record, stalenessMs, answers, turn), 0);
  }

  /** This replica's own record is the answer: it is sent when it is durable. */
  #reply(client: Asker, { record, lsn }: Cell, deadlineMs: number, turn: Turn): void {
    const stalenessMs = this.#options.staleness.bound(turn.now.monoMs);
    turn.reply(client, replyOf(record, stalenessMs, 1, turn), lsn, deadlineMs);
  }

  #replyExplained(read: PendingRead, client: Asker, out: Outbox): void {
    const own = this.#options.table.read(read.namespace, read.key);
    out.reply(client, explanationOf(read, this.#options), own.lsn, read.deadlineMs);
  }
}

function questionOf(
  purpose: 'read' | 'explain',
  { client, namespace, key }: ReadCommand<Asker> | ExplainCommand,
  { namespace: rules, quorum: requirement, deadlineMs }: Terms,
  unfit: MemberSet,
): ReadRequestOptions {
  return { purpose, client, namespace, rules, key, requirement, deadlineMs, unfit };
}

function replyOf(
  record: Record | undefined,
  stalenessMs: Staleness,
  answers: number,
  { now }: Turn,
): Reply {
  return shows(record, now.wallMs)
    ? { kind: 'found', record, stalenessMs, answers, heldBy: undefined }
    : { kind: 'absent', removal: removalOf(record), stalenessMs, answers, heldBy: undefined };
}

/** Why a record is not shown: the delete, or the version that has expired. */
function removalOf(record: Record | undefined): Dot | undefined {
  return record === undefined ? undefined : latestOf(record);
}
