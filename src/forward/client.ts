// Questions of clients that another replica answers, because this one is too far behind. The
// nearest peer that may answer is asked as if the client had asked it, and its answer is passed on
// unchanged: nothing of it is merged or kept here, so the client sees one replica's records in one
// replica's order. This keeps the promise of `fifo`, which a record merged into another replica's
// table would break.
//
//   asking -> answered   the first answer that arrives
//   asking -> refused    every peer that may answer has refused or is gone, or the client's time is
//                        over
//
// If a peer refuses, is gone, or takes longer than its share of the remaining time, the next is
// asked. A question is forwarded once: the asked peer answers or refuses (server.ts).
//
// Bounds: as many as reads may wait, of them `LISTS_MAX` lists; a list's page ends with a frame,
// and its cursor continues at any replica.

import { assert, present } from '../base/assert.ts';
import type { Asker, Now, Outbox, Turn } from '../model/effect.ts';
import type { NamespaceName } from '../model/id.ts';
import type { Fault, FaultCode } from '../model/fault.ts';
import {
  add,
  has,
  isEmpty,
  isSubset,
  type MemberSet,
  NO_MEMBERS,
  remove,
} from '../model/member-set.ts';
import type { ForwardAnswer, ForwardReply, ForwardRequest, Question } from '../model/message.ts';
import type { Level } from '../model/level.ts';
import { type Record, stampOf } from '../model/record.ts';
import { isAnswerTo } from './check.ts';
import { ForwardServer, type ForwardServerOptions, type Run } from './server.ts';
import { refuse, refuseWith } from '../model/refuse.ts';
import { aged } from '../model/staleness.ts';
import type { ReadOrList, Terms } from '../model/terms.ts';
import type { HybridClock } from '../model/hlc.ts';
import type { Metrics } from '../model/metrics.ts';
import type { Peers } from '../peers/peers.ts';
import type { Member } from '../model/quorum.ts';
import { STOPPED } from '../model/reasons.ts';

const LISTS_MAX = 64;
const PAGE_BYTES_MAX = 256 * 1024;
/** The longest wait for one peer before the next is asked as well. */
const PATIENCE_MS_MAX = 1000;

interface Pending {
  readonly id: number;
  readonly command: ReadOrList;
  readonly question: Question;
  readonly level: Level;
  readonly beganMs: number;
  readonly deadlineMs: number;
  /** Members that were asked, and those of them that may still answer. */
  asked: MemberSet;
  open: MemberSet;
  /** When one more peer is asked. */
  nextAtMs: number;
  /** The peers that refused, and their faults. */
  readonly refusals: string[];
}

/** Which replicas may answer reads. */
interface Admission {
  /** Peers that may be asked, the nearest first. */
  fit(namespace: NamespaceName): readonly number[];
  /** Why this replica does not answer itself, and the result of asking others. */
  faultOf(namespace: NamespaceName, others: string): Fault;
}

export interface ForwardClientOptions extends ForwardServerOptions {
  readonly clock: HybridClock;
  readonly metrics: Metrics;
  readonly peers: Peers;
  readonly self: Member;
}

export class ForwardClient {
  readonly #options: ForwardClientOptions;
  readonly #admission: Admission;
  readonly #server: ForwardServer;
  readonly #pending = new Map<number, Pending>();
  #lists = 0;
  #lastId = 0;

  /** `run` takes a command as if a client had sent it. */
  constructor(options: ForwardClientOptions, admission: Admission, run: Run) {
    this.#options = options;
    this.#admission = admission;
    this.#server = new ForwardServer(options, run);
  }

  get waiting(): number {
    return this.#pending.size;
  }

  /** A peer asks instead of its client, or answers instead of this replica. */
  onMessage(peer: number, message: ForwardRequest | ForwardReply, turn: Turn): void {
    if (message.kind === 'forward-request') this.#server.onRequest(peer, message, turn);
    else this.#onReply(peer, message, turn);
  }

  #onReply(peer: number, { id, answer }: ForwardReply, turn: Turn): void {
    const pending = this.#pending.get(id);
    if (pending === undefined || !has(pending.open, peer)) return;
    if (answer.kind === 'refused') this.#onRefused(pending, peer, answer.code, turn);
    else if (!isAnswerTo(pending.question, answer))
      this.#onRefused(pending, peer, 'no answer to the question', turn);
    else if (!this.#witness(answer, turn.now)) this.#onRefused(pending, peer, 'clock-drift', turn);
    else this.#relay(pending, peer, answer, turn);
  }

