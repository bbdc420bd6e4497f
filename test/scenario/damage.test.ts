// An unreadable record never counts as absent: requests that depend on it are refused, others are
// served.

import { describe, expect, it } from 'vitest';
import type { Condition } from '../../src/model/command.ts';
import { idempotencyKey, laneSpan, logKey, originKey, recordKey } from '../../src/store/layout.ts';
import type { MemoryDisk } from '../cluster/memory-disk.ts';
import { key, namespace, origin } from '../support/build.ts';
import { type Call, Cluster, listOf, putOf, shown } from '../cluster/cluster.ts';

const NS = namespace('ns');
const at = (name: string): Uint8Array => recordKey(NS, key(name));

/** The stored keys of the blocks of replica 0's log on a disk. */
function blocksOf(disk: MemoryDisk): Uint8Array[] {
  const span = laneSpan(origin('ap-1.1'), 1, 1e6);
  const result = disk.range({ ...span, reverse: false, limit: 1e6, bytesMax: 1e9 });
  return result.ok ? result.entries.map((entry) => entry.key) : [];
}

/** A lone replica with `a` and other keys stored, and none of them in memory. */
function alone(settings = {}): Cluster {
  const cluster = new Cluster({ regions: ['eu'], settings: { cacheBytes: 1, ...settings } });
  cluster.run(10);
  for (const name of ['a', 'b', 'c', 'd']) cluster.put(0, name, 'one');
  return cluster;
}

describe('where a record is damaged', () => {
  it('a request that depends on it is refused, and an unconditional delete or put replaces it', () => {
    const cluster = alone();
    cluster.replica(0).disk.flip(at('a'), 300);
    expect(shown(cluster.del(0, 'a', { returnsOld: true }))).toBe('record-corrupt');
    for (const kind of ['absent', 'match-any'] as const)
      expect(shown(cluster.put(0, 'a', 'two', { conditions: [{ kind }] }))).toBe('record-corrupt');
    expect(shown(cluster.put(0, 'a', 'two'))).toBe('eu-1.1.5');
    for (const name of ['b', 'c', 'd']) cluster.put(0, name, 'two');
    expect(cluster.value(0, 'a')).toBe('two');
    cluster.replica(0).disk.flip(at('b'), 300);
    expect(shown(cluster.del(0, 'b'))).toBe('eu-1.1.9');
    expect(cluster.value(0, 'b')).toBe('absent');
  });

  it('a list over it is refused, and any other list is answered', () => {
    const cluster = alone();
    cluster.replica(0).disk.flip(at('b'), 300);
    expect(shown(cluster.list(0))).toBe('record-corrupt');
    expect(shown(cluster.list(0, { start: 'c' }))).toBe('c d');
  });
});

describe('a block that cannot be read', () => {
  it('fails the list that needs it, with an answer', () => {
    const cluster = alone();
    cluster.replica(0).disk.damage(at('b'));
    expect(shown(cluster.list(0))).toBe('storage-failed');
    expect(shown(cluster.list(0, { start: 'c' }))).toBe('c d');
  });

  it('under an idempotency key keeps any replica from writing a second time', () => {
    const cluster = alone();
    const idempotency = { key: 'once', digest: 1 };
    cluster.put(0, 'a', 'two', { idempotency });
    cluster.crash(0);
    cluster.replica(0).disk.damage(idempotencyKey(NS, 'once'));
    cluster.restart(0);
    cluster.run(10);
    expect(shown(cluster.put(0, 'a', 'two', { idempotency }))).toBe('record-corrupt');
    expect(shown(cluster.put(0, 'a', 'two'))).toBe('eu-1.2.1');
  });

  it('is reported by the scrub and the sweep, which continue', () => {
    const cluster = alone({ scrubDelayMs: 100, scrubEveryMs: 100, idempotencyMs: 1 });
    cluster.put(0, 'a', 'two', { idempotency: { key: 'once', digest: 1 } });
    cluster.replica(0).disk.damage(at('b'));
    cluster.run(2000);
    expect(cluster.notesOf('scrub-unreadable')).not.toHaveLength(0);
    expect(shown(cluster.put(0, 'a', 'three'))).toBe('eu-1.1.6');
  });
});

