import { expect, test } from 'vitest';

import { ratioOf, spreadOf, verdictOn } from '../../bench/report/ratio.ts';
import type { Slot } from '../../bench/slot.ts';

const noTimes = { count: 0, meanMs: 0, p50Ms: 0, p99Ms: 0, p999Ms: 0, maxMs: 0 };

function slot(system: string, round: number, opsPerSecond: number): Slot {
  return {
    system,
    workload: 'put',
    round,
    opsPerSecond,
    seconds: 1,
    puts: noTimes,
    gets: noTimes,
    misses: 0,
    errors: 0,
    firstError: undefined,
    cpuMicrosPerOp: 0,
    clientMicrosPerOp: 0,
    clientLoad: 0,
    foreignCores: 0,
    writtenBytesPerOp: 0,
    rssBytes: 0,
    counted: {},
  };
}

test('a ratio is taken within each round, and rounds without both sides are left out', () => {
  const slots = [slot('conit', 0, 20), slot('etcd', 0, 10), slot('etcd', 1, 10)];
  slots.push(slot('conit', 2, 60), slot('etcd', 2, 20), slot('conit', 3, 1));
  const [ours, theirs] = ['conit', 'etcd'].map((system) => ({ system, workload: 'put' }));
  if (ours === undefined || theirs === undefined) throw new Error('two cells');
  const spread = ratioOf(slots, ours, theirs, ({ opsPerSecond }) => opsPerSecond);
  expect(spread).toEqual({ median: 2.5, min: 2, max: 3 });
});

test('the median of an odd number of values is the middle one, and an empty list has none', () => {
  expect(spreadOf([9, 1, 2])).toEqual({ median: 2, min: 1, max: 9 });
  expect(spreadOf([])).toBeUndefined();
  expect(spreadOf([Number.NaN])).toBeUndefined();
});

test('a verdict names the figure that was reached, on either side', () => {
  const two = { median: 2, min: 2, max: 2 };
  expect(verdictOn(two, 1, 2)).toBe('goal');
  expect(verdictOn(two, 1, 3)).toBe('must');
  expect(verdictOn(two, 2.1, 3)).toBe('below');
  expect(verdictOn(undefined, 1, 2)).toBe('missing');
  expect(verdictOn(two, 2, 1, true)).toBe('must');
  expect(verdictOn(two, 3, 2, true)).toBe('goal');
  expect(verdictOn(two, 1.9, undefined, true)).toBe('below');
});
