// A replica whose gap the logs no longer cover copies a snapshot, merges it, and continues after
// it.

import { describe, expect, it } from 'vitest';
import { snapshotMark } from '../../src/entropy/snapshot-client.ts';
import { Cluster, type ClusterOptions, shown } from '../cluster/cluster.ts';

const COUNT = 480;
const settings = { logRetainEntries: 0, logTruncateEntries: 1, frameBytes: 600 };

/** Every log is truncated as soon as all have its entries. */
function cutShort(options: ClusterOptions = {}): Cluster {
  const cluster = new Cluster({ ...options, settings: { ...settings, ...options.settings } });
  cluster.settle();
  for (let i = 0; i < COUNT; i++) cluster.put(i % 3, `k${i}`, `v${i}`, { w: 1 });
  cluster.settle();
  cluster.run(2000);
  return cluster;
}

function loseDisk(cluster: Cluster, n: number): void {
  cluster.crash(n);
  cluster.replica(n).wipe();
  cluster.restart(n);
}

const everything = (cluster: Cluster, n: number): string[] =>
  Array.from({ length: COUNT }, (_, i) => cluster.value(n, `k${i}`));
const all = Array.from({ length: COUNT }, (_, i) => `v${i}`);
const isMarked = (cluster: Cluster, n: number): boolean =>
  cluster.replica(n).disk.get(snapshotMark()) !== undefined;
const serves = (cluster: Cluster, n: number): boolean =>
  cluster.replica(n).status()?.self.state === 'serving';

