// Records that a disk has lost or changed without an error are found by hash trees, and restored
// from a replica that has them.

import { describe, expect, it } from 'vitest';
import { encodeFrame } from '../../src/adapters/frame.ts';
import type { Message } from '../../src/model/message.ts';
import type { Status } from '../../src/model/status.ts';
import { recordKey, treeKey } from '../../src/store/layout.ts';
import { FANOUT, LEAVES, leafOf } from '../../src/store/leaves.ts';
import { key, namespace } from '../support/build.ts';
import { leanCluster } from '../support/lean-cluster.ts';
import { type Call, type Cluster, putOf, shown } from '../cluster/cluster.ts';
import { rootOf, treeTrouble } from '../simulation/tree-oracle.ts';

const NS = 'ns';
const at = (name: string, ns = NS): Uint8Array => recordKey(namespace(ns), key(name));

function fill(cluster: Cluster, names: readonly string[], value: string, ns = NS): void {
  const calls: Call[] = names.map((name) => cluster.begin(0, putOf(name, value, { w: 'all', ns })));
  cluster.runUntil(() => calls.every(({ outcome }) => outcome !== undefined));
  for (const { outcome } of calls)
    if (typeof outcome !== 'object' || outcome.kind !== 'written') throw new Error('not written');
  // Memory keeps only the latest record.
  for (const name of ['y', 'z']) {
    cluster.put(0, name, value, { w: 'all' });
    cluster.run(300);
  }
}

const few = ['a', 'b', 'c', 'd', 'e'];

function remove(cluster: Cluster, n: number, name: string, ns = NS): void {
  cluster.replica(n).disk.write({ keys: [at(name, ns)], values: [undefined] }, true);
}

function stored(cluster: Cluster, n: number, name: string, ns = NS): Uint8Array {
  const bytes = cluster.replica(n).disk.get(at(name, ns));
  if (!(bytes instanceof Uint8Array)) throw new Error(`replica ${n} has no ${name}`);
  return bytes;
}

/** The value before the last one. */
function backDate(cluster: Cluster, n: number, name: string, older: Uint8Array, ns = NS): void {
  cluster.replica(n).disk.write({ keys: [at(name, ns)], values: [older] }, true);
}

const comparedWith = (status: Status, id: string) =>
  status.peers.find((peer) => peer.id === id)?.compared;
const mended = (cluster: Cluster): number =>
  cluster.replicas.reduce((sum, { host }) => sum + (host?.metrics.treeRecordsMended ?? 0), 0);

function expectHealed(cluster: Cluster): void {
  expect(cluster.replicas.map(treeTrouble)).toEqual(cluster.replicas.map(() => undefined));
  const roots = new Set(cluster.replicas.map(rootOf));
  expect(roots.size).toBe(1);
  for (const { index } of cluster.replicas)
    expect(cluster.status(index).self).toMatchObject({ treeRoot: [...roots][0], divergentKeys: 0 });
}

describe('replicas that hold the same', () => {
  it('find that they are equal, report since when, and move no records', () => {
    const cluster = leanCluster();
    fill(cluster, few, 'one');
    cluster.run(3000);
    expectHealed(cluster);
    const status = cluster.status(0);
    for (const id of ['eu-1', 'us-1']) {
      expect(comparedWith(status, id)?.result).toBe('equal');
      expect(comparedWith(status, id)?.equalAtMs).toBeGreaterThan(0);
    }
    expect(mended(cluster)).toBe(0);
    expect(cluster.notesOf('divergence')).toEqual([]);
  });

  it('find it also when one has dropped its tombstones', () => {
    const cluster = leanCluster();
    fill(cluster, few, 'one');
    cluster.del(0, 'a', { w: 3 });
    cluster.run(500);
    remove(cluster, 1, 'a');
    cluster.run(6000);
    expectHealed(cluster);
    expect(cluster.notesOf('tree-differs')).toEqual([]);
  });
});

