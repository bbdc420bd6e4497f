// A tombstone is kept until every replica has the delete and everything that is older, and then no
// replica keeps it.

import { describe, expect, it } from 'vitest';
import { allRecords } from '../../src/store/layout.ts';
import { Cluster, type ClusterOptions, shown } from '../cluster/cluster.ts';
import { MemoryDisk } from '../cluster/memory-disk.ts';
import type { Explained } from '../../src/model/reply.ts';

/** Every log is truncated as soon as all have its entries. */
const settings = { logRetainEntries: 0, logTruncateEntries: 1, frameBytes: 600 };

const settled = (options: ClusterOptions = {}): Cluster => {
  const cluster = new Cluster({ ...options, settings: { ...settings, ...options.settings } });
  cluster.settle();
  return cluster;
};

const kept = (cluster: Cluster): (number | undefined)[] =>
  cluster.replicas.map(({ host }) => host?.metrics.tombstones);
const stored = (cluster: Cluster, n: number): number => {
  const all = { ...allRecords(), reverse: false, limit: 1e6, bytesMax: 1e9 };
  const result = cluster.replica(n).disk.range(all);
  return result.ok ? result.entries.length : -1;
};
const values = (cluster: Cluster, key: string): string[] =>
  [0, 1, 2].map((n) => cluster.value(n, key));
const counted = (cluster: Cluster, name: 'snapshotRecordsAbsent' | 'resurrectionsRefused') =>
  cluster.replicas.reduce((sum, { host }) => sum + (host?.metrics[name] ?? 0), 0);

/** Key `a` is deleted and forgotten by all while replica 2 has its old contents. */
function forgotten(how: 'wiped' | 'restored'): Cluster {
  const cluster = settled();
  for (let i = 0; i < 20; i++) cluster.put(i % 3, `k${i}`, 'v', { w: 3 });
  cluster.put(0, 'a', 'old', { w: 3 });
  cluster.run(500);
  const { disk, identity } = cluster.replica(2);
  const copy = disk.copy();
  cluster.del(1, 'a', { w: 3 });
  cluster.run(4000);
  expect(kept(cluster)).toEqual([0, 0, 0]);
  cluster.crash(2);
  cluster.replica(2).disk = how === 'wiped' ? new MemoryDisk() : copy;
  cluster.replica(2).identity = how === 'wiped' ? 0 : identity;
  return cluster;
}

describe('a tombstone', () => {
  it('is dropped at every replica once all have it, and its key with it', () => {
    const cluster = settled();
    cluster.put(0, 'a', 'v', { w: 3 });
    cluster.del(1, 'a', { w: 3 });
    expect(kept(cluster)).toEqual([1, 1, 1]);
    cluster.run(4000);
    expect(kept(cluster)).toEqual([0, 0, 0]);
    expect([0, 1, 2].map((n) => stored(cluster, n))).toEqual([0, 0, 0]);
    expect(values(cluster, 'a')).toEqual(['absent', 'absent', 'absent']);
    expect(cluster.put(2, 'a', 'again', { w: 3 })).toMatchObject({ created: true });
    cluster.crash(0);
    cluster.restart(0);
    cluster.settle();
    expect(values(cluster, 'a')).toEqual(['again', 'again', 'again']);
  });

  it('stays while a member is down, however long, and explain names the member', () => {
    const cluster = settled();
    cluster.put(0, 'a', 'v', { w: 3 });
    cluster.crash(2);
    cluster.run(3500);
    cluster.del(0, 'a', { w: 2 });
    cluster.run(60_000);
    expect(kept(cluster).slice(0, 2)).toEqual([1, 1]);
    const explained = cluster.explain(1, 'a') as Explained;
    expect(explained.tombstone).toEqual({
      dot: { origin: 'ap-1.1', seq: 2 },
      blockedBy: ['us-1'],
    });
    cluster.restart(2);
    cluster.settle();
    cluster.run(4000);
    expect(kept(cluster)).toEqual([0, 0, 0]);
  });

  it('is counted right after a restart', () => {
    const cluster = settled();
    for (const key of ['a', 'b', 'c']) cluster.put(0, key, 'v', { w: 3 });
    cluster.crash(2);
    for (const key of ['a', 'b', 'c']) cluster.del(0, key, { w: 2 });
    cluster.put(0, 'b', 'again', { w: 2 });
    expect(kept(cluster)[0]).toBe(2);
    cluster.crash(0);
    cluster.restart(0);
    cluster.runUntil(() => cluster.replica(0).status()?.self.state === 'serving');
    expect(kept(cluster)[0]).toBe(2);
  });

  it('stays until an older write that ran beside it has arrived', () => {
    const cluster = settled();
    for (const n of [0, 1]) cluster.cut(n, 2);
    cluster.run(3500);
    cluster.put(2, 'a', 'older', { w: 1 });
    cluster.run(50);
    cluster.put(0, 'a', 'newer', { w: 2 });
    cluster.del(0, 'a', { w: 2 });
    cluster.run(5000);
    expect(kept(cluster)).toEqual([1, 1, 0]);
    cluster.network.healAll();
    cluster.settle();
    cluster.run(5000);
    expect(values(cluster, 'a')).toEqual(['absent', 'absent', 'absent']);
    expect(kept(cluster)).toEqual([0, 0, 0]);
  });
});

