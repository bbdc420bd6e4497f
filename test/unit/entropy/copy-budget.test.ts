import { describe, expect, it } from 'vitest';
import { CopyBudget } from '../../../src/entropy/copy-budget.ts';

const HOUR_MS = 3_600_000;

describe('the copies that may begin in an hour', () => {
  it('begin at once up to the budget, and then one hour after the oldest', () => {
    const budget = new CopyBudget(2);
    expect([budget.take(0), budget.take(10)]).toEqual([true, true]);
    expect([budget.take(20), budget.waitMs(20)]).toEqual([false, HOUR_MS - 20]);
    expect([budget.take(HOUR_MS - 1), budget.take(HOUR_MS)]).toEqual([false, true]);
    expect([budget.take(HOUR_MS + 9), budget.take(HOUR_MS + 10)]).toEqual([false, true]);
  });

  it('are not reduced by those that were refused', () => {
    const budget = new CopyBudget(1);
    budget.take(0);
    for (let ms = 1; ms < 100; ms++) budget.take(ms);
    expect(budget.waitMs(HOUR_MS)).toBe(0);
    expect(budget.take(HOUR_MS)).toBe(true);
  });
});
