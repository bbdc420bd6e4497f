// Who is served when more is asked for than can be done. A replica has one thread: when requests come faster than it works
// them off, whoever is behind waits for all before him. So as many requests are let in as it answers in QUEUE_MS, and nobody
// is let in whose own time is shorter than what is before him: what would be answered too late is refused at once, while
// nothing was done for it.
//
// The bound follows the measured service time: the time that the thread worked, divided by the requests that it answered
// meanwhile. How long a request waits is then the number before it times the service time (Little 1961). While the thread
// does rest there is no overload, however many requests wait for peers and disks: the bound rises whenever it is met.
//
// On the fast path a refusal takes about a tenth of the time of a write, so the queue is short. Where Node's HTTP server reads
// the requests it takes a third: then a replica that refuses too early ends in refusing only. The bound does not fall because of
// refusals, and the least one has room for some hundred clients that ask again as soon as they are answered.

import { type Refusal, refusal } from '../problem.ts';

/** Nothing of the request was looked at, so nothing happened. */
export const OVERLOADED: Refusal = refusal(
  'overloaded',
  'more is asked of this replica than it can do in time; nothing happened',
  { retryAfterMs: 1000 },
);
/** Fewer are not refused by their number: so many share commits and turns well. */
const LIMIT_MIN = 640;
const LIMIT_MAX = 16_384;
/** So many are nobody's reason to wait: what they take may differ much. */
const FEW = 64;
const QUEUE_MS = 100;
const INTERVAL_MS = 100;
/** A thread that works for so much of the time has no rest. */
const SATURATED = 0.9;
const GROWTH = 1.5;
/** With more refusals than this share of the answers, the service time cannot be told from the time for refusing. */
const REFUSED_SHARE = 0.25;

/** What the thread did since it was asked last, in ms. */
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
  /** In this interval. */
  #answered = 0;
  #refused = 0;

  /** `work` tells what the thread did since the last call. */
  constructor(work: () => Work) {
    this.#work = work;
  }

  get limit(): number {
    return this.#limit;
  }

  /** For how long a request that comes now waits for those before it, in ms; 0 while the thread has rest, or few wait. */
  get waitMs(): number {
    return this.#isSaturated && this.#running >= FEW ? this.#running / this.#perMs : 0;
  }

  /** There is room for one more. If not, it is to be refused. */
  get hasRoom(): boolean {
    if (this.#running < this.#limit) return true;
    if (!this.#isSaturated && this.#mayGrow) this.#grow();
    return this.#running < this.#limit;
  }

  /** A request begins to run, whether or not there is room for it. */
  enter(): void {
    this.#running++;
  }

  /** It is answered. */
  leave(): void {
    this.#running--;
    this.#answered++;
  }

  /** A request is refused for want of time or room: counts it, and says why. */
  refuse(): Refusal {
    this.#refused++;
    return OVERLOADED;
  }

  /** A turn of the event loop is over, at this monotonic time. */
  onTurn(nowMs: number): void {
    this.#mayGrow = true;
    if (nowMs >= this.#intervalEndsMs) this.#adapt(nowMs);
  }

  /** Once a turn: how long this one gets is not known yet. */
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
