// Lists that ask several replicas: they contain everything that any majority has, page by page, in
// both directions and grouped, however the replicas differ; and they end within their time.

import { describe, expect, it } from 'vitest';
import { latestOf, type Record } from '../../src/model/record.ts';
import type { Listed } from '../../src/model/reply.ts';
import { Cluster, delOf, type ListOptions, listOf, putOf, shown } from '../cluster/cluster.ts';

const FIFO = { ns: { consistency: 'fifo' } };

function settled(options: ConstructorParameters<typeof Cluster>[0] = {}): Cluster {
  const cluster = new Cluster(options);
  cluster.settle();
  return cluster;
}

/** Replica 2 lacks everything that is written from now on. */
function behind(options: ConstructorParameters<typeof Cluster>[0] = {}): Cluster {
  const cluster = settled(options);
  for (const name of ['a/1', 'b/1', 'c/1']) cluster.put(0, name, 'old', { w: 3 });
  cluster.cut(0, 2);
  return cluster;
}

function pageOf(cluster: Cluster, n: number, options: ListOptions): Listed {
  const reply = cluster.list(n, options);
  if (reply === 'broken' || reply.kind !== 'listed') throw new Error(shown(reply));
  return reply;
}

/** All pages to the end. */
function walk(cluster: Cluster, n: number, options: ListOptions): string[] {
  const names: string[] = [];
  let after = '';
  for (let pages = 0; pages < 100; pages++) {
    const page = pageOf(cluster, n, { ...options, after });
    names.push(...page.items.map(({ key }) => key), ...page.prefixes);
    after = page.after;
    if (after === '') return names;
  }
  throw new Error('the list does not end');
}

describe.each([
  ['eventual', {}],
  ['fifo', { namespaces: FIFO }],
] as const)('a list of a majority in %s namespaces', (_, options) => {
  it('has every key whose write a majority acknowledged, and no key that it deleted', () => {
    const cluster = behind(options);
    for (const name of ['a/2', 'b/0', 'z']) cluster.put(0, name, 'new', { w: 2 });
    cluster.del(0, 'c/1', { w: 2 });
    expect(shown(cluster.list(2, { r: 1 }))).toBe('a/1 b/1 c/1');
    expect(walk(cluster, 2, { r: 2 })).toEqual(['a/1', 'a/2', 'b/0', 'b/1', 'z']);
  });

  it('shows the newest value, and repairs the replicas that lack it', () => {
    const cluster = behind(options);
    cluster.put(0, 'a/1', 'new', { w: 2 });
    const { items } = pageOf(cluster, 2, { r: 2, prefix: 'a/' });
    expect(
      items.map((item) => latestOf(item).value).map((value) => String.fromCharCode(...value)),
    ).toEqual(['new']);
    cluster.run(20);
    expect(cluster.value(2, 'a/1')).toBe('new');
  });

  it.each([1, 2, 3, 7])('continues at its cursor in pages of %s, in both directions', (limit) => {
    const cluster = behind(options);
    const names: string[] = ['a/1', 'b/1', 'c/1'];
    for (let n = 0; n < 12; n++) {
      names.push(`k${n + 10}`);
      cluster.put(n % 2, `k${n + 10}`, 'new', { w: 2 });
    }
    for (const gone of ['k13', 'k14', 'k15']) cluster.del(0, gone, { w: 2 });
    const left = names.filter((name) => !['k13', 'k14', 'k15'].includes(name));
    expect(walk(cluster, 2, { r: 2, limit })).toEqual(left);
    expect(walk(cluster, 2, { r: 2, limit, reverse: true })).toEqual(left.toReversed());
    expect(walk(cluster, 2, { r: 2, limit, start: 'k11', end: 'k17' })).toEqual([
      'k11',
      'k12',
      'k16',
    ]);
  });

  it('groups keys under prefixes, and leaves out a prefix whose keys are all deleted', () => {
    const cluster = behind(options);
    for (let n = 0; n < 40; n++) cluster.put(0, `d/${n}`, 'new', { w: 2 });
    cluster.put(0, 'plain', 'new', { w: 2 });
    cluster.del(0, 'b/1', { w: 2 });
    expect(walk(cluster, 2, { r: 2, delimiter: '/' }).toSorted()).toEqual([
      'a/',
      'c/',
      'd/',
      'plain',
    ]);
    expect(walk(cluster, 2, { r: 2, delimiter: '/', limit: 1 })).toEqual([
      'a/',
      'c/',
      'd/',
      'plain',
    ]);
    expect(walk(cluster, 2, { r: 2, delimiter: '/', limit: 1, reverse: true })).toEqual([
      'plain',
      'd/',
      'c/',
      'a/',
    ]);
  });

  it('asks another peer if one does not answer, and ends in time', () => {
    const cluster = behind(options);
    cluster.put(0, 'z', 'new', { w: 2 });
    cluster.crash(1);
    cluster.run(50);
    const late = cluster.begin(2, listOf({ r: 2, timeoutMs: 400 }));
    expect(['timeout', 'no-quorum']).toContain(shown(cluster.answer(late)));
    expect(late.endedMs - late.beganMs).toBeLessThan(450);
    cluster.run(5000);
    expect(shown(cluster.list(2, { r: 2 }))).toBe('no-quorum');
    cluster.restart(1);
    cluster.run(3000);
    expect(walk(cluster, 2, { r: 2 })).toContain('z');
  });
});

