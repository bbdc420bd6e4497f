import { describe, expect, it } from 'vitest';
import { Nearness } from '../../../src/peers/nearness.ts';

describe('nearness', () => {
  it('ranks the nearest first, unmeasured ones last, and equal ones by their place', () => {
    const nearness = new Nearness(1, 5);
    expect(nearness.order).toEqual([0, 2, 3, 4]);
    nearness.observe(4, 10);
    nearness.observe(3, 5);
    nearness.observe(0, 5);
    expect(nearness.order).toEqual([0, 2, 3, 4]);
    nearness.rank();
    expect(nearness.order).toEqual([0, 3, 4, 2]);
  });

  it('follows a peer that becomes slower, and waits longer for one that varies more', () => {
    const nearness = new Nearness(0, 2);
    expect(nearness.meanMs(1)).toBeUndefined();
    for (let i = 0; i < 100; i++) nearness.observe(1, 10);
    expect(nearness.meanMs(1)).toBeCloseTo(10);
    expect(nearness.hedgeAfterMs(1)).toBeCloseTo(10, 0);
    for (let i = 0; i < 100; i++) nearness.observe(1, i % 2 === 0 ? 10 : 30);
    expect(nearness.meanMs(1)).toBeGreaterThan(15);
    expect(nearness.hedgeAfterMs(1)).toBeGreaterThan(30);
  });

  it('never hedges at once', () => {
    const nearness = new Nearness(0, 2);
    nearness.observe(1, 0);
    expect(nearness.hedgeAfterMs(1)).toBe(1);
  });
});
