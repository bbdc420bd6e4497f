// What a list reads and holds is bounded, whatever its range contains, and it continues with its
// cursor.

import { describe, expect, it } from 'vitest';
import type { RangeRequest } from '../../src/model/effect.ts';
import { latestOf } from '../../src/model/record.ts';
import type { Listed } from '../../src/model/reply.ts';
import { type Call, Cluster, delOf, listOf, putOf, shown } from '../cluster/cluster.ts';

const settled = (): Cluster => {
  const cluster = new Cluster({
    regions: ['eu'],
    settings: { heartbeatMs: 5000, peerTimeoutMs: 60_000 },
  });
  cluster.settle();
  return cluster;
};

function all(cluster: Cluster, asked: ReturnType<typeof putOf>[]): void {
  const calls: Call[] = asked.map((one) => cluster.begin(0, one));
  cluster.runUntil(() => calls.every(({ outcome }) => outcome !== undefined));
}

const names = (count: number, prefix = 'k') =>
  Array.from({ length: count }, (_, i) => `${prefix}${String(i).padStart(6, '0')}`);

/** All pages to the end. */
function pages(cluster: Cluster, options: Parameters<typeof listOf>[0]): Listed[] {
  const found: Listed[] = [];
  for (let after = ''; found.length < 1000; ) {
    const page = cluster.list(0, { ...options, after });
    if (page === 'broken' || page.kind !== 'listed') throw new Error(shown(page));
    found.push(page);
    if (page.after === '') return found;
    after = page.after;
  }
  throw new Error('the list has no end');
}

/** Range reads for lists, when they are requested. */
function watched(cluster: Cluster): { reads: RangeRequest[]; running: number; most: number } {
  const { storage } = cluster.replica(0);
  if (storage === undefined) throw new Error('the replica runs');
  const seen = { reads: [] as RangeRequest[], running: 0, most: 0 };
  const range = storage.range.bind(storage);
  storage.range = (request, done) => {
    seen.reads.push(request);
    seen.most = Math.max(seen.most, ++seen.running);
    range(request, (result) => {
      seen.running--;
      done(result);
    });
  };
  return seen;
}

describe('a list over many deletes', () => {
  it('ends its page empty, with a cursor that leads to the keys behind them', () => {
    const cluster = settled();
    const keys = names(25_000);
    all(
      cluster,
      keys.map((name) => putOf(name, 'v')),
    );
    all(
      cluster,
      keys.map((name) => delOf(name)),
    );
    all(cluster, [putOf('z', 'last')]);
    for (const reverse of [false, true]) {
      const found = pages(cluster, { limit: 1, reverse });
      expect(found.length).toBeGreaterThan(1);
      expect(found.length).toBeLessThan(6);
      expect(found.flatMap(({ items }) => items.map(({ key }) => key))).toEqual(['z']);
    }
  });

  it('finds the folder behind a deleted key with a similar name', () => {
    const cluster = settled();
    all(cluster, [putOf('a/', 'v'), putOf('a/x', 'v'), putOf('b', 'v')]);
    all(cluster, [delOf('a/')]);
    const found = pages(cluster, { limit: 1, delimiter: '/' });
    expect(
      found.flatMap(({ prefixes, items }) => [...prefixes, ...items.map(({ key }) => key)]),
    ).toEqual(['a/', 'b']);
  });
});

describe('a list of keys', () => {
  it('holds no values and shows the same keys', () => {
    const cluster = settled();
    all(
      cluster,
      names(20).map((name) => putOf(name, 'v'.repeat(1000), { ttlMs: 60_000 })),
    );
    const [keys] = pages(cluster, { values: false });
    const [values] = pages(cluster, { values: true });
    expect(
      keys?.items.map(latestOf).map(({ key, seq, size, expiresAtMs, hlc }) => ({
        key,
        seq,
        size,
        expiresAtMs,
        hlc,
      })),
    ).toEqual(
      values?.items.map(latestOf).map(({ key, seq, value, expiresAtMs, hlc }) => ({
        key,
        seq,
        size: value.length,
        expiresAtMs,
        hlc,
      })),
    );
    expect(
      keys?.items.map(latestOf).every(({ value, bytes }) => value.length + bytes.length === 0),
    ).toBe(true);
  });

  it('of large values ends at the bound of bytes read, and one with values at the bound of an answer', () => {
    const cluster = settled();
    const large = 'v'.repeat(512 * 1024);
    for (const name of names(100)) all(cluster, [putOf(name, large)]);
    const [page] = pages(cluster, { values: false });
    expect(page?.items.length).toBeLessThan(70);
    const counts = pages(cluster, {}).map(({ items }) => items.length);
    expect(Math.max(...counts)).toBeLessThan(10);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(100);
  });
});

describe('a list of folders', () => {
  it('reads a few entries of each folder', () => {
    const cluster = settled();
    const inFolders = names(60, 'f').flatMap((folder) => names(100, `${folder}/`));
    all(
      cluster,
      inFolders.map((name) => putOf(name, 'v')),
    );
    const seen = watched(cluster);
    const found = pages(cluster, { delimiter: '/' });
    expect(found.flatMap(({ prefixes }) => prefixes)).toEqual(
      names(60, 'f').map((name) => `${name}/`),
    );
    const asked = seen.reads.reduce((sum, { limit }) => sum + limit, 0);
    expect(asked).toBeLessThan(60 * 10 + 1000);
  });
});

describe('many lists at the same time', () => {
  it('read a few at a time, and all are answered', () => {
    const cluster = settled();
    all(
      cluster,
      names(50).map((name) => putOf(name, 'v')),
    );
    const seen = watched(cluster);
    const calls = Array.from({ length: 200 }, () => cluster.begin(0, listOf()));
    cluster.runUntil(() => calls.every(({ outcome }) => outcome !== undefined));
    expect(calls.every(({ outcome }) => outcome !== 'broken' && outcome?.kind === 'listed')).toBe(
      true,
    );
    expect(seen.most).toBeLessThanOrEqual(9);
  });
});
