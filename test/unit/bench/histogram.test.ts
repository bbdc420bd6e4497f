import { expect, test } from 'vitest';

import { Histogram } from '../../bench/client/histogram.ts';

test('quantiles of a known sample are right to one percent', () => {
  const histogram = new Histogram();
  for (let ms = 1; ms <= 10_000; ms += 1) histogram.record(ms / 10);
  const { count, p50Ms, p99Ms, p999Ms, maxMs } = histogram.quantiles();
  expect(count).toBe(10_000);
  expect(p50Ms / 500).toBeCloseTo(1, 2);
  expect(p99Ms / 990).toBeCloseTo(1, 2);
  expect(p999Ms / 999).toBeCloseTo(1, 2);
  expect(maxMs).toBe(1000);
});

test('one sample is every quantile, and no quantile is zero', () => {
  const histogram = new Histogram();
  expect(histogram.quantileMs(0.5)).toBe(0);
  histogram.record(0.0123);
  expect(histogram.quantileMs(0.001)).toBeCloseTo(0.0123, 3);
  expect(histogram.quantileMs(1)).toBeCloseTo(0.0123, 3);
});

test('a reset clears it, and a time beyond the range counts as the longest', () => {
  const histogram = new Histogram();
  histogram.record(1e9);
  expect(histogram.quantileMs(1)).toBeGreaterThan(200_000);
  histogram.reset();
  expect(histogram.quantiles()).toMatchObject({ count: 0, maxMs: 0, p999Ms: 0 });
});