describe('a record that vanished from one disk', () => {
  it('is found by the scrub and the comparison, and is restored from a peer', () => {
    const cluster = leanCluster();
    fill(cluster, few, 'one');
    cluster.run(500);
    remove(cluster, 1, 'b');
    expect(cluster.value(1, 'b')).toBe('absent');
    cluster.run(8000);
    expect(cluster.value(1, 'b')).toBe('one');
    expect(cluster.notesOf('tree-differs')).toMatchObject([{ replica: 1, level: 'error' }]);
    expect(cluster.notesOf('divergence')).not.toHaveLength(0);
    expect(cluster.notesOf('divergence-mended')).toMatchObject([{ replica: 1 }]);
    expect(mended(cluster)).toBe(1);
    expectHealed(cluster);
  });

  it('is found under any leaf, including the last leaf of the last node', () => {
    const cluster = leanCluster();
    const leaves = [0, FANOUT - 1, LEAVES - FANOUT, LEAVES - 1];
    const names = leaves.map(keyIn);
    fill(cluster, names, 'one');
    for (const name of names) remove(cluster, 2, name);
    cluster.run(9000);
    for (const name of names) expect(cluster.value(2, name)).toBe('one');
    expectHealed(cluster);
  });

  it('is written again from memory if memory still holds it', () => {
    const cluster = leanCluster({ settings: { cacheBytes: 1e6 } });
    fill(cluster, few, 'one');
    cluster.run(500);
    remove(cluster, 1, 'b');
    cluster.run(8000);
    expect(cluster.notesOf('tree-differs')).toMatchObject([{ fields: { reclaimed: 1 } }]);
    expect(mended(cluster)).toBe(0);
    expectHealed(cluster);
  });

  it('is restored in a fifo namespace as well', () => {
    const cluster = leanCluster();
    fill(cluster, few, 'one', 'fi');
    cluster.run(500);
    for (const name of few) remove(cluster, 2, name, 'fi');
    cluster.run(8000);
    for (const name of few) expect(cluster.value(2, name, 'fi')).toBe('one');
    expectHealed(cluster);
  });

  it('is restored even if it was overwritten before the loss was noticed', () => {
    const cluster = leanCluster();
    fill(cluster, few, 'one');
    cluster.run(500);
    for (const name of ['a', 'b', 'c']) remove(cluster, 1, name);
    cluster.put(1, 'a', 'two', { w: 3 });
    cluster.del(0, 'b', { w: 3 });
    cluster.run(8000);
    for (const n of [0, 1, 2])
      expect(few.map((name) => cluster.value(n, name))).toEqual([
        'two',
        'absent',
        'one',
        'one',
        'one',
      ]);
    expectHealed(cluster);
  });
});

describe('a record that one disk has in an older version', () => {
  it('is found, confirmed a second time and merged, and no older version replaces a newer one', () => {
    const cluster = leanCluster();
    fill(cluster, few, 'one');
    const older = stored(cluster, 1, 'b');
    fill(cluster, few, 'two');
    backDate(cluster, 1, 'b', older);
    const looks: { atMs: number; id: string }[] = [];
    cluster.onSend = (from, to, message) => {
      if (message.kind !== 'tree-keys-request' || from !== 1 || message.after !== '') return;
      looks.push({ atMs: cluster.nowMs, id: cluster.members[to]?.id ?? '' });
    };
    cluster.run(9000);
    for (const n of [0, 1, 2]) expect(cluster.value(n, 'b')).toBe('two');
    expect(mended(cluster)).toBe(1);
    expectHealed(cluster);
    const [note] = cluster.notesOf('divergence').filter(({ replica }) => replica === 1);
    const [first, second, ...more] = looks.filter(
      ({ id, atMs }) => id === note?.fields['peer'] && atMs <= note.atMs,
    );
    expect(more).toEqual([]);
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(200);
  });
});

