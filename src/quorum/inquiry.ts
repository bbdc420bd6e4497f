// A question to several members, as a read (get.ts) or a list (replica/desk/quorum-lists.ts) asks
// it: the nearest members that the requirement needs are asked at once, and one further member
// whenever an answer is overdue (hedging: Dean and Barroso, "The Tail at Scale", 2013).
//
// A hedge needs a place in the budget (peers/hedge-budget.ts). While the event loop of this replica
// is late none is sent: the answer may have arrived, in a socket that was not read yet. Such a
// hedge is put off.

import { assert } from '../base/assert.ts';
import type { Turn } from '../model/effect.ts';
import {
  add,
  difference,
  has,
  intersection,
  isEmpty,
  type MemberSet,
  union,
} from '../model/member-set.ts';
import type { Metrics } from '../model/metrics.ts';
import type { Timer } from '../model/timer.ts';
import type { HedgeBudget } from '../peers/hedge-budget.ts';
import type { Nearness } from '../peers/nearness.ts';
import type { Tally } from './tally.ts';

/** A hedge that is handled this much later than it was due shows that the event loop is late. */
const LATE_MS = 5;
/** The wait of a hedge that was put off because the loop was late, or the budget was used up. */
const AGAIN_LATE_MS = 1;
const AGAIN_UNPAID_MS = 50;

export interface Inquiry {
  readonly tally: Tally;
  readonly deadlineMs: number;
  /** Members that may not answer: they are not asked. */
  readonly unfit: MemberSet;
  /** Members that were asked, this replica included. */
  asked: MemberSet;
  /** When the first of them were asked; and, by member, those that were asked later. */
  readonly askedMs: number;
  askedLaterMs: (number | undefined)[] | undefined;
  /** When to ask one more. */
  hedgeAtMs: number;
}

export interface InquirerOptions<T extends Inquiry> {
  readonly nearness: Nearness;
  readonly hedges: HedgeBudget;
  readonly metrics: Metrics;
  /** Due at deadlines and at hedges. */
  readonly timer: Timer;
  /** Sends the question to a peer. */
  readonly ask: (inquiry: T, peer: number, turn: Turn) => void;
}

export class Inquirer<T extends Inquiry> {
  readonly #options: InquirerOptions<T>;

  constructor(options: InquirerOptions<T>) {
    this.#options = options;
  }

  /** Asks as many further members as the requirement lacks; `connected` can be asked. */
  askNeeded(inquiry: T, connected: MemberSet, turn: Turn): void {
    const { hedges, metrics, nearness } = this.#options;
    const { tally, unfit } = inquiry;
    for (const group of tally.requirement.groups) {
      let lacking = tally.lacking(group, inquiry.asked);
      if (lacking <= 0) continue;
      const can = difference(intersection(group.members, connected), unfit);
      for (const peer of nearness.order) {
        if (!has(can, peer) || has(inquiry.asked, peer)) continue;
        hedges.onQuestion();
        metrics.readQuestions++;
        this.#ask(inquiry, peer, turn);
        if (--lacking === 0) break;
      }
    }
    this.#watch(inquiry, turn);
  }

  /** The timer is due, and the deadline has not passed: hedges if it is time. */
  onDue(inquiry: T, connected: MemberSet, turn: Turn): void {
    if (inquiry.hedgeAtMs <= turn.now.monoMs) this.#hedge(inquiry, connected, turn);
    this.#watch(inquiry, turn);
  }

  /** A member has answered: measures how near it is. */
  onAnswer(inquiry: T, peer: number, { now }: Turn): void {
    assert(has(inquiry.asked, peer), 'inquiry: a member that was asked answers');
    this.#options.nearness.observe(peer, now.monoMs - askedAtMs(inquiry, peer));
  }

  /** It is over: members that have not answered yet take at least as long as they had. */
  onEnd(inquiry: T, { now }: Turn): void {
    const { nearness } = this.#options;
    const { asked, tally } = inquiry;
    const unanswered = difference(asked, union(tally.yes, tally.no));
    if (isEmpty(unanswered)) return;
    for (const peer of nearness.order)
      if (has(unanswered, peer))
        nearness.observeAtLeast(peer, now.monoMs - askedAtMs(inquiry, peer));
  }

  #hedge(inquiry: T, connected: MemberSet, turn: Turn): void {
    const { hedges, metrics, nearness } = this.#options;
    const { monoMs } = turn.now;
    const isLate = monoMs - inquiry.hedgeAtMs > LATE_MS;
    inquiry.hedgeAtMs = Number.POSITIVE_INFINITY;
    const passed = union(inquiry.unfit, inquiry.asked);
    const open = difference(intersection(inquiry.tally.wanted, connected), passed);
    const peer = nearness.order.find((index) => has(open, index));
    if (peer === undefined) return;
    if (isLate) inquiry.hedgeAtMs = monoMs + AGAIN_LATE_MS;
    else if (!hedges.take(monoMs)) inquiry.hedgeAtMs = monoMs + AGAIN_UNPAID_MS;
    else {
      metrics.readHedges++;
      this.#ask(inquiry, peer, turn);
    }
  }

  #ask(inquiry: T, peer: number, turn: Turn): void {
    const { monoMs } = turn.now;
    assert(!has(inquiry.asked, peer), 'inquiry: a member is asked once');
    assert(!has(inquiry.unfit, peer), 'inquiry: a member that may not answer is not asked');
    inquiry.asked = add(inquiry.asked, peer);
    if (monoMs !== inquiry.askedMs) (inquiry.askedLaterMs ??= [])[peer] = monoMs;
    inquiry.hedgeAtMs = monoMs + this.#options.nearness.hedgeAfterMs(peer);
    this.#options.ask(inquiry, peer, turn);
  }

  #watch({ deadlineMs, hedgeAtMs }: T, turn: Turn): void {
    turn.arm(this.#options.timer, Math.min(deadlineMs, hedgeAtMs));
  }
}

function askedAtMs({ askedMs, askedLaterMs }: Inquiry, peer: number): number {
  return askedLaterMs?.[peer] ?? askedMs;
}