describe('a damaged log entry', () => {
  it('is reported by the scrub, and stops the replica at its next start', () => {
    const cluster = alone({ scrubDelayMs: 100, scrubEveryMs: 100 });
    cluster.replica(0).disk.flip(logKey(0, origin('eu-1.1'), 2), 300);
    cluster.run(3000);
    expect(cluster.notesOf('scrub-damaged')[0]).toMatchObject({ fields: { kind: 'log' } });
    expect(cluster.value(0, 'b')).toBe('one');
    cluster.crash(0);
    cluster.restart(0);
    cluster.run(1000);
    expect(cluster.replica(0).halts[0]).toContain('not whole: verified up to 1 of 4');
  });

  it('goes when the log is truncated: no replica needs it any more', () => {
    const cluster = new Cluster({ settings: { tailBytes: 1, logRetainEntries: 10 } });
    cluster.settle();
    const calls: Call[] = [];
    for (let i = 0; i < 1011; i++) calls.push(cluster.begin(0, putOf(`k${i}`, 'v', { w: 1 })));
    cluster.runUntil(() => calls.every(({ outcome }) => outcome !== undefined));
    const { disk } = cluster.replica(0);
    const first = blocksOf(disk)[0] as Uint8Array;
    disk.flip(first, 300);
    cluster.run(2000);
    expect(blocksOf(disk)).not.toContainEqual(first);
    expect(cluster.replica(0).halts).toEqual([]);
    cluster.crash(0);
    cluster.restart(0);
    cluster.settle();
    expect(cluster.replica(0).halts).toEqual([]);
  });

  it('at the head of a log is noticed as well', () => {
    const cluster = alone();
    cluster.crash(0);
    cluster.replica(0).disk.flip(originKey(origin('eu-1.1')), 9);
    cluster.restart(0);
    cluster.run(100);
    expect(cluster.replica(0).halts[0]).toBe('the vector in storage is damaged');
  });
});

describe('a list', () => {
  it('whose deadline passes between two pages ends with a time-out', () => {
    const cluster = alone();
    const { storage } = cluster.replica(0);
    if (storage === undefined) throw new Error('the replica runs');
    storage.rangeMs = 60;
    // Each folded prefix needs a further page.
    const list = cluster.begin(0, listOf({ delimiter: 'a', timeoutMs: 50 }));
    expect(shown(cluster.answer(list))).toBe('timeout');
  });

  it('beyond the bound of running lists is refused', () => {
    const cluster = alone();
    const lists = Array.from({ length: 300 }, () => cluster.begin(0, listOf()));
    const answers = lists.map((call) => shown(cluster.answer(call)));
    expect(answers.filter((answer) => answer === 'a b c d')).toHaveLength(256);
    expect(answers.filter((answer) => answer === 'overloaded')).toHaveLength(44);
  });
});

describe('a condition', () => {
  it('is decided by the current version', () => {
    const cluster = alone();
    const put = (name: string, ...conditions: Condition[]): string =>
      shown(cluster.put(0, name, 'two', { conditions }));
    expect(put('a', { kind: 'none-match', versions: ['eu-1.1.1'] })).toBe('precondition-failed');
    expect(put('a', { kind: 'none-match', versions: ['eu-1.1.9'] })).toBe('eu-1.1.5');
    expect(put('new', { kind: 'match-any' })).toBe('precondition-failed');
    expect(put('new', { kind: 'none-match', versions: ['eu-1.1.1'] })).toBe('eu-1.1.6');
    expect(put('new', { kind: 'match-any' }, { kind: 'match', versions: ['eu-1.1.6'] })).toBe(
      'eu-1.1.7',
    );
    expect(put('new', { kind: 'absent' })).toBe('precondition-failed');
  });
});
