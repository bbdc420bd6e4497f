// The incarnations of a replica: how one begins, notices that its disk has changed, and ends in
// order.

import { describe, expect, it } from 'vitest';
import { CHECKPOINT_NEVER } from '../support/build.ts';
import { Cluster, listOf, putOf, shown } from '../cluster/cluster.ts';

const settled = (settings = {}): Cluster => {
  const cluster = new Cluster({ settings });
  cluster.settle();
  return cluster;
};

const state = (cluster: Cluster, n: number) => cluster.replica(n).status()?.self.state;
const origin = (cluster: Cluster, n: number) => cluster.replica(n).status()?.self.origin;

describe('a replica that starts', () => {
  it('accepts no write before its peers have said what they know of it, or the grace is over', () => {
    const cluster = new Cluster({ settings: { bootGraceMs: 300 } });
    expect(shown(cluster.put(0, 'a', 'one', { w: 1 }))).toBe('catching-up');
    expect(state(cluster, 0)).toBe('starting');
    cluster.run(50);
    expect(state(cluster, 0)).toBe('serving');
    expect(shown(cluster.put(0, 'a', 'one', { w: 1 }))).toBe('ap-1.1.1');
  });

  it('alone opens after it has waited for a majority, and does not claim to have caught up', () => {
    const cluster = settled();
    for (const n of [0, 1, 2]) cluster.crash(n);
    cluster.restart(0);
    cluster.run(2950);
    expect(shown(cluster.put(0, 'a', 'one', { w: 1 }))).toBe('catching-up');
    cluster.run(100);
    expect(cluster.value(0, 'a')).toBe('absent');
    // No peer has come with which it could compare its clock, so it waits as long as it waits for
    // peers.
    expect(shown(cluster.put(0, 'a', 'one', { w: 1 }))).toBe('catching-up');
    cluster.run(3000);
    expect(shown(cluster.put(0, 'a', 'one', { w: 1 }))).toBe('ap-1.2.1');
    expect(state(cluster, 0)).toBe('catching-up');
    cluster.restart(1);
    cluster.runUntil(() => state(cluster, 0) === 'serving');
  });

  it('as the only member serves at once', () => {
    const cluster = new Cluster({ regions: ['eu'] });
    cluster.run(5);
    expect(state(cluster, 0)).toBe('serving');
    expect(cluster.put(0, 'a', 'one', { w: 'all' })).toMatchObject({ acks: 1, replicas: 1 });
    expect(shown(cluster.get(0, 'a', { r: 'each' }))).toBe('one');
  });
});

describe('a replica on an old copy of its directory', () => {
  it('learns of it from its peers, and begins an incarnation behind what they know', () => {
    const cluster = settled();
    cluster.put(0, 'a', 'one', { w: 3 });
    cluster.crash(0);
    const { disk, identity } = cluster.replica(0);
    const copy = snapshot(disk);
    for (let life = 0; life < 3; life++) {
      cluster.restart(0);
      cluster.settle();
      cluster.put(0, 'a', `life ${life}`, { w: 3 });
      cluster.crash(0);
    }
    disk.clear(Uint8Array.of(0), Uint8Array.of(255));
    disk.write(copy, true);
    cluster.replica(0).identity = identity;
    cluster.restart(0);
    cluster.settle();
    expect(cluster.notesOf('old-copy')).toMatchObject([{ replica: 0 }]);
    expect(origin(cluster, 0)).toBe('ap-1.5');
    expect(cluster.value(0, 'a')).toBe('life 2');
    expect(shown(cluster.put(0, 'a', 'new', { w: 3 }))).toBe('ap-1.5.1');
  });

  it('without its directory, and with a clock that numbers no incarnation, issues no number twice', () => {
    const cluster = settled();
    cluster.put(0, 'a', 'one', { w: 3 });
    cluster.crash(0);
    cluster.replica(0).wipe();
    cluster.restart(0);
    cluster.settle();
    expect(origin(cluster, 0)).toBe('ap-1.2');
    expect(shown(cluster.put(0, 'b', 'two', { w: 3 }))).toBe('ap-1.2.1');
    expect(cluster.value(0, 'a')).toBe('one');
  });

  it('without its directory issues no number twice, even before it heard a peer', () => {
    const clocks = Array.from({ length: 3 }, () => ({ wallStartMs: Date.UTC(2026, 0, 1) }));
    const cluster = new Cluster({ clocks });
    cluster.settle();
    cluster.cut(0, 2);
    cluster.run(4000);
    for (let i = 0; i < 3; i++) cluster.put(0, `k${i}`, 'first', { w: 2 });
    cluster.crash(0);
    cluster.crash(1);
    cluster.replica(0).wipe();
    cluster.network.healAll();
    cluster.restart(0);
    cluster.run(2000);
    for (let i = 0; i < 5; i++) cluster.put(0, `k${i}`, 'second', { w: 2 });
    cluster.restart(1);
    cluster.run(5000);
    expect(cluster.notesOf('log-divergent')).toEqual([]);
  });
});

function snapshot(disk: Cluster['replicas'][number]['disk']) {
  const everything = { from: Uint8Array.of(0), to: Uint8Array.of(255), reverse: false };
  const result = disk.range({ ...everything, limit: 1e6, bytesMax: 1e9 });
  if (!result.ok) throw new Error(result.reason);
  return { keys: result.entries.map((e) => e.key), values: result.entries.map((e) => e.value) };
}

