// Processes die and machines lose power. Acknowledged writes are present afterwards, refused ones
// are not, and no number is issued twice.

import { describe, expect, it } from 'vitest';
import type { Call } from '../cluster/cluster.ts';
import { Cluster, listOf, putOf, shown } from '../cluster/cluster.ts';

function restartAll(cluster: Cluster): void {
  for (const { index } of cluster.replicas) cluster.restart(index);
}

describe.each(['crash', 'powerCut'] as const)('a %s of all replicas at once', (how) => {
  it('loses no acknowledged write, whatever was under way', () => {
    const cluster = new Cluster();
    cluster.settle();
    const calls: Call[] = [];
    for (let i = 0; i < 60; i++) {
      calls.push(cluster.begin(i % 3, putOf(`k${i}`, `v${i}`, { w: 1 + (i % 3) })));
      cluster.run(0.3);
    }
    const acked = calls.filter(({ outcome }) => typeof outcome === 'object');
    cluster[how](0, 'lost');
    cluster[how](1, 'kept');
    cluster[how](2, 'lost');
    expect(calls.filter(({ outcome }) => outcome === 'broken').length).toBeGreaterThan(0);
    expect(acked.length).toBeGreaterThan(30);
    restartAll(cluster);
    cluster.settle();
    for (const [i, { outcome }] of calls.entries()) {
      if (typeof outcome !== 'object') continue;
      expect(outcome.kind).toBe('written');
      for (const n of [0, 1, 2]) expect(cluster.value(n, `k${i}`)).toBe(`v${i}`);
    }
  });
});

describe('a write under way when its process dies', () => {
  it.each(['kept', 'lost'] as const)(
    'is on every replica or on none, when its batch is %s',
    (fate) => {
      const cluster = new Cluster();
      cluster.settle();
      const call = cluster.begin(0, putOf('a', 'one', { w: 1 }));
      cluster.run(0.2);
      expect(call.outcome).toBeUndefined();
      cluster.crash(0, fate);
      expect(call.outcome).toBe('broken');
      cluster.restart(0);
      cluster.settle();
      const expected = fate === 'kept' ? 'one' : 'absent';
      for (const n of [0, 1, 2]) expect(cluster.value(n, 'a')).toBe(expected);
    },
  );
});

describe('a new incarnation', () => {
  it('issues no number that the one before issued', () => {
    const cluster = new Cluster();
    cluster.settle();
    const dots = new Set<string>();
    for (let life = 0; life < 5; life++) {
      for (let i = 0; i < 3; i++) dots.add(shown(cluster.put(0, `k${life}${i}`, 'v', { w: 2 })));
      cluster.crash(0);
      cluster.restart(0);
      cluster.runUntil(() => cluster.replica(0).status()?.self.state === 'serving');
    }
    expect(dots.size).toBe(15);
    expect(dots).toContain('ap-1.5.3');
  });

  it('never lets its writes overtake those of the one before', () => {
    // The first incarnation ends with entries that only its own disk has.
    const cluster = new Cluster({ namespaces: { ns: { consistency: 'fifo' } } });
    cluster.settle();
    cluster.cut(0, 2);
    cluster.cut(0, 1);
    for (let i = 0; i < 5; i++) cluster.put(0, `k${i}`, 'early', { w: 1 });
    cluster.crash(0);
    cluster.restart(0);
    cluster.run(3500);
    cluster.put(0, 'late', 'late', { w: 1 });
    cluster.network.healAll();
    let sawLate = false;
    cluster.runUntil(() => {
      const list = cluster.begin(2, listOf());
      cluster.answer(list);
      const keys = typeof list.outcome === 'object' ? shown(list.outcome) : '';
      if (keys.includes('late')) {
        sawLate = true;
        expect(keys).toBe('k0 k1 k2 k3 k4 late');
      }
      return sawLate;
    });
  });

  it('is refused by a peer until that holds the end of the one before', () => {
    const cluster = new Cluster({ settings: { frameBytes: 200, windowBytes: 200 } });
    cluster.settle();
    cluster.crash(2);
    cluster.run(10);
    for (let i = 0; i < 40; i++) cluster.put(0, `k${i}`, 'early', { w: 1 });
    cluster.crash(0);
    cluster.restart(0);
    cluster.runUntil(() => cluster.replica(0).status()?.self.state === 'serving');
    cluster.put(0, 'late', 'late', { w: 2 });
    cluster.restart(2);
    const held = (of: string): number => {
      const vector = cluster.replica(2).status()?.self.vector ?? [];
      return vector.find(([origin]) => origin === of)?.[1] ?? 0;
    };
    cluster.runUntil(() => held('ap-1.2') > 0);
    expect(held('ap-1.1')).toBe(40);
  });
});

describe('a storage that fails', () => {
  it.each(['kept', 'lost'] as const)(
    'is poisoned: every request is answered, nothing is acknowledged, the next incarnation continues (%s)',
    (fate) => {
      const cluster = new Cluster({ restartMs: 500 });
      cluster.settle();
      cluster.put(0, 'a', 'old', { w: 3 });
      cluster.replica(0).storage?.failNextCommit('simulated', fate);
      const calls = ['a', 'b', 'c'].map((name) => cluster.begin(0, putOf(name, 'new', { w: 1 })));
      const read = cluster.begin(0, { kind: 'read', ...READ, r: 3 });
      const overlay = cluster.begin(0, { kind: 'read', ...READ, r: 1 });
      cluster.run(5);
      for (const { outcome } of calls)
        expect(outcome).toMatchObject({ kind: 'failed', fault: { code: 'outcome-unknown' } });
      for (const { outcome } of [read, overlay])
        expect(outcome).toMatchObject({ kind: 'failed', fault: { code: 'storage-failed' } });
      expect(cluster.replica(0).halts).toEqual(['storage failed']);
      expect(shown(cluster.put(0, 'd', 'no'))).toBe('broken');
      cluster.settle();
      const expected = fate === 'kept' ? 'new' : 'old';
      for (const n of [0, 1, 2]) expect(cluster.value(n, 'a')).toBe(expected);
    },
  );
});

const READ = {
  session: undefined,
  onUnmet: 'fail',
  namespace: 'ns' as never,
  key: 'a' as never,
  timeoutMs: 5000,
} as const;