describe('a replica that lost its disk behind truncated logs', () => {
  it('recovers everything, and serves no client before', () => {
    const cluster = cutShort();
    loseDisk(cluster, 2);
    cluster.run(200);
    expect(cluster.value(2, 'k0')).toBe('catching-up');
    cluster.runUntil(() => serves(cluster, 2));
    expect(everything(cluster, 2)).toEqual(all);
    expect(cluster.notesOf('snapshot-ends')).toMatchObject([{ replica: 2 }]);
    expect(cluster.replica(2).host?.metrics.snapshotRecordsReceived).toBe(COUNT);
    expect(cluster.put(2, 'more', 'v', { w: 3 })).toMatchObject({ kind: 'written', acks: 3 });
    expect(cluster.put(0, 'k0', 'newer', { w: 3 })).toMatchObject({ kind: 'written', acks: 3 });
  });

  it('serves no client while it copies, even if it has lost none of its own writes', () => {
    const cluster = new Cluster({ settings });
    cluster.settle();
    cluster.put(2, 'own', 'v', { w: 3 });
    cluster.run(1000);
    const { disk, identity } = cluster.replica(2);
    const copy = disk.copy();
    for (let i = 0; i < COUNT; i++) cluster.put(i % 2, `k${i}`, `v${i}`, { w: 3 });
    cluster.run(2000);
    cluster.crash(2);
    cluster.replica(2).disk = copy;
    cluster.replica(2).identity = identity;
    cluster.restart(2);
    const part = (): number => cluster.replica(2).host?.metrics.snapshotChunksReceived ?? 0;
    cluster.runUntil(() => part() > 2);
    expect(cluster.notesOf('data-lost')).toMatchObject([{ replica: 2 }]);
    expect(cluster.replica(2).host?.metrics.snapshotsReceived).toBe(0);
    expect(cluster.value(2, 'own')).toBe('catching-up');
    cluster.runUntil(() => serves(cluster, 2));
    expect(everything(cluster, 2)).toEqual(all);
  });

  it('treats what the snapshot lacks as deleted', () => {
    const cluster = cutShort();
    cluster.del(0, 'k7', { w: 3 });
    cluster.run(2000);
    loseDisk(cluster, 2);
    cluster.runUntil(() => serves(cluster, 2));
    expect(cluster.value(2, 'k7')).toBe('absent');
  });

  it('continues at its mark after it died in the middle', () => {
    const cluster = cutShort();
    loseDisk(cluster, 2);
    cluster.runUntil(() => isMarked(cluster, 2));
    expect(received(cluster, 2)).toBeLessThan(COUNT);
    cluster.crash(2);
    cluster.restart(2);
    cluster.runUntil(() => serves(cluster, 2));
    expect(received(cluster, 2)).toBeLessThan(COUNT);
    expect(everything(cluster, 2)).toEqual(all);
  });

  it('continues with another peer if the first is gone', () => {
    const cluster = cutShort();
    loseDisk(cluster, 2);
    cluster.runUntil(() => received(cluster, 2) > COUNT / 3);
    cluster.cut(2, 0);
    cluster.run(6000);
    cluster.heal(2, 0);
    cluster.runUntil(() => serves(cluster, 2));
    expect(everything(cluster, 2)).toEqual(all);
  });

  it('stores concurrent writes, and loses none of either side', () => {
    const cluster = cutShort();
    loseDisk(cluster, 2);
    for (let i = 0; i < 40; i++) {
      expect(cluster.put(i % 2, `k${i}`, `during ${i}`, { w: 2 })).toMatchObject({
        kind: 'written',
      });
      cluster.run(5);
    }
    cluster.runUntil(() => serves(cluster, 2));
    cluster.settle();
    expect(everything(cluster, 2)).toEqual(all.map((v, i) => (i < 40 ? `during ${i}` : v)));
    expect(everything(cluster, 0)).toEqual(everything(cluster, 2));
  });

  it('recognises a retry of a write that was overwritten and truncated from every log', () => {
    const cluster = new Cluster({ settings });
    cluster.settle();
    const once = { w: 3, idempotency: { key: 'order-7', digest: 7 } } as const;
    const first = cluster.put(0, 'k0', 'first', once);
    for (let i = 0; i < 30; i++) {
      const idempotency = { key: `other ${i}`, digest: i };
      cluster.put(1, `k${i}`, 'v', { w: 3, idempotency });
    }
    cluster.run(2000);
    loseDisk(cluster, 2);
    cluster.runUntil(() => serves(cluster, 2));
    expect(cluster.notesOf('snapshot-ends')).toHaveLength(1);
    expect(cluster.put(2, 'k0', 'first', once)).toMatchObject({ replayed: true });
    expect(shown(cluster.put(2, 'k0', 'first', once))).toBe(shown(first));
    expect(cluster.value(2, 'k0')).toBe('v');
    const last = { idempotency: { key: 'other 29', digest: 29 } };
    expect(cluster.put(2, 'k29', 'v', last)).toMatchObject({ replayed: true });
    const another = { idempotency: { key: 'order-7', digest: 8 } };
    expect(shown(cluster.put(2, 'k0', 'first', another))).toBe('idempotency-mismatch');
  });

  it('does not take a damaged record for an absent one', () => {
    const cluster = cutShort({ settings: { cacheBytes: 1 } });
    const { disk } = cluster.replica(0);
    const records = disk.range({
      from: Uint8Array.of(0x72),
      to: Uint8Array.of(0x73),
      reverse: false,
      limit: 1e6,
      bytesMax: 1e9,
    });
    if (!records.ok) throw new Error(records.reason);
    for (const { key } of records.entries.slice(0, 5)) disk.flip(key, 77);
    loseDisk(cluster, 2);
    cluster.runUntil(() => serves(cluster, 2));
    expect(everything(cluster, 2)).toEqual(all);
  });
});

describe('a fifo namespace', () => {
  it('never shows writes in an order that a snapshot has broken', () => {
    const cluster = cutShort({ namespaces: { ns: { consistency: 'fifo' } } });
    loseDisk(cluster, 1);
    for (let i = 0; i < 30; i++) cluster.put(0, `z${i}`, 'v', { w: 2 });
    const seen: string[] = [];
    cluster.runUntil(() => {
      seen.push(shown(cluster.get(1, 'z0', { r: 1 })));
      return serves(cluster, 1);
    });
    // Its number was already used, so it ends once and begins again.
    expect(seen.slice(0, -1).filter((each) => each !== 'broken' && each !== 'catching-up')).toEqual(
      [],
    );
    cluster.settle();
    expect(everything(cluster, 1)).toEqual(all);
  });
});

const received = (cluster: Cluster, n: number): number =>
  cluster.replica(n).host?.metrics.snapshotRecordsReceived ?? 0;
