// How often a further peer may be asked when an answer is overdue. A hedge costs as much as a
// question, and answers are overdue above all when every replica is busy: without a bound, hedges
// make an overload worse.
//
// Each question pays in a part of a hedge, and so does the time, so that a replica with few reads
// can hedge them. What is paid in and not used lasts for some hedges only.
//
// Bound: in a time of S seconds in which Q questions are asked, at most Q / QUESTIONS_PER_HEDGE +
// S * HEDGES_PER_SECOND + HEDGES_SAVED_MAX hedges. Beyond it the read waits for those that it has
// asked.

import { assert } from '../base/assert.ts';

export const QUESTIONS_PER_HEDGE = 20;
export const HEDGES_PER_SECOND = 2;
export const HEDGES_SAVED_MAX = 16;

export class HedgeBudget {
  /** In questions. */
  #saved = HEDGES_SAVED_MAX * QUESTIONS_PER_HEDGE;
  #paidAtMs: number | undefined;

  /** A question is asked that is no hedge. */
  onQuestion(): void {
    this.#pay(1);
  }

  /** True: one hedge may be sent, and is counted. */
  take(nowMs: number): boolean {
    const passedMs = nowMs - (this.#paidAtMs ?? nowMs);
    assert(passedMs >= 0, 'hedge budget: the time goes forward');
    this.#paidAtMs = nowMs;
    this.#pay((passedMs / 1000) * HEDGES_PER_SECOND * QUESTIONS_PER_HEDGE);
    if (this.#saved < QUESTIONS_PER_HEDGE) return false;
    this.#saved -= QUESTIONS_PER_HEDGE;
    return true;
  }

  #pay(questions: number): void {
    this.#saved = Math.min(this.#saved + questions, HEDGES_SAVED_MAX * QUESTIONS_PER_HEDGE);
  }
}
