import { beforeEach, describe, expect, it } from 'vitest';
import {
  HedgeBudget,
  HEDGES_PER_SECOND,
  HEDGES_SAVED_MAX,
  QUESTIONS_PER_HEDGE,
} from '../../../src/peers/hedge-budget.ts';

let budget: HedgeBudget;

beforeEach(() => {
  budget = new HedgeBudget();
});

/** Uses all hedges that there are at this time. */
function takeAll(nowMs: number): number {
  let taken = 0;
  while (budget.take(nowMs)) taken++;
  return taken;
}

function ask(questions: number): void {
  for (let n = 0; n < questions; n++) budget.onQuestion();
}

describe('the budget of hedges', () => {
  it('has some hedges at first, for a replica that has asked nothing yet', () => {
    expect(takeAll(1000)).toBe(HEDGES_SAVED_MAX);
  });

  it('gets one for every twentieth question', () => {
    takeAll(0);
    ask(QUESTIONS_PER_HEDGE - 1);
    expect(takeAll(0)).toBe(0);
    ask(1 + 2 * QUESTIONS_PER_HEDGE);
    expect(takeAll(0)).toBe(3);
  });

  it('gets some with the time, however few questions there are', () => {
    takeAll(0);
    expect(takeAll(999 / HEDGES_PER_SECOND)).toBe(0);
    expect(takeAll(1000 / HEDGES_PER_SECOND)).toBe(1);
    expect(takeAll(3000)).toBe(3 * HEDGES_PER_SECOND - 1);
  });

  it('saves no more than it has at first, whatever is asked and however long', () => {
    ask(10_000);
    expect(takeAll(1_000_000)).toBe(HEDGES_SAVED_MAX);
    ask(10_000);
    expect(takeAll(1_000_000)).toBe(HEDGES_SAVED_MAX);
  });

  it('keeps its bound under a load in which every answer is overdue', () => {
    let hedges = 0;
    for (let ms = 0; ms < 10_000; ms++) {
      ask(7);
      for (let n = 0; n < 7; n++) if (budget.take(ms)) hedges++;
    }
    const earned = 70_000 / QUESTIONS_PER_HEDGE + 10 * HEDGES_PER_SECOND;
    expect(hedges).toBeLessThanOrEqual(earned + HEDGES_SAVED_MAX);
    expect(hedges).toBeGreaterThan(earned * 0.99);
  });
});