describe('a replica that holds what the others have forgotten', () => {
  it('was away for long: its delete is in the log, which waited for it', () => {
    const cluster = settled();
    cluster.put(0, 'a', 'old', { w: 3 });
    cluster.crash(2);
    cluster.del(1, 'a', { w: 2 });
    cluster.run(60_000);
    cluster.restart(2);
    cluster.settle();
    cluster.run(4000);
    expect(values(cluster, 'a')).toEqual(['absent', 'absent', 'absent']);
    expect([0, 1, 2].map((n) => stored(cluster, n))).toEqual([0, 0, 0]);
  });

  it('is an old copy: the snapshot lacks the key, so it drops the record', () => {
    const cluster = forgotten('restored');
    cluster.restart(2);
    cluster.settle();
    expect(values(cluster, 'a')).toEqual(['absent', 'absent', 'absent']);
    expect(values(cluster, 'k7')).toEqual(['v', 'v', 'v']);
    expect(counted(cluster, 'snapshotRecordsAbsent')).toBe(1);
    expect([0, 1, 2].map((n) => stored(cluster, n))).toEqual([20, 20, 20]);
  });

  it('is an empty disk: no forgotten record returns', () => {
    const cluster = forgotten('wiped');
    cluster.restart(2);
    cluster.settle();
    expect(values(cluster, 'a')).toEqual(['absent', 'absent', 'absent']);
    expect(stored(cluster, 2)).toBe(20);
  });

  it('restores nothing by a quorum read, in either direction, before it has caught up', () => {
    const cluster = forgotten('restored');
    const seen: string[] = [];
    cluster.restart(2);
    cluster.runUntil(() => {
      for (const n of [0, 1, 2])
        if (cluster.replica(n).isRunning) seen.push(shown(cluster.get(n, 'a', { r: 2 })));
      return cluster.replica(2).status()?.self.state === 'serving';
    });
    expect(seen).not.toContain('old');
    expect(values(cluster, 'a')).toEqual(['absent', 'absent', 'absent']);
  });

  it('keeps what is newer than the snapshot, and the others receive it', () => {
    const cluster = forgotten('restored');
    cluster.restart(2);
    cluster.runUntil(() => cluster.notesOf('snapshot-begins').length > 0);
    for (let i = 0; i < 10; i++) cluster.put(i % 2, `k${i}`, `during ${i}`, { w: 2 });
    cluster.put(1, 'a', 'new', { w: 2 });
    cluster.settle();
    expect(values(cluster, 'a')).toEqual(['new', 'new', 'new']);
    for (let i = 0; i < 10; i++) expect(cluster.value(2, `k${i}`)).toBe(`during ${i}`);
  });
});
