// Hash trees are compared while clients write to every replica without a pause: two replicas never
// hold the same vector, and some batch is always on its way to a disk.

import { describe, expect, it } from 'vitest';
import { createPrng, type Prng } from '../../src/base/prng.ts';
import { APART_ENTRIES_MAX } from '../../src/entropy/tree-cut.ts';
import type { Status } from '../../src/model/status.ts';
import { compareVectors } from '../../src/model/vector.ts';
import { recordKey } from '../../src/store/layout.ts';
import { key, mutation, namespace, origin } from '../support/build.ts';
import { leanCluster } from '../support/lean-cluster.ts';
import { type Cluster, type ClusterOptions, delOf, getOf, putOf } from '../cluster/cluster.ts';
import { treesTrouble } from '../simulation/tree-oracle.ts';

const ALL = [0, 1, 2];
const ALARMS = ['divergence', 'tree-differs', 'tree-mistaken', 'tree-rebuilt'];

interface Writers {
  /** Writes that were sent. */
  count: number;
  isOver: boolean;
  /** The number of observations, and how often two replicas held the same. */
  looks: number;
  level: number;
}

/** Three distant replicas that keep nothing in memory beyond what they must. */
function begin(options: ClusterOptions = {}): Cluster {
  const latencyMs = (_from: number, _to: number, dice: Prng): number => 20 + dice.below(15);
  return leanCluster({ network: { latencyMs }, commitMs: 3, ...options });
}

/**
 * All replicas are written to all the time: puts and deletes, frequent keys and new ones, expiry,
 * quorum reads.
 */
function write(cluster: Cluster, everyMs: number, keys = 500): Writers {
  const dice = createPrng(7);
  const writers: Writers = { count: 0, isOver: false, looks: 0, level: 0 };
  const next = (n: number): void => {
    if (writers.isOver) return;
    writers.count++;
    const name = `w/${dice.below(dice.chance(0.5) ? 5 : keys)}`;
    const ns = dice.chance(0.3) ? 'fi' : 'ns';
    const ttl = dice.chance(0.05) ? { ttlMs: 500 + dice.below(2000) } : {};
    if (dice.chance(0.2)) cluster.begin(n, delOf(name, { ns, w: 1 }));
    else cluster.begin(n, putOf(name, `${writers.count}`, { ns, w: 1, ...ttl }));
    if (dice.chance(0.2)) cluster.begin(n, getOf(name, { ns, r: 2 }));
    cluster.world.after(everyMs * (0.5 + dice.next()), () => next(n));
  };
  for (const n of ALL) next(n);
  watch(cluster, writers);
  return writers;
}

/** Several times a heartbeat: whether any two replicas hold the same. */
function watch(cluster: Cluster, writers: Writers): void {
  if (writers.isOver) return;
  const vectors = ALL.map((n) => new Map(cluster.replica(n).status()?.self.vector));
  writers.looks++;
  for (const [one, other] of [
    [0, 1],
    [0, 2],
    [1, 2],
  ] as const)
    if (compareVectors(vectors[one] ?? new Map(), vectors[other] ?? new Map()) === 'equal')
      writers.level++;
  cluster.world.after(37, () => watch(cluster, writers));
}

const equalAt = (status: Status): (number | undefined)[] =>
  status.peers.map(({ compared }) => compared.equalAtMs);

/** The oldest success of any replica with any peer; `undefined` if there is none yet. */
function oldestEqual(cluster: Cluster): number | undefined {
  const all = ALL.flatMap((n) => equalAt(cluster.status(n)));
  return all.includes(undefined) ? undefined : Math.min(...(all as number[]));
}

function noteNames(cluster: Cluster): string[] {
  return cluster.notes.map(({ event }) => event).filter((event) => ALARMS.includes(event));
}

const mended = (cluster: Cluster): number =>
  cluster.replicas.reduce((sum, { host }) => sum + (host?.metrics.treeRecordsMended ?? 0), 0);

function remove(cluster: Cluster, n: number, name: string, ns = 'ns'): void {
  const at = recordKey(namespace(ns), key(name));
  if (!(cluster.replica(n).disk.get(at) instanceof Uint8Array)) throw new Error('nothing to lose');
  cluster.replica(n).disk.write({ keys: [at], values: [undefined] }, true);
}