describe('a comparison that is not possible', () => {
  it('does not count as equal: the tree of the peer is in doubt', () => {
    // An unreadable block: its records cannot be counted.
    const cluster = leanCluster({ regions: ['eu', 'us'] });
    fill(cluster, few, 'one');
    cluster.run(300);
    cluster.crash(1);
    cluster.replica(1).disk.write({ keys: [treeKey(0xffff)], values: [undefined] }, true);
    cluster.replica(1).disk.damage(at('c'));
    cluster.restart(1);
    cluster.settle();
    const before = comparedWith(cluster.status(0), 'us-1');
    cluster.run(15_000);
    expect(cluster.status(1).self.treeRoot).toBe('unknown');
    const after = comparedWith(cluster.status(0), 'us-1');
    expect(after).toEqual({ result: 'unknown', equalAtMs: before?.equalAtMs });
    expect(comparedWith(cluster.status(1), 'eu-1')).toEqual({
      result: 'unknown',
      equalAtMs: undefined,
    });
    expect(cluster.replica(0).host?.metrics.treeRoundsUnknown).toBeGreaterThan(0);
    expect(cluster.replica(1).host?.metrics.treeRoundsEqual).toBe(0);
  });

  it('does not count as equal: the peer does not answer', () => {
    const cluster = leanCluster({ regions: ['eu', 'us'] });
    fill(cluster, few, 'one');
    cluster.run(3000);
    const before = comparedWith(cluster.status(0), 'us-1');
    expect(before?.result).toBe('equal');
    const { network } = cluster;
    network.cut(1, 0);
    cluster.run(20_000);
    const after = comparedWith(cluster.status(0), 'us-1');
    expect((after?.equalAtMs ?? 0) - (before?.equalAtMs ?? 0)).toBeLessThan(2000);
    network.heal(1, 0);
    cluster.settle();
    cluster.run(3000);
    const again = comparedWith(cluster.status(0), 'us-1');
    expect(again?.result).toBe('equal');
    expect(again?.equalAtMs).toBeGreaterThan((before?.equalAtMs ?? 0) + 15_000);
  });

  it('does not happen in a directory that is older than the tree, until the tree was counted', () => {
    const cluster = leanCluster({ regions: ['eu', 'us'] });
    fill(cluster, few, 'one');
    cluster.crash(1);
    const { disk } = cluster.replica(1);
    disk.clear(Uint8Array.of(0x74), Uint8Array.of(0x75));
    cluster.restart(1);
    cluster.settle();
    cluster.run(6000);
    expect(cluster.notesOf('tree-rebuilt')).toMatchObject([{ replica: 1 }]);
    expect(cluster.notesOf('divergence')).toEqual([]);
    expectHealed(cluster);
  });
});

describe('a comparison while writes go on', () => {
  it('repairs nothing, doubts no tree and loses nothing', () => {
    const cluster = leanCluster({ settings: { cacheBytes: 4000, compareEveryMs: 300 } });
    for (let round = 0; round < 60; round++) {
      for (const n of [0, 1, 2]) {
        cluster.begin(n, putOf(`k${round % 7}`, `${n}.${round}`, { w: 1 }));
        cluster.begin(n, putOf(`k${n}.${round}`, 'v', { w: 1, ns: 'fi' }));
      }
      cluster.run(40 + 37 * (round % 6));
    }
    cluster.settle();
    cluster.run(5000);
    expect(mended(cluster)).toBe(0);
    for (const event of ['divergence', 'tree-differs', 'tree-mistaken', 'tree-rebuilt'])
      expect(cluster.notesOf(event)).toEqual([]);
    expectHealed(cluster);
  });

  it('restores what is lost in the meantime', () => {
    const cluster = leanCluster({ settings: { compareEveryMs: 300 } });
    fill(cluster, few, 'one');
    remove(cluster, 1, 'b');
    remove(cluster, 1, 'c');
    for (let round = 0; round < 60; round++) {
      for (const n of [0, 1, 2]) cluster.begin(n, putOf(`a${n}`, `${round}`, { w: 1 }));
      cluster.run(400);
    }
    cluster.settle();
    cluster.run(3000);
    for (const name of few) expect(cluster.value(1, name)).toBe('one');
    expectHealed(cluster);
  });
});

