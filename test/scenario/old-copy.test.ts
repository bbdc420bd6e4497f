// An old copy of a directory is put back. The peers report what its replica had acknowledged since,
// before it answers anything; a replica that returns alone serves its data after a wait.

import { describe, expect, it } from 'vitest';
import { Cluster, type ClusterOptions, shown } from '../cluster/cluster.ts';

const ALL = [0, 1, 2] as const;
const state = (cluster: Cluster, n: number) => cluster.replica(n).status()?.self.state;

function settled(options: ClusterOptions = {}): Cluster {
  const cluster = new Cluster({ namespaces: { ns: {}, fi: { consistency: 'fifo' } }, ...options });
  cluster.settle();
  return cluster;
}

/**
 * Copies a replica's directory; returns a function that puts it back, as an operator would:
 * stopped, restored, started.
 */
function copyOf(cluster: Cluster, n: number): () => void {
  const replica = cluster.replica(n);
  const { identity } = replica;
  const disk = replica.disk.copy();
  return () => {
    if (replica.isRunning) cluster.crash(n);
    replica.disk = disk.copy();
    replica.identity = identity;
    cluster.restart(n);
  };
}

/** Polls until a plain read is answered with a value or its absence. */
function firstAnswer(cluster: Cluster, n: number, name: string, ns = 'ns'): string {
  let answer = '';
  cluster.runUntil(() => {
    answer = shown(cluster.get(n, name, { r: 1, ns, timeoutMs: 100 }));
    return !['catching-up', 'storage-failed', 'broken', 'draining'].includes(answer);
  });
  return answer;
}

describe.each([1, 150])('an old copy of a directory, over links of %i ms', (latencyMs) => {
  const network = { latencyMs: () => latencyMs };

  it('never shows a value that was overwritten, even if its replica had written nothing since', () => {
    const cluster = settled({ network });
    cluster.put(0, 'a', 'old', { w: 'all' });
    cluster.settle();
    const restore = copyOf(cluster, 2);
    expect(cluster.put(0, 'a', 'new', { w: 'all' })).toMatchObject({ acks: 3 });
    restore();
    expect(firstAnswer(cluster, 2, 'a')).toBe('new');
    expect(cluster.notesOf('data-lost')).toMatchObject([{ replica: 2 }]);
  });

  it('never shows a value that was deleted', () => {
    const cluster = settled({ network });
    cluster.put(0, 'a', 'v', { w: 'all' });
    cluster.settle();
    const restore = copyOf(cluster, 2);
    cluster.del(0, 'a', { w: 'all' });
    cluster.run(5000);
    restore();
    expect(firstAnswer(cluster, 2, 'a')).toBe('absent');
  });

  it('does not go back in a fifo namespace', () => {
    const cluster = settled({ network });
    cluster.put(0, 'k0', 'v', { w: 'all', ns: 'fi' });
    cluster.settle();
    const restore = copyOf(cluster, 2);
    for (const n of [1, 2, 3]) cluster.put(0, `k${n}`, 'v', { w: 'all', ns: 'fi' });
    restore();
    expect(firstAnswer(cluster, 2, 'k3', 'fi')).toBe('v');
  });

  it('counts in no quorum and accepts no write before it has recovered what it lost', () => {
    const cluster = settled({ network });
    cluster.put(0, 'a', 'old', { w: 'all' });
    cluster.settle();
    const restore = copyOf(cluster, 2);
    cluster.put(0, 'a', 'new', { w: 'all' });
    cluster.run(2000);
    cluster.crash(0);
    cluster.crash(1);
    restore();
    cluster.run(300);
    cluster.restart(1);
    let answer = 'catching-up';
    for (let n = 0; n < 40; n++) {
      expect(shown(cluster.put(2, 'b', 'v', { w: 1 }))).toBe('catching-up');
      expect(cluster.list(2)).toMatchObject({ kind: 'failed' });
      answer = shown(cluster.get(1, 'a', { r: 2, timeoutMs: 200 }));
      expect(['new', 'catching-up', 'no-quorum', 'timeout']).toContain(answer);
      cluster.run(50);
    }
    cluster.restart(0);
    cluster.settle();
    expect(cluster.value(2, 'a')).toBe('new');
  });
});

describe('what peers remember', () => {
  it('survives a restart of all of them', () => {
    const cluster = settled();
    cluster.put(0, 'a', 'old', { w: 'all' });
    cluster.settle();
    const restore = copyOf(cluster, 2);
    cluster.put(0, 'a', 'new', { w: 'all' });
    cluster.run(2500);
    for (const n of ALL) cluster.crash(n);
    restore();
    for (const n of [0, 1]) cluster.restart(n);
    expect(firstAnswer(cluster, 2, 'a')).toBe('new');
    expect(cluster.notesOf('data-lost')).toMatchObject([{ replica: 2 }]);
  });

  it('and no member has any more is written off once, and delays no later start', () => {
    const cluster = settled();
    cluster.put(0, 'a', 'old', { w: 'all' });
    cluster.settle();
    const restores = ALL.slice(1).map((n) => copyOf(cluster, n));
    const restoreFirst = copyOf(cluster, 0);
    cluster.put(0, 'a', 'new', { w: 'all' });
    cluster.run(2500);
    // All disks are lost except one, which has an old copy: everything since is lost for good.
    cluster.crash(1);
    const remembered = cluster.replica(1).disk.copy();
    for (const restore of restores) restore();
    restoreFirst();
    cluster.crash(1);
    const held = remembered.range({
      from: new TextEncoder().encode('mheld.'),
      to: new TextEncoder().encode('mheld/'),
      reverse: false,
      limit: 100,
      bytesMax: 1e6,
    });
    if (!held.ok) throw new Error(held.reason);
    expect(held.entries.length).toBeGreaterThan(0);
    const { keys, values } = {
      keys: held.entries.map((entry) => entry.key),
      values: held.entries.map((entry) => entry.value),
    };
    cluster.replica(1).disk.write({ keys, values }, true);
    cluster.restart(1);
    cluster.settle();
    expect(cluster.notesOf('data-written-off').length).toBeGreaterThan(0);
    const lost = cluster.notesOf('data-lost').length;
    cluster.crash(0);
    cluster.restart(0);
    cluster.settle();
    expect(cluster.notesOf('data-lost')).toHaveLength(lost);
    expect(cluster.value(0, 'a')).toBe('old');
  });
});

describe('a start', () => {
  it('of a lone survivor waits for `peerTimeout`, and then serves what it has', () => {
    const cluster = settled({ settings: { helloWaitMs: 3000 } });
    cluster.put(0, 'a', 'one', { w: 'all' });
    for (const n of ALL) cluster.crash(n);
    cluster.restart(0);
    cluster.run(2800);
    expect(cluster.value(0, 'a')).toBe('catching-up');
    cluster.run(300);
    expect(cluster.value(0, 'a')).toBe('one');
    expect(state(cluster, 0)).toBe('catching-up');
  });

  it('with a majority waits no longer than the grace for the other members', () => {
    const cluster = settled({ settings: { bootGraceMs: 300 } });
    for (const n of ALL) cluster.crash(n);
    for (const n of [0, 1]) cluster.restart(n);
    cluster.run(400);
    expect(shown(cluster.put(0, 'a', 'one', { w: 2 }))).toBe('ap-1.2.1');
  });
});
