// The staleness that a replica reports, compared with an observer of everything.

import { describe, expect, it } from 'vitest';
import {
  type Call,
  Cluster,
  type ClusterOptions,
  getOf,
  listOf,
  putOf,
} from '../cluster/cluster.ts';
import type { Staleness } from '../../src/model/staleness.ts';

const staleness = (cluster: Cluster, n: number): Staleness | undefined => {
  const reply = cluster.get(n, 'anything', { r: 1 });
  return typeof reply === 'object' && reply.kind === 'absent' ? reply.stalenessMs : undefined;
};

const settled = (options: ClusterOptions = {}): Cluster => {
  const cluster = new Cluster(options);
  cluster.settle();
  return cluster;
};

describe('the staleness of a replica', () => {
  it('is unknown until every peer has echoed', () => {
    const cluster = new Cluster();
    cluster.cut(0, 2);
    cluster.run(2000);
    expect(staleness(cluster, 0)).toBe('unknown');
    expect(cluster.status(0).peers.map((peer) => typeof peer.stalenessMs)).toEqual([
      'number',
      'string',
    ]);
    cluster.network.healAll();
    cluster.run(2000);
    expect(staleness(cluster, 0)).toBeTypeOf('number');
  });

  it('stays below a round trip and two heartbeats while nothing fails', () => {
    const cluster = settled({ network: { latencyMs: () => 20 }, settings: { heartbeatMs: 100 } });
    cluster.run(1000);
    for (let i = 0; i < 50; i++) {
      cluster.begin(1, putOf(`k${i}`, 'v'));
      cluster.run(37);
      expect(staleness(cluster, 0)).toBeLessThan(20 + 20 + 200 + 5);
    }
  });

  it('grows with time behind a cut, and falls when the cut heals', () => {
    const cluster = settled();
    cluster.run(1000);
    cluster.cut(0, 1);
    cluster.run(2000);
    const behind = staleness(cluster, 0);
    expect(behind).toBeGreaterThanOrEqual(2000);
    cluster.run(5000);
    expect(staleness(cluster, 0)).toBeGreaterThanOrEqual(7000);
    cluster.network.healAll();
    cluster.run(3000);
    expect(staleness(cluster, 0)).toBeLessThan(500);
  });

  it('falls again after a peer died with writes that it had announced and not made durable', () => {
    const cluster = settled({ settings: { heartbeatMs: 100 } });
    cluster.run(1000);
    const { storage } = cluster.replica(1);
    if (storage === undefined) throw new Error('the replica runs');
    storage.commitMs = 1000;
    cluster.begin(1, putOf('a', 'never durable'));
    cluster.run(400);
    cluster.crash(1, 'lost');
    cluster.restart(1);
    cluster.run(5000);
    expect(staleness(cluster, 0)).toBeLessThan(500);
    expect(cluster.value(0, 'a')).toBe('absent');
  });

  it('is never below the true one, whatever the network does', () => {
    const cluster = settled({
      seed: 7,
      network: { latencyMs: (_from, _to, dice) => 1 + dice.below(300) },
      settings: { heartbeatMs: 50 },
    });
    const accepted: { name: string; atMs: number }[] = [];
    const calls: [string, Call][] = [];
    for (let i = 0; i < 200; i++) {
      const call = cluster.begin(1, putOf(`k${i}`, 'v', { w: 1 }));
      cluster.answer(call);
      accepted.push({ name: `k${i}`, atMs: cluster.nowMs });
      const name = `k${Math.max(i - (i % 7), 0)}`;
      calls.push([name, cluster.begin(0, getOf(name, { r: 1 }))]);
      cluster.run(13);
    }
    let bounded = 0;
    for (const [name, { outcome, endedMs }] of calls) {
      if (typeof outcome !== 'object' || outcome.kind !== 'absent') continue;
      const write = accepted.find((entry) => entry.name === name);
      if (outcome.stalenessMs === 'unknown' || write === undefined) continue;
      bounded++;
      expect(endedMs - write.atMs).toBeLessThanOrEqual(outcome.stalenessMs);
    }
    expect(bounded).toBeGreaterThan(50);
  });

  it('of an answer that waits for the disk is that of the moment at which it leaves', () => {
    const cluster = settled();
    cluster.run(1000);
    const { storage } = cluster.replica(0);
    if (storage === undefined) throw new Error('the replica runs');
    storage.commitMs = 800;
    cluster.begin(0, putOf('a', 'v'));
    const read = cluster.begin(0, getOf('a', { r: 1 }));
    cluster.answer(read);
    const { outcome } = read;
    if (typeof outcome !== 'object' || outcome.kind !== 'found') throw new Error('it is found');
    expect(read.endedMs - read.beganMs).toBeGreaterThan(700);
    expect(outcome.stalenessMs).toBeGreaterThanOrEqual(read.endedMs - read.beganMs);
  });

  it('of a list is that of its first page', () => {
    const cluster = settled({ network: { latencyMs: () => 1 } });
    for (let i = 0; i < 1200; i++) cluster.begin(0, putOf(`k${String(i).padStart(4, '0')}`, 'v'));
    cluster.settle();
    cluster.run(500);
    const { storage } = cluster.replica(0);
    if (storage === undefined) throw new Error('the replica runs');
    storage.rangeMs = 400;
    const list = cluster.begin(0, listOf({ limit: 1000 }));
    cluster.run(420);
    cluster.put(1, 'k0000a', 'accepted during the list', { w: 3 });
    const acceptedMs = cluster.nowMs;
    cluster.answer(list);
    const { outcome, endedMs } = list;
    if (typeof outcome !== 'object' || outcome.kind !== 'listed') throw new Error('it is listed');
    expect(outcome.items.some((item) => item.key === 'k0000a')).toBe(false);
    expect(endedMs - acceptedMs).toBeGreaterThan(300);
    expect(outcome.stalenessMs).toBeGreaterThanOrEqual(endedMs - acceptedMs);
  });
});
