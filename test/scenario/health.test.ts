// A replica that is too far behind stops answering reads of a namespace that says so, goes on storing, and returns by
// itself.

import { describe, expect, it } from 'vitest';
import { Cluster, shown } from '../simulation/cluster.ts';

const namespaces = {
  ns: {},
  fresh: { staleAfter: { timeMs: 2000 } },
  counted: { staleAfter: { entries: 20 } },
};

function settled(settings = {}): Cluster {
  const cluster = new Cluster({ namespaces, settings });
  cluster.settle();
  cluster.run(1000);
  return cluster;
}

const staleAt = (cluster: Cluster, n: number): string[] =>
  (cluster.replica(n).status()?.self.stale ?? []).map(
    ({ namespace, rule }) => `${namespace} by ${rule}`,
  );

function cutOff(cluster: Cluster, n: number): void {
  for (const { index } of cluster.replicas) if (index !== n) cluster.cut(n, index);
}

describe('a replica that hears nobody', () => {
  it('refuses reads where the policy bounds its age, and names who may answer', () => {
    const cluster = settled();
    cluster.put(0, 'a', 'one', { w: 3, ns: 'fresh' });
    cutOff(cluster, 2);
    cluster.run(1500);
    expect(cluster.value(2, 'a', 'fresh')).toBe('one');
    cluster.run(6000);
    expect(cluster.get(2, 'a', { r: 1, ns: 'fresh' })).toMatchObject({
      kind: 'failed',
      fault: { code: 'replica-stale', alternates: [] },
    });
    expect(shown(cluster.list(2, { ns: 'fresh' }))).toBe('replica-stale');
    expect(staleAt(cluster, 2)).toEqual(['fresh by time']);
  });

  it('goes on where no policy bounds it, and goes on storing everywhere', () => {
    const cluster = settled();
    cluster.put(0, 'a', 'one', { w: 3 });
    cutOff(cluster, 2);
    cluster.run(8000);
    expect(cluster.value(2, 'a')).toBe('one');
    expect(cluster.put(2, 'b', 'two', { w: 1, ns: 'fresh' })).toMatchObject({ kind: 'written' });
  });

  it('returns by itself once it has caught up, and not at the first glimpse', () => {
    const cluster = settled();
    cutOff(cluster, 2);
    cluster.run(8000);
    cluster.put(0, 'a', 'meanwhile', { w: 2, ns: 'fresh' });
    cluster.network.healAll();
    cluster.runUntil(() => cluster.isSettled());
    expect(cluster.value(2, 'a', 'fresh')).toBe('replica-stale');
    cluster.runUntil(() => staleAt(cluster, 2).length === 0);
    expect(cluster.value(2, 'a', 'fresh')).toBe('meanwhile');
  });
});

describe('a replica of a cluster in which another is down', () => {
  it('is not stale for that, before or after the other comes back', () => {
    const cluster = settled();
    cluster.crash(2);
    for (let second = 0; second < 10; second++) {
      cluster.run(1000);
      expect([staleAt(cluster, 0), staleAt(cluster, 1)]).toEqual([[], []]);
    }
    cluster.restart(2);
    for (let step = 0; step < 40; step++) {
      cluster.run(100);
      expect([staleAt(cluster, 0), staleAt(cluster, 1)]).toEqual([[], []]);
    }
  });
});

describe('a replica that lacks too many entries', () => {
  it('refuses reads until it has most of them', () => {
    const cluster = settled();
    // Its disk is so slow that what it is told of cannot be stored in time.
    const { storage } = cluster.replica(2);
    if (storage === undefined) throw new Error('it runs');
    storage.commitMs = 3000;
    for (let i = 0; i < 60; i++) cluster.put(0, `k${i}`, 'v', { w: 2, ns: 'counted' });
    cluster.run(1500);
    expect(staleAt(cluster, 2)).toContain('counted by entries');
    expect(cluster.value(2, 'k0', 'counted')).toBe('replica-stale');
    expect(cluster.get(0, 'k0', { r: 2, ns: 'counted' })).toMatchObject({ kind: 'found' });
    storage.resetSpeed();
    cluster.runUntil(() => staleAt(cluster, 2).length === 0);
    expect(cluster.value(2, 'k59', 'counted')).toBe('v');
  });
});
