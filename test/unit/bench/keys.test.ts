import { expect, test } from 'vitest';

import { KeyTable, keyAt, keyBytes, MixPlan, OncePlan } from '../../bench/client/keys.ts';

const dataset = { prefix: 'small-', keys: 1000, valueBytes: 100 };

test('keys have sixteen bytes, and a table holds them in the requested form', () => {
  expect(keyAt(dataset, 42)).toBe('small-0000000042');
  expect(keyAt(dataset, 42)).toHaveLength(keyBytes);
  const table = new KeyTable(dataset, (key) => Buffer.from(key).toString('base64'));
  const target = Buffer.alloc(table.stride);
  table.copyTo(target, 0, 999);
  expect(Buffer.from(target.toString(), 'base64').toString()).toBe('small-0000000999');
});

test('the preload plan touches every key once and ends', () => {
  const plan = new OncePlan(3);
  const seen: number[] = [];
  while (plan.advance()) seen.push(plan.key);
  expect(seen).toEqual([0, 1, 2]);
});

test('a mix has the requested fraction of reads, and equal seeds make equal plans', () => {
  const [plan, twin] = [
    new MixPlan(1000, 0.95, 'uniform', 1),
    new MixPlan(1000, 0.95, 'uniform', 1),
  ];
  const steps = Array.from({ length: 20_000 }, () => {
    plan.advance();
    twin.advance();
    expect([plan.key, plan.isRead]).toEqual([twin.key, twin.isRead]);
    return plan.isRead;
  });
  expect(steps.filter(Boolean).length / steps.length).toBeCloseTo(0.95, 2);
});

test('zipfian keys are as skewed as 0.99 requires, and stay in range', () => {
  const plan = new MixPlan(1000, 0, 'zipfian', 1);
  const hits = new Map<number, number>();
  for (let step = 0; step < 100_000; step += 1) {
    plan.advance();
    hits.set(plan.key, (hits.get(plan.key) ?? 0) + 1);
  }
  const most = Math.max(...hits.values()) / 100_000;
  expect(Math.min(...hits.keys())).toBeGreaterThanOrEqual(0);
  expect(Math.max(...hits.keys())).toBeLessThan(1000);
  expect(most).toBeGreaterThan(0.12);
  expect(most).toBeLessThan(0.16);
});