describe('a comparison while writes never pause', () => {
  it('succeeds again and again, and raises no alarm', () => {
    const cluster = begin();
    const writers = write(cluster, 8);
    cluster.run(3000);
    for (let round = 0; round < 12; round++) {
      const before = oldestEqual(cluster);
      cluster.run(3000);
      expect(oldestEqual(cluster) ?? 0).toBeGreaterThan(before ?? 0);
    }
    expect(writers.count).toBeGreaterThan(10_000);
    expect(writers.level).toBeLessThan(writers.looks / 100);
    expect(noteNames(cluster)).toEqual([]);
    expect(mended(cluster)).toBe(0);
    writers.isOver = true;
    cluster.settle();
    cluster.run(4000);
    expect(treesTrouble(cluster)).toBe(undefined);
  });

  it('finds what one disk lost, raises the alarm and restores it', () => {
    const cluster = begin();
    for (const name of ['a', 'b', 'c'])
      for (const ns of ['ns', 'fi']) cluster.put(0, name, 'one', { ns, w: 'all' });
    const writers = write(cluster, 8);
    cluster.run(3000);
    remove(cluster, 1, 'b');
    remove(cluster, 1, 'c', 'fi');
    expect(cluster.value(1, 'b')).toBe('absent');
    cluster.run(12_000);
    expect(writers.level).toBeLessThan(writers.looks / 100);
    expect(cluster.value(1, 'b')).toBe('one');
    expect(cluster.value(1, 'c', 'fi')).toBe('one');
    expect(mended(cluster)).toBe(2);
    expect(cluster.notesOf('divergence').length).toBeGreaterThan(0);
    expect(cluster.notesOf('divergence-mended')).toMatchObject([{ replica: 1 }]);
    expect(cluster.notesOf('tree-mistaken')).toEqual([]);
    const before = oldestEqual(cluster);
    cluster.run(3000);
    expect(oldestEqual(cluster) ?? 0).toBeGreaterThan(before ?? 0);
    for (const n of ALL) expect(cluster.status(n).self.divergentKeys).toBe(0);
  });

  it('waits for the entries of records that a read brought before them', () => {
    // A write in ap reaches eu ten times later than us, and quorum reads of eu find it at us.
    const isFar = (n: number) => n === 0;
    const cluster = begin({
      network: {
        latencyMs: (from, to) => ((isFar(from) && to === 1) || (isFar(to) && from === 1) ? 150 : 8),
      },
    });
    let isOver = false;
    let round = 0;
    const next = (): void => {
      if (isOver) return;
      const name = `k${++round % 40}`;
      cluster.begin(0, putOf(name, `${round}`, { w: 1 }));
      cluster.world.after(20, () => cluster.begin(1, getOf(name, { r: 2 })));
      cluster.world.after(5, next);
    };
    next();
    cluster.run(3000);
    for (let n = 0; n < 4; n++) {
      const before = oldestEqual(cluster);
      cluster.run(4000);
      expect(oldestEqual(cluster) ?? 0).toBeGreaterThan(before ?? 0);
    }
    expect(cluster.replica(1).host?.metrics.readRepairs).toBeGreaterThan(1000);
    expect(noteNames(cluster)).toEqual([]);
    isOver = true;
    cluster.settle();
  });

  it('counts a record that is in no log neither as a divergence nor as equal', () => {
    const cluster = begin({ regions: ['eu', 'us'] });
    const bytes = mutation({
      namespace: namespace('ns'),
      key: key('s'),
      origin: origin('ap-9.1'),
      seq: 3,
    });
    cluster.run(3000);
    cluster
      .replica(1)
      .disk.write({ keys: [recordKey(namespace('ns'), key('s'))], values: [bytes.bytes] }, true);
    cluster.run(6000);
    const before = cluster.status(0).peers.map(({ compared }) => compared.equalAtMs);
    cluster.run(20_000);
    expect(cluster.status(0).peers.map(({ compared }) => compared)).toMatchObject([
      { result: 'unknown', equalAtMs: before[0] },
    ]);
    expect(cluster.notesOf('divergence')).toEqual([]);
    expect(cluster.notesOf('tree-mistaken')).toEqual([]);
  });

  it('is postponed while two replicas are too far apart, and does not count as equal', () => {
    const cluster = begin({ regions: ['eu', 'us'], settings: { cacheBytes: 1e7 } });
    cluster.put(0, 'a', 'one', { w: 2 });
    cluster.run(2000);
    cluster.network.cut(0, 1);
    cluster.network.cut(1, 0);
    for (let n = 0; n <= APART_ENTRIES_MAX; n++)
      cluster.begin(0, putOf(`k${n % 9}`, 'v', { w: 1 }));
    cluster.run(3000);
    const rounds = cluster.replica(0).host?.metrics.treeRoundsUnknown ?? 0;
    const before = cluster.status(0).peers[0]?.compared.equalAtMs ?? 0;
    cluster.network.heal(0, 1);
    cluster.network.heal(1, 0);
    cluster.settle();
    cluster.run(4000);
    expect(cluster.replica(0).host?.metrics.treeRoundsUnknown).toBeLessThanOrEqual(rounds + 1);
    expect(cluster.status(0).peers[0]?.compared.equalAtMs).toBeGreaterThan(before + 3000);
  });
});
