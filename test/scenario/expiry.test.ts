// A value with a lifetime: hidden everywhere from its deadline on, and deleted by the replica that
// stamped it.

import { describe, expect, it } from 'vitest';
import { ROOM_FULL, ROOM_UNBOUNDED } from '../../src/model/disk.ts';
import type { Explained } from '../../src/model/reply.ts';
import { Cluster, type ClusterOptions, putOf, shown } from '../cluster/cluster.ts';

const settled = (options: ClusterOptions = {}): Cluster => {
  const cluster = new Cluster(options);
  cluster.settle();
  return cluster;
};

const deletedBy = (cluster: Cluster): (number | undefined)[] =>
  cluster.replicas.map(({ host }) => host?.metrics.expirationsDeleted);
const views = (cluster: Cluster, n: number, key: string) =>
  (cluster.explain(n, key) as Explained).replicas;
const dotsSeen = (cluster: Cluster): unknown =>
  new Map(cluster.status(0).self.vector).get(cluster.status(0).self.origin);

describe('a value whose deadline has passed', () => {
  it('is hidden from every read at every replica, with or without its delete', () => {
    const cluster = settled({ settings: { heartbeatMs: 5000 } });
    cluster.put(0, 'a', 'v', { w: 3, ttlMs: 300 });
    expect([0, 1, 2].map((n) => cluster.value(n, 'a'))).toEqual(['v', 'v', 'v']);
    cluster.run(400);
    for (const r of [1, 2, 3])
      expect([0, 1, 2].map((n) => shown(cluster.get(n, 'a', { r })))).toEqual([
        'absent',
        'absent',
        'absent',
      ]);
    expect([0, 1, 2].map((n) => shown(cluster.list(n)))).toEqual(['', '', '']);
    const ifAny = { conditions: [{ kind: 'match-any' }] } as const;
    expect(shown(cluster.del(1, 'a', ifAny))).toBe('precondition-failed');
    expect(shown(cluster.put(2, 'a', 'w', ifAny))).toBe('precondition-failed');
    expect(deletedBy(cluster)).toEqual([0, 0, 0]);
    expect(cluster.put(2, 'a', 'w', { conditions: [{ kind: 'absent' }] })).toMatchObject({
      created: true,
    });
  });

  it('is deleted by its origin alone, by an ordinary write', () => {
    const cluster = settled();
    cluster.cut(1, 2);
    cluster.put(1, 'a', 'v', { w: 2, ttlMs: 200 });
    cluster.run(1000);
    expect(deletedBy(cluster)).toEqual([0, 1, 0]);
    expect(views(cluster, 0, 'a')[1]).toMatchObject({
      record: { operation: 'delete', origin: 'eu-1.1', seq: 2 },
    });
    cluster.heal(1, 2);
    cluster.settle();
    expect(views(cluster, 2, 'a')[2]?.record).toMatchObject({ operation: 'delete' });
  });

  it('stays hidden while its origin is away, and is deleted by a later incarnation of it', () => {
    const cluster = settled();
    cluster.put(0, 'a', 'v', { w: 3, ttlMs: 500 });
    cluster.crash(0);
    cluster.run(3000);
    expect([1, 2].map((n) => cluster.value(n, 'a'))).toEqual(['absent', 'absent']);
    expect(views(cluster, 1, 'a')[1]?.record).toMatchObject({ operation: 'put' });
    cluster.restart(0);
    cluster.settle();
    cluster.run(1000);
    expect(deletedBy(cluster)).toEqual([1, 0, 0]);
  });

  it('is not deleted if a newer version has replaced it', () => {
    const cluster = settled();
    cluster.cut(0, 1);
    cluster.cut(0, 2);
    cluster.put(0, 'a', 'old', { w: 1, ttlMs: 4000 });
    cluster.put(0, 'b', 'old', { w: 1, ttlMs: 100 });
    cluster.put(0, 'b', 'new', { w: 1 });
    cluster.run(100);
    cluster.put(1, 'a', 'renewed', { w: 2, timeoutMs: 100 });
    // The origin has not heard of the newer one when it deletes the older.
    cluster.run(6000);
    expect(deletedBy(cluster)).toEqual([1, 0, 0]);
    cluster.network.healAll();
    cluster.settle();
    expect([0, 1, 2].map((n) => cluster.value(n, 'a'))).toEqual(['renewed', 'renewed', 'renewed']);
    expect(cluster.value(0, 'b')).toBe('new');
  });

  it('is deleted while the disk of its origin is low, which frees room', () => {
    const cluster = settled();
    cluster.put(0, 'a', 'v', { w: 3, ttlMs: 100 });
    cluster.replica(0).host?.disk(ROOM_FULL);
    cluster.run(2000);
    expect(deletedBy(cluster)).toEqual([1, 0, 0]);
  });

  it('is not deleted while there is not even room for a delete', () => {
    const cluster = settled();
    cluster.put(0, 'a', 'v', { w: 3, ttlMs: 100 });
    cluster.replica(0).host?.disk({ ...ROOM_FULL, deleteBytes: 0 });
    cluster.run(2000);
    expect(deletedBy(cluster)).toEqual([0, 0, 0]);
    cluster.replica(0).host?.disk(ROOM_UNBOUNDED);
    cluster.run(500);
    expect(deletedBy(cluster)).toEqual([1, 0, 0]);
  });

  it('does not return, when a clock is set back, where its delete has arrived', () => {
    const cluster = settled();
    cluster.put(0, 'a', 'v', { w: 3, ttlMs: 400 });
    cluster.run(2000);
    for (const n of [0, 1, 2]) cluster.jump(n, -60_000);
    expect([0, 1, 2].map((n) => cluster.value(n, 'a'))).toEqual(['absent', 'absent', 'absent']);
  });

  it('stays as long for the others if the clock of its origin is behind within the bound', () => {
    const cluster = settled();
    cluster.put(0, 'before', 'v', { w: 3 });
    cluster.jump(0, -450);
    cluster.put(0, 'a', 'v', { w: 3, ttlMs: 1000 });
    cluster.run(300);
    expect(cluster.value(1, 'a')).toBe('v');
    cluster.run(1000);
    expect(cluster.value(1, 'a')).toBe('absent');
  });

  it('is deleted a few at a time', () => {
    const cluster = settled();
    for (let i = 0; i < 600; i++) cluster.begin(0, putOf(`k${i}`, 'v', { w: 1, ttlMs: 1000 }));
    cluster.run(900);
    expect(dotsSeen(cluster)).toBe(600);
    cluster.runUntil(() => (deletedBy(cluster)[0] ?? 0) > 0);
    expect(deletedBy(cluster)[0]).toBeLessThanOrEqual(256);
    cluster.run(1500);
    expect(deletedBy(cluster)).toEqual([600, 0, 0]);
  });
});
