// A replica that was away receives the entries that it missed, from any holder, from memory or
// disk.

import { describe, expect, it } from 'vitest';
import { Cluster, putOf } from '../cluster/cluster.ts';

const values = (cluster: Cluster, n: number, count: number): string[] =>
  Array.from({ length: count }, (_, i) => cluster.value(n, `k${i}`));
const expected = (count: number): string[] => Array.from({ length: count }, (_, i) => `v${i}`);

function putMany(cluster: Cluster, n: number, count: number, w = 1): void {
  for (let i = 0; i < count; i++) cluster.put(n, `k${i}`, `v${i}`, { w });
}

/** Replica 2 is away while replica 0 writes. */
function missed(count: number, settings = {}): Cluster {
  const cluster = new Cluster({ settings });
  cluster.settle();
  cluster.crash(2);
  cluster.run(10);
  putMany(cluster, 0, count, 2);
  return cluster;
}

describe('a replica that was away', () => {
  it('receives what it missed from the memory of its peers', () => {
    const cluster = missed(20);
    cluster.restart(2);
    cluster.settle();
    expect(values(cluster, 2, 20)).toEqual(expected(20));
  });

  it('receives what it missed from storage if memory does not reach back', () => {
    const cluster = missed(50, { tailBytes: 300, frameBytes: 400, windowBytes: 800 });
    cluster.restart(2);
    cluster.settle();
    expect(values(cluster, 2, 50)).toEqual(expected(50));
    expect(cluster.replica(2).host?.metrics.streamGaps).toBe(0);
  });

  it('receives the entries of a dead replica from another holder', () => {
    const cluster = missed(50, { tailBytes: 300, frameBytes: 400 });
    cluster.crash(0);
    cluster.restart(2);
    cluster.runUntil(() => cluster.replica(2).status()?.self.state === 'serving');
    expect(values(cluster, 2, 50)).toEqual(expected(50));
  });

  it('receives them across a cut between the origin and itself', () => {
    const cluster = new Cluster();
    cluster.settle();
    cluster.cut(0, 2);
    cluster.run(4000);
    putMany(cluster, 0, 30, 2);
    cluster.run(2000);
    expect(values(cluster, 2, 30)).toEqual(expected(30));
  });

  it('reports catching-up until it has caught up', () => {
    const cluster = missed(200, { frameBytes: 200, windowBytes: 200 });
    cluster.restart(2);
    const states = new Set<string>();
    cluster.runUntil(() => {
      const state = cluster.replica(2).status()?.self.state ?? '';
      states.add(state);
      return state === 'serving';
    });
    expect([...states]).toEqual(['starting', 'catching-up', 'serving']);
    expect(values(cluster, 2, 200)).toEqual(expected(200));
  });
});

describe('a replica that lost its disk', () => {
  it('gets the log of its earlier incarnation back, and passes it on', () => {
    const cluster = new Cluster();
    cluster.settle();
    cluster.crash(2);
    cluster.run(10);
    putMany(cluster, 0, 20, 2);
    cluster.crash(0);
    cluster.replica(0).wipe();
    cluster.restart(0);
    cluster.run(2000);
    // Replica 2 may be the only other replica with an entry that was acknowledged here.
    expect(cluster.replica(0).status()?.self.state).toBe('catching-up');
    expect(cluster.value(0, 'k0')).toBe('catching-up');
    // Now only the wiped replica can report it.
    cluster.crash(1);
    cluster.restart(2);
    cluster.run(3000);
    expect(values(cluster, 2, 20)).toEqual(expected(20));
    expect(values(cluster, 0, 20)).toEqual(expected(20));
    expect(cluster.replica(0).status()?.self.state).toBe('serving');
  });
});

describe('a replica whose link is slower than the writes', () => {
  /**
   * The stream carries one entry per round trip of 400 ms to replica 2, and eight are written
   * meanwhile.
   */
  function overtaxed(): Cluster {
    const latencyMs = (from: number, to: number): number => (from === 2 || to === 2 ? 200 : 1);
    const settings = { frameBytes: 100, windowBytes: 100 };
    const cluster = new Cluster({ settings, network: { latencyMs } });
    cluster.settle();
    putMany(cluster, 0, 20, 2);
    cluster.settle();
    return cluster;
  }

  function keepWriting(cluster: Cluster, count = 0): void {
    const value = `w${count}`;
    const asked = putOf('busy', value, { w: 1 });
    cluster.begin(0, asked);
    cluster.world.after(50, () => keepWriting(cluster, count + 1));
  }

  const stateOf = (cluster: Cluster, n: number): string =>
    cluster.replica(n).status()?.self.state ?? '';

  it('has caught up when it holds what the others held when they greeted', () => {
    const cluster = overtaxed();
    cluster.crash(2);
    putMany(cluster, 0, 10, 2);
    cluster.restart(2);
    keepWriting(cluster);
    cluster.runUntil(() => stateOf(cluster, 2) === 'serving');
    expect(values(cluster, 2, 20)).toEqual(expected(20));
  });

  it('returns from an empty disk when it holds what the others held when they greeted', () => {
    const cluster = overtaxed();
    cluster.crash(2);
    cluster.replica(2).wipe();
    cluster.restart(2);
    keepWriting(cluster);
    cluster.runUntil(() => stateOf(cluster, 2) === 'serving');
    expect(values(cluster, 2, 20)).toEqual(expected(20));
  });
});

describe('a stream', () => {
  it('that is slower than the time-out of its receiver is not sent twice', () => {
    // One frame per round trip of four seconds.
    const latencyMs = (from: number, to: number): number => (from + to === 2 ? 2000 : 1);
    const settings = { frameBytes: 200, windowBytes: 200 };
    const cluster = new Cluster({ settings, network: { latencyMs, peerTimeoutMs: 60_000 } });
    cluster.run(15_000);
    cluster.crash(1);
    putMany(cluster, 0, 20);
    cluster.run(60_000);
    expect(values(cluster, 2, 20)).toEqual(expected(20));
    expect(cluster.replica(2).host?.metrics.streamDuplicates).toBe(0);
  });
});