describe('the traffic of a comparison', () => {
  const COUNT = 2000;
  const LOST = 20;

  it('is at most three times the difference plus the cost of the tree', () => {
    const names = Array.from({ length: COUNT }, (_, n) => `key/${n}`);
    const cluster = leanCluster({ regions: ['eu', 'us'], settings: { compareEveryMs: 3_600_000 } });
    fill(cluster, names, 'v'.repeat(500));
    cluster.run(10_000);
    let difference = 0;
    for (let n = 0; n < LOST; n++) {
      difference += stored(cluster, 1, `key/${n * 97}`).length;
      remove(cluster, 1, `key/${n * 97}`);
    }
    cluster.run(10_000);
    expect(cluster.notesOf('tree-differs')).toHaveLength(1);
    let digests = 0;
    let lists = 0;
    let records = 0;
    cluster.onSend = (_from, _to, message) => {
      const bytes = isOfTree(message) ? encodeFrame([message]).length : 0;
      if (message.kind === 'tree-request' || message.kind === 'tree-reply') digests += bytes;
      else if (message.kind === 'tree-records') records += bytes;
      else lists += bytes;
    };
    // Both compare their trees when they meet again.
    cluster.network.sever(0, 1);
    cluster.run(20_000);
    expect(mended(cluster)).toBe(LOST);
    expect(records).toBeLessThanOrEqual(1.1 * difference);
    expect(records + lists).toBeLessThanOrEqual(3 * difference);
    // Two comparisons by two replicas, each of all inner nodes and of the leaves of those that
    // differ.
    expect(digests).toBeLessThanOrEqual(2 * 2 * 8 * 128 * (1 + LOST) * 1.1);
    expectHealed(cluster);
  });

  it('begins when an operator asks for it, long before it is due', () => {
    const cluster = leanCluster({ regions: ['eu', 'us'], settings: { compareEveryMs: 3_600_000 } });
    fill(cluster, few, 'v');
    cluster.run(10_000);
    remove(cluster, 1, 'a');
    cluster.run(20_000);
    expect(mended(cluster)).toBe(0);
    const beganMs = cluster.status(1).peers[0]?.compared.equalAtMs ?? 0;
    expect(shown(cluster.answer(cluster.begin(1, { kind: 'resync' })))).toBe('resyncing');
    cluster.runUntil(() => mended(cluster) === 1, 5000);
    cluster.runUntil(() => (cluster.status(1).peers[0]?.compared.equalAtMs ?? 0) > beganMs, 5000);
    expectHealed(cluster);
  });

  it('fits into frames, and continues where a frame had no room', () => {
    const cluster = leanCluster({ settings: { frameBytes: 400, windowBytes: 4000 } });
    const names = Array.from({ length: 60 }, (_, n) => `key/${n}`);
    fill(cluster, names, 'v'.repeat(100));
    for (let n = 0; n < 30; n++) remove(cluster, 1, `key/${n}`);
    let largest = 0;
    cluster.onSend = (_from, _to, message) => {
      if (isOfTree(message)) largest = Math.max(largest, encodeFrame([message]).length);
    };
    cluster.run(30_000);
    expect(mended(cluster)).toBe(30);
    expect(largest).toBeLessThanOrEqual(400);
    expectHealed(cluster);
  });
});

describe('a damaged record', () => {
  it('is given to no client and no peer, and is whole again in the end', () => {
    const cluster = leanCluster();
    fill(cluster, few, 'one');
    cluster.run(300);
    cluster.replica(1).disk.flip(at('b'), 300);
    remove(cluster, 0, 'b');
    cluster.run(15_000);
    for (const n of [0, 1, 2]) expect(shown(cluster.get(n, 'b', { r: 1 }))).toBe('one');
    expectHealed(cluster);
  });
});

/** A key that belongs to a leaf. */
function keyIn(leaf: number): string {
  for (let n = 0; ; n++) if (leafOf(namespace(NS), key(`k${n}`)) === leaf) return `k${n}`;
}

function isOfTree(message: Message): boolean {
  return message.kind.startsWith('tree-');
}