  onDisconnected(peer: number, turn: Turn): void {
    this.#server.onDisconnected(peer);
    for (const pending of this.#pending.values())
      if (has(pending.open, peer)) this.#onRefused(pending, peer, 'connection lost', turn);
  }

  onDue(turn: Turn): void {
    if (!turn.takeDue('forward')) return;
    for (const pending of this.#pending.values()) {
      if (pending.deadlineMs <= turn.now.monoMs) this.#fail(pending, turn);
      else if (pending.nextAtMs <= turn.now.monoMs) this.#askNext(pending, turn);
      else watch(pending, turn);
    }
  }

  /** The replica stops: waiting clients are answered. */
  failAll(code: FaultCode, out: Outbox): void {
    for (const { command } of this.#pending.values()) refuse(command.client, out, code, STOPPED);
    this.#pending.clear();
    this.#lists = 0;
  }

  /** Asks other replicas, because this one may not answer for the namespace. */
  begin(command: ReadOrList, terms: Terms, turn: Turn): void {
    if (this.#isFull(command.client, command.kind, turn)) return;
    const pending: Pending = {
      id: ++this.#lastId,
      command,
      question: this.#questionOf(command),
      level: terms.namespace.policy.consistency,
      beganMs: turn.now.monoMs,
      deadlineMs: terms.deadlineMs,
      asked: NO_MEMBERS,
      open: NO_MEMBERS,
      nextAtMs: turn.now.monoMs,
      refusals: [],
    };
    this.#pending.set(pending.id, pending);
    if (command.kind === 'list') this.#lists++;
    this.#askNext(pending, turn);
  }

  #isFull(client: Asker, kind: Question['kind'], out: Outbox): boolean {
    const { readsPendingMax } = this.#options.settings;
    const isFull = this.#pending.size >= readsPendingMax;
    if (!isFull && (kind === 'read' || this.#lists < LISTS_MAX)) return false;
    const detail = `${isFull ? readsPendingMax : LISTS_MAX} ${kind}s wait for other replicas already`;
    refuse(client, out, 'overloaded', detail, { retryAfterMs: 1000 });
    return true;
  }

  #questionOf(command: ReadOrList): Question {
    if (command.kind === 'read') {
      const { kind, namespace, key, r, session } = command;
      return { kind, namespace, key, r, session };
    }
    const {
      client: _,
      timeoutMs: _timeout,
      boundMs: _bound,
      onUnmet: _onUnmet,
      ...question
    } = command;
    const most = Math.min(this.#options.settings.frameBytes, PAGE_BYTES_MAX);
    return { ...question, bytesMax: Math.min(command.bytesMax ?? most, most) };
  }

  /** Asks one more peer that may answer; if there is none, waits for those already asked. */
  #askNext(pending: Pending, turn: Turn): void {
    const { id, level, question, deadlineMs } = pending;
    assert(this.#pending.get(id) === pending, 'forward client: asks for a question that waits');
    const [peer, ...others] = this.#admission
      .fit(question.namespace)
      .filter((index) => !has(pending.asked, index));
    if (peer === undefined) {
      if (isEmpty(pending.open)) return this.#fail(pending, turn);
      pending.nextAtMs = Number.POSITIVE_INFINITY;
    } else {
      const timeoutMs = Math.max(deadlineMs - turn.now.monoMs, 1);
      pending.asked = add(pending.asked, peer);
      pending.open = add(pending.open, peer);
      const shareMs = Math.min(timeoutMs / (others.length + 1), PATIENCE_MS_MAX);
      pending.nextAtMs = others.length > 0 ? turn.now.monoMs + shareMs : Number.POSITIVE_INFINITY;
      turn.send(peer, { kind: 'forward-request', id, timeoutMs, level, question });
    }
    watch(pending, turn);
  }

  #onRefused(pending: Pending, peer: number, why: string, turn: Turn): void {
    assert(has(pending.open, peer), 'forward client: a refusal comes from a peer that was asked');
    const id = this.#options.peers.get(peer)?.member.id;
    pending.open = remove(pending.open, peer);
    assert(isSubset(pending.open, pending.asked), 'forward client: an answer of a peer asked');
    pending.refusals.push(`${id} ${why}`);
    this.#askNext(pending, turn);
  }

  /** Versions that a client has seen get smaller stamps than its next write here. */
  #witness(answer: ForwardAnswer, now: Now): boolean {
    const { clock, metrics } = this.#options;
    const newest = recordsOf(answer).reduce((most, record) => Math.max(most, stampOf(record)), 0);
    if (newest === 0 || clock.witness(newest, now.wallMs)) return true;
    metrics.clockRefusals++;
    return false;
  }

  #relay(
    pending: Pending,
    peer: number,
    answer: Exclude<ForwardAnswer, { kind: 'refused' }>,
    turn: Turn,
  ): void {
    const { settings, metrics } = this.#options;
    const { id, region } = present(settings.members[peer], 'forward client: a member answers');
    this.#end(pending);
    metrics.readsForwarded++;
    // It was that fresh at a moment after the question was sent.
    const wayMs = turn.now.monoMs - pending.beganMs;
    const stalenessMs = aged(answer.stalenessMs, wayMs);
    turn.reply(pending.command.client, { ...answer, stalenessMs, heldBy: { id, region } }, 0);
  }

  #fail(pending: Pending, out: Outbox): void {
    const { command, refusals, open } = pending;
    this.#end(pending);
    const late = isEmpty(open) ? [] : ['the others did not answer in time'];
    const others = [...refusals, ...late].join(', ');
    refuseWith(command.client, out, this.#admission.faultOf(command.namespace, others));
  }

  #end({ id, command }: Pending): void {
    const wasPending = this.#pending.delete(id);
    assert(wasPending, 'forward client: a question is answered once');
    if (command.kind === 'list') this.#lists--;
    assert(this.#lists >= 0, 'forward client: lists that wait are counted');
    assert(this.#lists <= this.#pending.size, 'forward client: a list that is counted waits');
  }
}

function watch({ deadlineMs, nextAtMs }: Pending, turn: Turn): void {
  turn.arm('forward', Math.min(deadlineMs, nextAtMs));
}

function recordsOf(answer: ForwardAnswer): readonly Record[] {
  if (answer.kind === 'found') return [answer.record];
  return answer.kind === 'listed' ? answer.items : [];
}
