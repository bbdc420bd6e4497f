// Lists of keys without values move and hold no values, at this replica and at those that it asks;
// and the memory of all lists of a replica is bounded.

import { describe, expect, it } from 'vitest';
import type { RangeRequest } from '../../src/model/effect.ts';
import { isDefinite } from '../../src/model/fault.ts';
import type { Message } from '../../src/model/message.ts';
import { encodedOf } from '../../src/model/record.ts';
import { spanOfKeys } from '../../src/store/layout.ts';
import { Cluster, type ClusterOptions, listOf, shown } from '../cluster/cluster.ts';
import { namespace } from '../support/build.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const NAMES = Array.from({ length: 40 }, (_, n) => `k${n + 10}`);

/** Three replicas that hold the keys with values of this size. */
function filled(valueBytes: number, options: ClusterOptions = {}, names = NAMES): Cluster {
  const cluster = new Cluster(options);
  cluster.settle();
  for (const name of names) cluster.put(0, name, 'v'.repeat(valueBytes), { w: 3 });
  // All know that all have them.
  cluster.run(1000);
  return cluster;
}

/** Range reads of records at every replica, and the messages between replicas. */
function watched(cluster: Cluster): { reads: RangeRequest[]; said: Message[] } {
  const seen = { reads: [] as RangeRequest[], said: [] as Message[] };
  const { from } = spanOfKeys(namespace('ns'), '', '');
  for (const { storage } of cluster.replicas) {
    if (storage === undefined) throw new Error('every replica runs');
    const range = storage.range.bind(storage);
    storage.range = (request, done) => {
      if (request.from[0] === from[0]) seen.reads.push(request);
      range(request, done);
    };
  }
  cluster.onSend = (_from, _to, message) => seen.said.push(message);
  return seen;
}

const heldBy = (cluster: Cluster, n: number): number =>
  cluster.replica(n).host?.metrics.listsHeldBytes ?? 0;

/** The answers to this many lists at once, and the most that replica 2 held meanwhile. */
function together(cluster: Cluster, count: number, options: Parameters<typeof listOf>[0]) {
  const calls = Array.from({ length: count }, () => cluster.begin(2, listOf(options)));
  let most = 0;
  cluster.runUntil(() => {
    most = Math.max(most, heldBy(cluster, 2));
    return calls.every(({ outcome }) => outcome !== undefined);
  });
  return { answers: calls.flatMap(({ outcome }) => outcome ?? []), most };
}

describe('a list of keys only that asks a majority', () => {
  it('reads heads everywhere, and shows many keys of large values in one page', () => {
    const cluster = filled(256 * KIB);
    const seen = watched(cluster);
    const options = { r: 2, values: false } as const;
    expect(shown(cluster.list(2, options))).toBe(NAMES.join(' '));
    expect(seen.reads.length).toBeGreaterThan(1);
    expect(seen.reads.every(({ headsOnly }) => headsOnly === true)).toBe(true);
    expect(seen.said.filter(({ kind }) => kind === 'survey-request').length).toBeLessThan(3);
    expect(seen.said.some(({ kind }) => kind === 'read-request')).toBe(false);
    // A list with values reads them here, and peers send versions only.
    seen.reads.length = 0;
    cluster.list(2, { r: 2, limit: 2 });
    expect(seen.reads.some(({ headsOnly }) => headsOnly === undefined)).toBe(true);
    expect(seen.said.some(({ kind }) => kind === 'read-request')).toBe(false);
  });

  it('fetches by key only what differs, repairs it, and keeps no value of it', () => {
    const cluster = filled(KIB);
    cluster.cut(0, 2);
    cluster.put(0, 'k15', 'new', { w: 2 });
    cluster.put(0, 'k99', 'new', { w: 2 });
    const seen = watched(cluster);
    const page = cluster.list(2, { r: 2, values: false });
    expect(shown(page)).toBe([...NAMES, 'k99'].join(' '));
    if (page === 'broken' || page.kind !== 'listed') throw new Error(shown(page));
    expect(page.items.every((item) => encodedOf(item).length === 0)).toBe(true);
    const fetched = seen.said.flatMap((each) => (each.kind === 'read-request' ? each.key : []));
    expect([...new Set(fetched)].toSorted()).toEqual(['k15', 'k99']);
    cluster.run(20);
    expect(cluster.value(2, 'k15')).toBe('new');
  });

  it('reads fewer differing keys at a time if their values are large', () => {
    const cluster = filled(KIB, {}, NAMES.slice(0, 24));
    cluster.cut(0, 2);
    cluster.cut(1, 2);
    for (const name of NAMES.slice(0, 24)) cluster.put(0, name, 'w'.repeat(MIB / 2), { w: 2 });
    cluster.heal(1, 2);
    cluster.runUntil(() => cluster.status(2).peers.some(({ connected }) => connected));
    const asked = new Set<number>();
    const atOnce: number[] = [];
    cluster.onSend = (_from, _to, message) => {
      if (message.kind === 'read-request') asked.add(message.id);
      if (message.kind === 'read-reply') asked.delete(message.id);
      atOnce.push(asked.size);
    };
    const options = { r: 2, values: false, timeoutMs: 60_000 } as const;
    expect(shown(cluster.list(2, options))).toBe(NAMES.slice(0, 24).join(' '));
    // While nothing is known about them.
    expect(Math.max(...atOnce)).toBe(16);
  });

  it('is answered a hundred times at once, whatever the size of the values', () => {
    const cluster = filled(MIB, {}, NAMES.slice(0, 6));
    const { answers, most } = together(cluster, 100, { r: 2, values: false, timeoutMs: 60_000 });
    expect(answers.map((each) => (each === 'broken' ? each : each.kind))).toEqual(
      answers.map(() => 'listed'),
    );
    expect(most).toBeLessThan(32 * MIB);
    expect(heldBy(cluster, 2)).toBe(0);
  });
});

describe('the memory of all lists of a replica', () => {
  const settings = { listsHeldBytesMax: 4 * MIB };

  it('has a bound: a list that has nothing yet is refused, and nothing is held afterwards', () => {
    const cluster = filled(64 * KIB, { settings });
    const { answers, most } = together(cluster, 100, { r: 2 });
    const codes = answers.map(shown).filter((each) => !each.startsWith('k'));
    expect(new Set(codes)).toEqual(new Set(['overloaded']));
    expect(isDefinite('overloaded')).toBe(true);
    expect(codes.length).toBeLessThan(100);
    expect(most).toBeGreaterThan(2 * MIB);
    // A list that is being answered may exceed the bound by the page that it read last.
    expect(most).toBeLessThan(4 * MIB + 4 * MIB);
    for (const { index } of cluster.replicas) expect(heldBy(cluster, index)).toBe(0);
    expect(shown(cluster.list(2, { r: 2, limit: 3 }))).toBe('k10 k11 k12');
  });

  it('has a bound: a list that has something to show ends early with its cursor', () => {
    const cluster = filled(64 * KIB, { settings });
    const { answers } = together(cluster, 100, { r: 1 });
    for (const answer of answers) {
      if (answer === 'broken' || answer.kind !== 'listed') throw new Error(shown(answer));
      expect(answer.items.length).toBeGreaterThan(0);
      if (answer.items.length < NAMES.length) expect(answer.after).not.toBe('');
    }
  });
});