describe('a replica that recovers what it lost', () => {
  it('counts in no quorum read: what it acknowledged is not taken for absent', () => {
    const cluster = settled();
    // If no member that it hears holds anything, it begins a new cluster.
    cluster.put(1, 'before', 'v', { w: 3 });
    cluster.cut(0, 1);
    cluster.cut(1, 2);
    expect(cluster.put(0, 'a', 'one', { w: 2 })).toMatchObject({ kind: 'written', acks: 2 });
    cluster.crash(2);
    cluster.replica(2).wipe();
    cluster.cut(0, 2);
    cluster.heal(1, 2);
    cluster.restart(2);
    cluster.run(2000);
    const sees = (): boolean =>
      cluster
        .replica(1)
        .status()
        ?.peers.some(({ id, connected }) => id === 'us-1' && connected) === true;
    cluster.runUntil(sees);
    // The only copy within reach is the one that was lost.
    expect(shown(cluster.get(1, 'a', { r: 2, timeoutMs: 1000 }))).not.toBe('absent');
    cluster.network.healAll();
    cluster.settle();
    expect(cluster.value(2, 'a')).toBe('one');
  });
});

describe('a replica that stops', () => {
  it('finishes what it has accepted and accepts nothing new', () => {
    const cluster = settled();
    const call = cluster.begin(0, putOf('a', 'one', { w: 3 }));
    cluster.run(0.1);
    cluster.replica(0).host?.shutDown();
    cluster.run(0.1);
    expect(cluster.replica(0).host?.waiting).toBe(1);
    expect(shown(cluster.put(0, 'b', 'two'))).toBe('draining');
    expect(shown(cluster.answer(call))).toBe('ap-1.1.1');
    cluster.run(1);
    expect(cluster.replica(0).host?.waiting).toBe(0);
    expect(state(cluster, 0)).toBe('draining');
  });

  it('counts a list that is still read', () => {
    const cluster = settled();
    cluster.begin(0, listOf({ limit: 10 }));
    cluster.run(0.05);
    expect(cluster.replica(0).host?.waiting).toBe(1);
  });

  it('while it reads its storage continues to read, and never serves', () => {
    const cluster = settled();
    for (let i = 0; i < 5; i++) cluster.put(0, `k${i}`, 'v', { w: 3 });
    cluster.crash(0);
    cluster.restart(0);
    cluster.replica(0).host?.shutDown();
    cluster.run(2000);
    expect(state(cluster, 0)).toBe('draining');
    expect(cluster.replica(0).status()?.self.vector).toContainEqual(['ap-1.1', 5]);
    for (const n of [1, 2]) {
      const peer = cluster
        .replica(n)
        .status()
        ?.peers.find(({ id }) => id === 'ap-1');
      expect(peer?.vector).toContainEqual(['ap-1.1', 5]);
    }
    cluster.crash(0);
    cluster.restart(0);
    cluster.settle();
  });

  it('during its boot grace does not spin', () => {
    const cluster = new Cluster({ settings: { bootGraceMs: 5000 } });
    cluster.cut(0, 1);
    cluster.cut(0, 2);
    cluster.run(100);
    cluster.replica(0).host?.shutDown();
    const { events } = cluster.world;
    cluster.run(20_000);
    expect(cluster.world.events - events).toBeLessThan(20_000);
    expect(state(cluster, 0)).toBe('draining');
  });
});

describe('the end of a process', () => {
  const written = (): Cluster => {
    const cluster = settled(CHECKPOINT_NEVER);
    for (let i = 0; i < 50; i++) cluster.put(i % 3, `k${i}`, 'v', { w: 3 });
    return cluster;
  };
  const replayedAtStart = (cluster: Cluster): number | undefined => {
    cluster.crash(0);
    cluster.restart(0);
    cluster.settle();
    return cluster.replica(0).host?.metrics.entriesReplayed;
  };
  /**
   * In the order of main.ts: clients are answered, then peers are disconnected, then the table is
   * stored.
   */
  const beginEnd = (cluster: Cluster): void => {
    cluster.replica(0).host?.shutDown();
    cluster.cut(0, 1);
    cluster.cut(0, 2);
    cluster.run(5000);
    cluster.replica(0).host?.checkpoint();
  };
  const isStored = (cluster: Cluster): boolean => cluster.replica(0).host?.isStored === true;

  it('in order is a checkpoint, and the next start replays nothing', () => {
    const cluster = written();
    expect(isStored(cluster)).toBe(false);
    beginEnd(cluster);
    cluster.runUntil(() => isStored(cluster));
    cluster.network.healAll();
    expect(replayedAtStart(cluster)).toBe(0);
    for (let i = 0; i < 50; i++) expect(cluster.value(0, `k${i}`)).toBe('v');
  });

  it('by a kill is none, and the next start replays what the logs have', () => {
    const cluster = written();
    expect(replayedAtStart(cluster)).toBe(50);
    for (let i = 0; i < 50; i++) expect(cluster.value(0, `k${i}`)).toBe('v');
  });

  it('does not count as stored what a hanging disk has not written', () => {
    const cluster = written();
    beginEnd(cluster);
    cluster.replica(0).storage?.hang();
    cluster.run(10_000);
    expect(isStored(cluster)).toBe(false);
  });
});
