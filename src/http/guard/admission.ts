// Which requests are served under overload. A replica has one thread: when requests arrive faster
// than it answers them, each waits for all before it. So it admits as many requests as it answers
// in QUEUE_MS, and none whose time limit is shorter than its wait. A request that would be answered
// too late is refused at once, before any work is done for it.
//
// The bound follows the measured service time: the working time of the thread divided by the
// requests answered in it. The wait of a request is the number before it times the service time
// (Little 1961). While the thread has idle time there is no overload, however many requests wait
// for peers and disks; then the bound rises whenever it is reached.
//
// On the fast path a refusal takes about a tenth of the time of a write, so the queue is short. For
// requests that Node's HTTP server reads it takes a third, so a replica that refuses too early
// would do little else. Refusals do not lower the bound, and its minimum has room for some hundred
// clients that retry immediately.

import { type Refusal, refusal } from '../problem.ts';

/** The request was not examined, so nothing happened. */
export const OVERLOADED: Refusal = refusal(
  'overloaded',
  'the replica cannot serve this many requests in time; nothing happened, try again later',
  { retryAfterMs: 1000 },
);
/** The least bound: with this many requests, commits and turns are shared well. */
const LIMIT_MIN = 320;
const LIMIT_MAX = 16_384;
/**
 * With at most this many requests no wait is assumed, because their service times may differ much.
 */
const FEW = 64;
const QUEUE_MS = 40;
const INTERVAL_MS = 100;
/** A thread that works for this share of the time has no idle time. */
const SATURATED = 0.9;
const GROWTH = 1.5;
/**
 * With a larger share of refusals, the service time cannot be separated from the time for refusing.
 */
const REFUSED_SHARE = 0.25;

/** The thread's times since the last call, in ms. */
export interface Work {
  readonly activeMs: number;
  readonly idleMs: number;
}

export class Admission {
  readonly #work: () => Work;
  #limit = LIMIT_MIN;
  #running = 0;
  /** Requests that the thread answers in a millisecond. */
  #perMs = LIMIT_MIN / QUEUE_MS;
  #isSaturated = false;
  #mayGrow = true;
  #intervalEndsMs = 0;
  /** In the current interval. */
  #answered = 0;
  #refused = 0;

  /** `work` returns the thread's times since the last call. */
  constructor(work: () => Work) {
    this.#work = work;
  }

  get limit(): number {
    return this.#limit;
  }

  /**
   * How long a request that arrives now waits for those before it, in ms; 0 while the thread has
   * idle time or few wait.
   */
  get waitMs(): number {
    return this.#isSaturated && this.#running >= FEW ? this.#running / this.#perMs : 0;
  }

  /** True if there is room for one more; otherwise the request is to be refused. */
  get hasRoom(): boolean {
    if (this.#running < this.#limit) return true;
    if (!this.#isSaturated && this.#mayGrow) this.#grow();
    return this.#running < this.#limit;
  }

  /** A request begins to run, whether or not there is room for it. */
  enter(): void {
    this.#running++;
  }

  /** The request is answered. */
  leave(): void {
    this.#running--;
    this.#answered++;
  }

  /** Counts a request that is refused for want of time or room, and returns the reason. */
  refuse(): Refusal {
    this.#refused++;
    return OVERLOADED;
  }

  /**
   * Called when input arrives for the first time in this turn of the event loop; `nowMs` is
   * monotonic.
   */
  onTurn(nowMs: number): void {
    this.#mayGrow = true;
    if (nowMs >= this.#intervalEndsMs) this.#adapt(nowMs);
  }

  /** Once a turn: the length of the current turn is not known yet. */
  #grow(): void {
    this.#mayGrow = false;
    this.#limit = Math.min(Math.ceil(this.#limit * GROWTH), LIMIT_MAX);
  }

  #adapt(nowMs: number): void {
    const { activeMs, idleMs } = this.#work();
    this.#isSaturated = activeMs > 0 && activeMs >= SATURATED * (activeMs + idleMs);
    if (this.#isSaturated && this.#answered > 0) this.#measure(activeMs);
    this.#intervalEndsMs = nowMs + INTERVAL_MS;
    this.#answered = 0;
    this.#refused = 0;
  }

  #measure(activeMs: number): void {
    const perMs = (this.#perMs + this.#answered / activeMs) / 2;
    const isClear = this.#refused <= REFUSED_SHARE * this.#answered;
    if (perMs > this.#perMs || isClear) this.#perMs = perMs;
    this.#limit = Math.min(Math.max(Math.ceil(this.#perMs * QUEUE_MS), LIMIT_MIN), LIMIT_MAX);
  }
}