describe('a list of several replicas', () => {
  it('takes the r of the policy if the request names none', () => {
    const cluster = behind({ namespaces: { ns: { r: 'majority' } } });
    cluster.put(0, 'z', 'new', { w: 2 });
    expect(walk(cluster, 2, {})).toContain('z');
    expect(shown(cluster.list(2, { r: 9 }))).toBe('invalid-parameter');
  });

  it('shows no key beyond what all of them cover', () => {
    // Replica 1 has many keys at the beginning that replica 2 lacks, and its page ends before the
    // later ones.
    const cluster = behind();
    cluster.put(0, 'zz', 'old', { w: 2 });
    for (let n = 0; n < 60; n++) cluster.put(1, `k${n + 100}`, 'new', { w: 1 });
    cluster.put(0, 'zz', 'newer', { w: 2 });
    const page = pageOf(cluster, 2, { r: 2, limit: 5 });
    expect(page.items.map(({ key }) => key)).toEqual(['a/1', 'b/1', 'c/1', 'k100', 'k101']);
    expect(page.after).toBe('k101');
  });

  it('looks behind the deletes of the replica that covers least before it shows what follows', () => {
    const cluster = settled();
    for (const name of ['a/1', 'zz']) cluster.put(0, name, 'old', { w: 3 });
    // All know that all have these.
    cluster.run(1000);
    cluster.cut(0, 2);
    for (let n = 0; n < 40; n++) cluster.put(1, `k${n + 100}`, 'new', { w: 1 });
    for (let n = 0; n < 40; n++) cluster.del(1, `k${n + 100}`, { w: 1 });
    cluster.put(0, 'zz', 'newer', { w: 2 });
    expect(cluster.value(2, 'zz')).toBe('old');
    const { items } = pageOf(cluster, 2, { r: 2, limit: 5 });
    expect(items.map(({ key }) => key)).toEqual(['a/1', 'zz']);
    expect(String.fromCharCode(...latestOf(items[1] as Record).value)).toBe('newer');
  });

  it('continues behind the deletes of a peer if this replica has nothing there', () => {
    const cluster = behind();
    for (let n = 0; n < 40; n++) {
      cluster.put(0, `d/${n}`, 'v', { w: 2 });
      cluster.del(0, `d/${n}`, { w: 2 });
    }
    cluster.put(0, 'z', 'new', { w: 2 });
    for (const limit of [1, 2, 100])
      expect(walk(cluster, 2, { r: 2, start: 'd/', limit })).toEqual(['z']);
  });

  it('never goes back: what one list showed of an unfinished write, the next one shows', () => {
    const cluster = settled();
    cluster.cut(0, 1);
    cluster.cut(0, 2);
    cluster.begin(0, putOf('a', 'new', { w: 2, timeoutMs: 100 }));
    cluster.run(200);
    cluster.heal(0, 1);
    cluster.runUntil(() => shown(cluster.list(1, { r: 2 })) === 'a');
    cluster.crash(0);
    expect(shown(cluster.list(2, { r: 2 }))).toBe('a');
  });

  it('hides a key whose delete is newer than the version of another replica', () => {
    const cluster = behind();
    cluster.answer(cluster.begin(0, delOf('b/1', { w: 2 })));
    expect(walk(cluster, 1, { r: 3 })).toEqual(['a/1', 'c/1']);
  });

  it('hides a key whose delete enough replicas hold, without reading it again', () => {
    const cluster = settled({ regions: ['eu', 'eu', 'us', 'us', 'ap'] });
    for (const name of ['a/1', 'b/1', 'c/1']) cluster.put(0, name, 'old', { w: 5 });
    cluster.cut(0, 4);
    cluster.answer(cluster.begin(0, delOf('b/1', { w: 4 })));
    expect(shown(cluster.list(4, { r: 1 }))).toBe('a/1 b/1 c/1');
    expect(walk(cluster, 4, { r: 4 })).toEqual(['a/1', 'c/1']);
    expect(walk(cluster, 4, { r: 4, delimiter: '/' })).toEqual(['a/', 'c/']);
  });
});
