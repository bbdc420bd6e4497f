// Clocks that are wrong: a stamp from the future does not spread, and a write is never acknowledged that would lose to
// what it replaces.

import { describe, expect, it } from 'vitest';
import { Cluster, putOf, shown } from '../simulation/cluster.ts';

const START = Date.UTC(2024, 0, 1);
const clocks = (...offsets: number[]) => offsets.map((ms) => ({ wallStartMs: START + ms }));

describe('a replica whose clock runs ahead', () => {
  it('beyond the bound is not believed: neither its stream nor its answers are taken', () => {
    const cluster = new Cluster({ clocks: clocks(3000, 0, 0) });
    cluster.run(500);
    cluster.put(0, 'a', 'from the future', { w: 1 });
    expect(shown(cluster.get(1, 'a', { r: 2 }))).toBe('absent');
    expect(cluster.value(1, 'a')).toBe('absent');
    expect(cluster.replica(1).host?.metrics.clockRefusals).toBeGreaterThan(0);
    expect(shown(cluster.put(1, 'a', 'from the present', { w: 1 }))).toBe('eu-1.1.1');
    expect(cluster.value(1, 'a')).toBe('from the present');
  });

  it('within the bound is followed, so that later writes win', () => {
    const cluster = new Cluster({ clocks: clocks(400, 0, 0) });
    cluster.settle();
    cluster.put(0, 'a', 'one', { w: 3 });
    cluster.put(1, 'a', 'two', { w: 3 });
    for (const n of [0, 1, 2]) expect(cluster.value(n, 'a')).toBe('two');
  });
});

describe('a replica whose clock went back between two lives', () => {
  it('stamps above what its own log holds', () => {
    const options = { clocks: clocks(0, 0, 0).map((clock) => ({ ...clock })) };
    const cluster = new Cluster(options);
    cluster.settle();
    cluster.put(0, 'a', 'one', { w: 3 });
    cluster.crash(0);
    options.clocks[0] = { wallStartMs: START - 60_000 };
    cluster.restart(0);
    cluster.run(1000);
    cluster.put(0, 'a', 'two', { w: 1 });
    expect(cluster.value(0, 'a')).toBe('two');
  });

  it('refuses a write that would lose to a repaired record, rather than acknowledge it', () => {
    // The record came by repair: no log of this replica remembers its stamp.
    const options = { clocks: clocks(0, 0, 0).map((clock) => ({ ...clock })) };
    const cluster = new Cluster(options);
    cluster.settle();
    cluster.cut(0, 2);
    cluster.put(0, 'a', 'one', { w: 2 });
    expect(shown(cluster.get(2, 'a', { r: 2 }))).toBe('one');
    cluster.run(10);
    cluster.crash(2);
    cluster.cut(1, 2);
    options.clocks[2] = { wallStartMs: START - 60_000 };
    cluster.restart(2);
    cluster.run(1000);
    expect(cluster.value(2, 'a')).toBe('one');
    expect(shown(cluster.put(2, 'a', 'two', { w: 1 }))).toBe('clock-drift');
    expect(cluster.value(2, 'a')).toBe('one');
    expect(shown(cluster.put(2, 'b', 'two', { w: 1 }))).toBe('us-1.2.1');
  });

  it('within the bound writes above a repaired record', () => {
    const options = { clocks: clocks(0, 0, 0).map((clock) => ({ ...clock })) };
    const cluster = new Cluster(options);
    cluster.settle();
    cluster.cut(0, 2);
    cluster.put(0, 'a', 'one', { w: 2 });
    cluster.get(2, 'a', { r: 2 });
    cluster.run(10);
    cluster.crash(2);
    cluster.cut(1, 2);
    options.clocks[2] = { wallStartMs: START - 700 };
    cluster.restart(2);
    cluster.run(400);
    expect(shown(cluster.put(2, 'a', 'two', { w: 1 }))).toBe('us-1.2.1');
    expect(cluster.value(2, 'a')).toBe('two');
  });
});

describe('a value with a lifetime', () => {
  it('is the same at its origin and everywhere, to the last bit, though clocks tick in fractions', () => {
    const cluster = new Cluster({ clocks: [{ drift: 0.000_37 }, {}, {}] });
    cluster.settle();
    cluster.run(123.456);
    cluster.answer(cluster.begin(0, putOf('a', 'one', { w: 3, ttlMs: 1000 })));
    const expiries = [0, 1, 2].map((n) => {
      const reply = cluster.get(n, 'a', { r: 1 });
      return typeof reply === 'object' && reply.kind === 'found' ? reply.record.expiresAtMs : -n;
    });
    expect(new Set(expiries).size).toBe(1);
    expect(Number.isInteger(expiries[0])).toBe(true);
  });
});
