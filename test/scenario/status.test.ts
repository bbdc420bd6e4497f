// What a replica reports about itself, its peers, and the replicas that hold a write.

import { describe, expect, it } from 'vitest';
import { ROOM_FULL, ROOM_LOW, ROOM_UNBOUNDED } from '../../src/model/disk.ts';
import { origin } from '../support/build.ts';
import { Cluster, shown } from '../cluster/cluster.ts';

const FIRST = { origin: origin('ap-1.1'), seq: 1 };

describe('the status', () => {
  it('shows what each peer lacks, what this replica lacks of it, and its distance', () => {
    const cluster = new Cluster({ network: { latencyMs: (from, to) => 10 * (from + to) } });
    cluster.settle();
    cluster.run(2000);
    cluster.put(0, 'a', 'one', { w: 3 });
    cluster.cut(0, 2);
    cluster.put(0, 'b', 'two', { w: 2 });
    cluster.put(2, 'c', 'three', { w: 2 });
    cluster.run(500);
    const { self, peers } = cluster.status(0);
    expect(self).toMatchObject({ id: 'ap-1', region: 'ap', state: 'serving', origin: 'ap-1.1' });
    expect(self.stableCut).toContainEqual(['ap-1.1', 1]);
    expect(peers.map(({ id, connected }) => [id, connected])).toEqual([
      ['eu-1', true],
      ['us-1', true],
    ]);
    expect(peers.map((peer) => peer.entriesItLacks)).toEqual([0, 1]);
    expect(Math.round(peers[0]?.rttMs ?? 0)).toBe(20);
    expect(Math.round(peers[1]?.rttMs ?? 0)).toBe(40);
    expect(cluster.status(1).peers[1]).toMatchObject({ id: 'us-1', entriesWeLack: 0 });
  });

  it('of a peer that was never heard is unknown, and not zero', () => {
    const cluster = new Cluster();
    cluster.cut(0, 2);
    cluster.run(1000);
    expect(cluster.status(0).peers[1]).toMatchObject({
      connected: false,
      rttMs: undefined,
      entriesItLacks: undefined,
      entriesWeLack: undefined,
      stalenessMs: 'unknown',
    });
  });

  it('of a peer that is gone is what it said last, and what this replica lacks of it is unknown', () => {
    const cluster = new Cluster();
    cluster.settle();
    cluster.crash(2);
    cluster.run(10);
    cluster.put(0, 'a', 'one', { w: 2 });
    expect(cluster.status(0).peers[1]).toMatchObject({
      connected: false,
      entriesItLacks: 1,
      entriesWeLack: undefined,
    });
  });
});

describe('the progress of a write', () => {
  it('grows with every replica that makes it durable', () => {
    const cluster = new Cluster({ regions: ['eu', 'eu', 'us'] });
    cluster.settle();
    cluster.cut(0, 1);
    cluster.cut(0, 2);
    const dot = { origin: origin('eu-1.1'), seq: 1 };
    cluster.put(0, 'a', 'one', { w: 1 });
    const reply = cluster.where(0, dot);
    expect(reply).toMatchObject({ holders: ['eu-1'], regions: [], replicas: 3 });
    cluster.heal(0, 1);
    cluster.run(10);
    expect(cluster.where(0, dot)).toMatchObject({ holders: ['eu-1', 'eu-2'], regions: ['eu'] });
    cluster.heal(0, 2);
    cluster.run(10);
    expect(cluster.where(0, dot)).toMatchObject({
      holders: ['eu-1', 'eu-2', 'us-1'],
      regions: ['eu', 'us'],
    });
  });

  it('of a write that no replica is known to hold is not found', () => {
    const cluster = new Cluster();
    cluster.settle();
    expect(shown(cluster.where(0, FIRST))).toBe('write-not-found');
  });
});

describe('a request', () => {
  it('that no policy and no cluster can meet is refused with the reason', () => {
    const cluster = new Cluster();
    cluster.settle();
    expect(shown(cluster.put(0, 'a', 'v', { ns: 'nowhere' }))).toBe('namespace-not-found');
    expect(shown(cluster.get(0, 'a', { ns: 'nowhere' }))).toBe('namespace-not-found');
    expect(shown(cluster.list(0, { ns: 'nowhere' }))).toBe('namespace-not-found');
    expect(shown(cluster.explain(0, 'a', 'nowhere'))).toBe('namespace-not-found');
    expect(shown(cluster.put(0, 'a', 'v', { w: 4 }))).toBe('invalid-parameter');
  });

  it('to write is refused while the disk is almost full, and reads are served', () => {
    const cluster = new Cluster();
    cluster.settle();
    cluster.put(0, 'a', 'one', { w: 3 });
    cluster.replica(0).host?.disk(ROOM_LOW);
    expect(shown(cluster.put(0, 'a', 'two'))).toBe('low-disk');
    expect(cluster.value(0, 'a')).toBe('one');
    cluster.put(1, 'b', 'three', { w: 3 });
    expect(cluster.value(0, 'b')).toBe('three');
    cluster.replica(0).host?.disk(ROOM_UNBOUNDED);
    expect(shown(cluster.put(0, 'a', 'two'))).toBe('ap-1.1.2');
  });

  it('to delete is accepted while the disk is almost full, as long as there is room for deletes', () => {
    const cluster = new Cluster();
    cluster.settle();
    for (const key of ['a', 'b']) cluster.put(0, key, 'one', { w: 3 });
    cluster.replica(0).host?.disk(ROOM_FULL);
    expect(cluster.status(0).self.isDiskLow).toBe(true);
    cluster.del(0, 'a', { w: 3 });
    expect(cluster.value(1, 'a')).toBe('absent');
    cluster.replica(0).host?.disk({ ...ROOM_FULL, deleteBytes: 0 });
    expect(shown(cluster.del(0, 'b'))).toBe('low-disk');
    expect(cluster.value(0, 'b')).toBe('one');
  });

  it('to write is refused for as much as there is no room until the next measurement of the disk', () => {
    const cluster = new Cluster();
    cluster.settle();
    const room = { ...ROOM_UNBOUNDED, putBytes: 3000 };
    cluster.replica(0).host?.disk(room);
    expect(shown(cluster.put(0, 'a', 'x'.repeat(2000)))).toBe('low-disk');
    expect(shown(cluster.put(0, 'a', 'x'.repeat(1000)))).not.toBe('low-disk');
    expect(shown(cluster.put(0, 'b', 'x'))).toBe('low-disk');
    cluster.replica(0).host?.disk(room);
    expect(shown(cluster.put(0, 'b', 'x'))).toBe('low-disk');
    cluster.replica(0).host?.disk(room);
    expect(shown(cluster.put(0, 'b', 'x'))).not.toBe('low-disk');
  });

  it('of a peer waits for room as well, its deletes do not, and all are stored when there is room again', () => {
    const cluster = new Cluster();
    cluster.settle();
    cluster.put(1, 'gone', 'v', { w: 3 });
    cluster.replica(0).host?.disk(ROOM_FULL);
    cluster.del(1, 'gone', { w: 3 });
    expect(cluster.value(0, 'gone')).toBe('absent');
    cluster.put(1, 'late', 'v', { w: 2 });
    cluster.run(3000);
    expect(cluster.value(0, 'late')).toBe('absent');
    expect(cluster.replica(0).host?.metrics.entriesWithoutRoom).toBeGreaterThan(0);
    cluster.replica(0).host?.disk(ROOM_UNBOUNDED);
    cluster.settle();
    expect(cluster.value(0, 'late')).toBe('v');
  });
});
