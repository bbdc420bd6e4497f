// Logs are truncated up to the stable cut and never above it, and a replica that needs truncated
// entries ends no other one.

import { describe, expect, it } from 'vitest';
import { type Call, Cluster, putOf } from '../cluster/cluster.ts';
import type { MemoryStorage } from '../cluster/memory-storage.ts';
import { origin } from '../support/build.ts';
import { countOf } from '../../src/store/block.ts';
import { laneSpan } from '../../src/store/layout.ts';

const RETAIN = 50;
const COUNT = 1200;
const FIRST_LIFE = origin('ap-1.1');

function fill(cluster: Cluster, n: number, count = COUNT): void {
  const calls: Call[] = [];
  for (let i = 0; i < count; i++) calls.push(cluster.begin(n, putOf(`k${i}`, 'v', { w: 1 })));
  cluster.runUntil(() => calls.every(({ outcome }) => outcome !== undefined));
}

/** The entries of the first incarnation of replica 0 on a disk. */
function stored(cluster: Cluster, n: number): number {
  const span = laneSpan(FIRST_LIFE, 1, 1e6);
  const result = cluster
    .replica(n)
    .disk.range({ ...span, reverse: false, limit: 1e6, bytesMax: 1e9 });
  if (!result.ok) return -1;
  return result.entries.reduce((sum, { value }) => sum + countOf(value), 0);
}

/** Removals are requested and never carried out. */
function loseRemovals(storage: MemoryStorage): { count: number } {
  const lost = { count: 0 };
  storage.clear = () => void lost.count++;
  return lost;
}

function untilTruncated(cluster: Cluster, lost: { readonly count: number }): void {
  for (let i = 0; i < 100; i++) {
    if (lost.count > 0) return;
    cluster.run(100);
    cluster.put(0, 'more', 'v', { w: 1 });
  }
}

const filled = (settings = {}): Cluster => {
  const cluster = new Cluster({ settings: { logRetainEntries: RETAIN, ...settings } });
  cluster.settle();
  return cluster;
};

describe('a log', () => {
  it('is truncated everywhere below what all members hold, except for what is retained', () => {
    const cluster = filled();
    fill(cluster, 0);
    cluster.settle();
    cluster.run(1000);
    cluster.put(0, 'more', 'v', { w: 3 });
    cluster.run(100);
    // Entries after the last truncation wait for the next thousand.
    for (const n of [0, 1, 2]) {
      expect(stored(cluster, n)).toBeLessThan(COUNT - 900);
      expect(stored(cluster, n)).toBeGreaterThanOrEqual(RETAIN);
    }
    for (const n of [0, 1, 2]) cluster.crash(n);
    for (const n of [0, 1, 2]) cluster.restart(n);
    cluster.settle();
    expect(cluster.replicas.flatMap(({ halts }) => halts)).toEqual([]);
    for (const n of [0, 1, 2]) expect(cluster.value(n, 'k0')).toBe('v');
  });

  it('waits for a member that is away', () => {
    const cluster = filled();
    cluster.crash(2);
    cluster.run(10);
    fill(cluster, 0);
    cluster.run(5000);
    expect(stored(cluster, 0)).toBe(COUNT);
    expect(stored(cluster, 1)).toBe(COUNT);
    cluster.restart(2);
    cluster.settle();
    cluster.run(500);
    cluster.put(0, 'more', 'v', { w: 3 });
    cluster.run(500);
    expect(stored(cluster, 0)).toBeLessThan(COUNT - 900);
  });

  it('is whole after a crash between the new floor and the removal, which is then repeated', () => {
    const cluster = filled();
    fill(cluster, 0);
    cluster.settle();
    const { storage, disk } = cluster.replica(0);
    if (storage === undefined) throw new Error('the replica runs');
    const lost = loseRemovals(storage);
    untilTruncated(cluster, lost);
    expect(lost.count).toBe(1);
    const left = stored(cluster, 0);
    expect(left).toBeGreaterThan(COUNT);
    cluster.crash(0);
    cluster.restart(0);
    cluster.settle();
    expect(cluster.replica(0).halts).toEqual([]);
    expect(cluster.replica(0).disk).toBe(disk);
    expect(stored(cluster, 0)).toBe(left);
  });

  it('loses with the next truncation what a crash left below its floor', () => {
    const cluster = filled();
    fill(cluster, 0);
    cluster.settle();
    const { storage } = cluster.replica(0);
    if (storage === undefined) throw new Error('the replica runs');
    const clear = storage.clear.bind(storage);
    const lost = loseRemovals(storage);
    untilTruncated(cluster, lost);
    storage.clear = clear;
    fill(cluster, 0);
    cluster.settle();
    cluster.run(1000);
    cluster.put(0, 'more', 'v', { w: 3 });
    cluster.run(100);
    expect(stored(cluster, 0)).toBeLessThan(COUNT);
  });
});

describe('a sender that was behind', () => {
  it('continues when another holder has supplied what was truncated', () => {
    // Replica 1 still has the entries that replica 0 has truncated.
    const cluster = filled();
    fill(cluster, 0);
    cluster.settle();
    cluster.crash(1);
    cluster.run(1000);
    cluster.put(0, 'more', 'v', { w: 2 });
    cluster.run(1000);
    expect(stored(cluster, 0)).toBeLessThan(COUNT - 900);
    expect(stored(cluster, 1)).toBe(COUNT);
    cluster.crash(2);
    cluster.replica(2).wipe();
    cluster.restart(2);
    cluster.run(100);
    cluster.restart(1);
    cluster.settle();
    cluster.cut(1, 2);
    cluster.run(4000);
    expect(cluster.put(0, 'a', 'one', { w: 3, timeoutMs: 500 })).toMatchObject({ acks: 3 });
  });
});
