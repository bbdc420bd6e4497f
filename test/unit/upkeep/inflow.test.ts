import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../../src/model/metrics.ts';
import { Inflow } from '../../../src/upkeep/inflow.ts';

describe('the count of mutations that have arrived', () => {
  it('has those written here and those received, since the last count', () => {
    const metrics = createMetrics();
    const inflow = new Inflow({ metrics });
    expect(inflow.take()).toBe(0);
    metrics.writes += 2;
    metrics.entriesReceived += 3;
    expect([inflow.take(), inflow.take()]).toEqual([5, 0]);
    metrics.entriesReceived++;
    expect(inflow.take()).toBe(1);
  });
});
