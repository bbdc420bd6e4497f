// Atomic batches: the entries of a run are present at a replica all together, or not at all,
// whatever happens on their way.

import { describe, expect, it } from 'vitest';
import { firstOfRun, lastOfRun } from '../../src/model/run.ts';
import { entriesIn } from '../../src/store/block.ts';
import { allLogs } from '../../src/store/layout.ts';
import { type Call, Cluster, getOf, putOf, runOf, shown } from '../cluster/cluster.ts';

const KEYS = Array.from({ length: 12 }, (_, n) => `a${n}`);
/** A run that puts every key, larger than most messages between replicas. */
const together = (value: string, options = {}) =>
  runOf(
    KEYS.map((key) => [key, value.padEnd(100, '.')] as const),
    options,
  );
/** So small that a run fits neither a message nor a window. */
const NARROW = { settings: { frameBytes: 400, windowBytes: 1000 } };

function begun(options = {}): Cluster {
  const cluster = new Cluster(options);
  cluster.settle();
  return cluster;
}

/** The values of the keys at a replica, read in one turn: one word if they agree. */
function seenAt(cluster: Cluster, node: number): string {
  const calls = KEYS.map((key) => cluster.begin(node, getOf(key, { r: 1 })));
  const words = new Set(calls.map((call) => shown(cluster.answer(call)).replaceAll('.', '')));
  return [...words].join(' and ');
}

/** Every replica shows the whole run or nothing of it. */
function expectWhole(cluster: Cluster, words: readonly string[]): void {
  for (const { index } of cluster.replicas) expect(words).toContain(seenAt(cluster, index));
}

describe('a run', () => {
  it('is written at once, with consecutive versions', () => {
    const cluster = begun();
    const reply = cluster.answer(cluster.begin(0, together('one', { w: 'majority' })));
    expect(reply).toMatchObject({ kind: 'run-written', settled: true, replayed: false });
    expect(shown(reply)).toBe(KEYS.map((_, n) => `ap-1.1.${n + 1}`).join(' '));
    cluster.settle();
    for (const n of [0, 1, 2]) expect(seenAt(cluster, n)).toBe('one');
  });

  it.each([{}, NARROW, { namespaces: { ns: { consistency: 'fifo' } } }])(
    'is never shown in part, at any replica at any time (%j)',
    (options) => {
      const cluster = begun(options);
      const seen: Call[][] = [];
      const look = (): void => {
        for (const { index } of cluster.replicas)
          seen.push(KEYS.map((key) => cluster.begin(index, getOf(key, { r: 1 }))));
      };
      const runs: Call[] = [];
      for (let n = 0; n < 60; n++) {
        if (n % 6 === 0) runs.push(cluster.begin(n % 3, together(`v${n}`, { w: 2 })));
        if (n % 7 === 0) cluster.begin(n % 3, putOf(`other${n}`, 'x'));
        look();
        cluster.run(0.4);
      }
      cluster.settle();
      for (const run of runs) expect(cluster.answer(run)).toMatchObject({ kind: 'run-written' });
      for (const calls of seen) {
        const words = new Set(calls.map((call) => shown(cluster.answer(call))));
        expect([...words]).toHaveLength(1);
      }
      expect(new Set([0, 1, 2].map((n) => seenAt(cluster, n))).size).toBe(1);
    },
  );

  it('with one condition that does not hold writes nothing, and names the item', () => {
    const cluster = begun();
    cluster.put(0, 'b', 'there', { w: 3 });
    const run = runOf([
      ['a', 'one', { kind: 'absent' }],
      ['b', 'two', { kind: 'absent' }],
      ['c', 'three'],
    ]);
    const reply = cluster.answer(cluster.begin(1, run));
    expect(reply).toMatchObject({
      kind: 'failed',
      fault: {
        code: 'precondition-failed',
        item: 1,
        detail: expect.stringMatching(/^operation 1/),
      },
    });
    cluster.settle();
    for (const n of [0, 1, 2]) {
      expect(cluster.value(n, 'a')).toBe('absent');
      expect(cluster.value(n, 'b')).toBe('there');
      expect(cluster.value(n, 'c')).toBe('absent');
    }
  });

  it('compares its conditions with the state before it', () => {
    const cluster = begun();
    const run = runOf([
      ['a', 'one', { kind: 'absent' }],
      ['a', 'two', { kind: 'absent' }],
      ['b', 'three'],
      ['b', null],
    ]);
    const reply = cluster.answer(cluster.begin(0, run));
    expect(reply).toMatchObject({
      items: [{ created: true }, { created: false }, { created: true }, { created: false }],
    });
    cluster.settle();
    for (const n of [0, 1, 2]) {
      expect(cluster.value(n, 'a')).toBe('two');
      expect(cluster.value(n, 'b')).toBe('absent');
    }
  });

  it('asks the read quorum for every key with a condition', () => {
    const latencyMs = (from: number, to: number) => (from + to === 2 && from !== to ? 1000 : 1);
    const cluster = begun({ network: { latencyMs } });
    cluster.put(0, 'b', 'one', { w: 'majority' });
    const items = [
      ['a', 'two'],
      ['b', 'two', { kind: 'absent' }],
    ] as const;
    const asked = cluster.answer(cluster.begin(2, runOf(items, { r: 'majority', w: 1 })));
    expect(asked).toMatchObject({ fault: { code: 'precondition-failed', item: 1 } });
    expect(cluster.value(2, 'a')).toBe('absent');
  });

  it('with an idempotency key is written once, and a retry gets the same versions', () => {
    const cluster = begun();
    const once = { w: 'majority', idempotency: { key: 'k', digest: 7 } } as const;
    const first = cluster.answer(cluster.begin(0, together('one', once)));
    const again = cluster.answer(cluster.begin(1, together('one', once)));
    expect(again).toMatchObject({ kind: 'run-written', replayed: true });
    expect(shown(again)).toBe(shown(first));
    const { items } = again as unknown as { items: { created: boolean }[] };
    expect(items.every(({ created }) => created)).toBe(true);
    cluster.put(2, 'a3', 'later', { w: 3 });
    const third = cluster.answer(cluster.begin(2, together('one', once)));
    expect((third as unknown as { items: unknown[] }).items[3]).toMatchObject({ created: false });
    const other = { ...once, idempotency: { key: 'k', digest: 8 } };
    expect(shown(cluster.answer(cluster.begin(1, together('two', other))))).toBe(
      'idempotency-mismatch',
    );
    cluster.settle();
    expect(cluster.value(0, 'a3')).toBe('later');
  });

  it('that loses under one key reports that key, and shows the others', () => {
    const cluster = begun({ network: { latencyMs: () => 20 } });
    const run = cluster.begin(0, together('one', { w: 3 }));
    cluster.run(5);
    cluster.put(2, 'a4', 'later', { w: 1 });
    const reply = cluster.answer(run) as unknown as { items: { supersededBy: unknown }[] };
    const superseded = reply.items.map(({ supersededBy }) => supersededBy !== undefined);
    expect(superseded.indexOf(true)).toBe(4);
    expect(superseded.lastIndexOf(true)).toBe(4);
    cluster.settle();
    for (const n of [0, 1, 2]) expect(cluster.value(n, 'a4')).toBe('later');
    for (const n of [0, 1, 2]) expect(cluster.value(n, 'a5')).toMatch(/^one/);
  });

  it('without enough copies by its deadline has an unknown outcome, and goes on replicating', () => {
    const cluster = begun();
    cluster.cut(0, 1);
    cluster.cut(0, 2);
    const reply = cluster.answer(cluster.begin(0, together('one', { w: 2, timeoutMs: 500 })));
    expect(shown(reply)).toMatch(/outcome-unknown|no-quorum/);
    cluster.network.healAll();
    cluster.settle();
    expectWhole(cluster, ['one', 'absent']);
    expect(new Set([0, 1, 2].map((n) => seenAt(cluster, n))).size).toBe(1);
  });

  it('that exceeds the bound of a run is refused', () => {
    const cluster = begun();
    const items = Array.from({ length: 1001 }, (_, n) => [`k${n}`, 'v'] as const);
    expect(shown(cluster.answer(cluster.begin(0, runOf(items))))).toBe('value-too-large');
  });

  it('at a drained replica is refused', () => {
    const cluster = begun();
    cluster.answer(cluster.begin(0, { kind: 'drain', drained: true }));
    expect(shown(cluster.answer(cluster.begin(0, together('one'))))).toBe('draining');
  });
});

describe('a run that is interrupted', () => {
  const moments = Array.from({ length: 24 }, (_, n) => 0.05 + n * 0.2);

  it.each(['crash', 'powerCut'] as const)(
    'by a %s of any replica is stored whole or not at all',
    (how) => {
      for (const atMs of moments) {
        for (const fate of ['kept', 'lost'] as const) {
          for (const node of [0, 1]) {
            const cluster = begun(NARROW);
            cluster.answer(cluster.begin(0, together('before', { w: 3 })));
            cluster.begin(0, together('one', { w: 2 }));
            cluster.run(atMs);
            cluster[how](node, fate);
            cluster.restart(node);
            cluster.settle();
            expectWhole(cluster, ['before', 'one']);
            expect(new Set([0, 1, 2].map((n) => seenAt(cluster, n))).size).toBe(1);
          }
        }
      }
    },
  );

  it('by power cuts everywhere is stored whole or not at all', () => {
    for (const atMs of moments) {
      const cluster = begun();
      cluster.begin(0, together('one', { w: 2 }));
      cluster.run(atMs);
      cluster.powerCut(0, 'lost');
      cluster.powerCut(1, 'kept');
      cluster.powerCut(2, 'lost');
      for (const { index } of cluster.replicas) cluster.restart(index);
      cluster.settle();
      expectWhole(cluster, ['one', 'absent']);
      expect(new Set([0, 1, 2].map((n) => seenAt(cluster, n))).size).toBe(1);
    }
  });
});

describe('a log with runs', () => {
  /** Every stored log begins and ends with whole runs. */
  const expectWholeLogs = (cluster: Cluster, node: number): number => {
    const all = { ...allLogs(), reverse: false, limit: 1e6, bytesMax: 1e9 };
    const result = cluster.replica(node).disk.range(all);
    if (!result.ok) throw new Error(result.reason);
    const entries = [...entriesIn(result.entries)];
    for (const [at, entry] of entries.entries()) {
      if (entry === undefined) throw new Error('an entry is damaged');
      const isFirst = entries[at - 1]?.origin !== entry.origin;
      const isLast = entries[at + 1]?.origin !== entry.origin;
      if (isFirst) expect(firstOfRun(entry)).toBe(entry.seq);
      if (isLast) expect(lastOfRun(entry)).toBe(entry.seq);
    }
    return entries.length;
  };

  it.each([1, 5, 7, 12, 13])('is cut between them, wherever the cut would be (%i)', (retained) => {
    const settings = { logRetainEntries: retained, logTruncateEntries: 1 };
    const cluster = begun({ settings });
    for (let n = 0; n < 6; n++) {
      cluster.answer(cluster.begin(0, together(`v${n}`, { w: 3 })));
      cluster.put(0, `k${n}`, 'v', { w: 3 });
    }
    cluster.run(2000);
    for (const n of [0, 1, 2]) {
      const left = expectWholeLogs(cluster, n);
      expect(left).toBeLessThan(78);
      expect(left).toBeGreaterThanOrEqual(retained);
    }
    cluster.crash(1);
    cluster.restart(1);
    cluster.settle();
    expect(seenAt(cluster, 1)).toBe('v5');
  });

  it('comes from another holder, run by run, and from its beginning after a restart', () => {
    const cluster = begun({ settings: { ...NARROW.settings, tailBytes: 500 } });
    cluster.cut(0, 2);
    for (let n = 0; n < 5; n++) cluster.answer(cluster.begin(0, together(`v${n}`, { w: 2 })));
    cluster.runUntil(() => cluster.value(2, 'a0').startsWith('v4'));
    expect(seenAt(cluster, 2)).toBe('v4');
    cluster.crash(2);
    for (let n = 5; n < 9; n++) cluster.answer(cluster.begin(0, together(`v${n}`, { w: 2 })));
    cluster.network.healAll();
    cluster.restart(2);
    cluster.settle();
    expect(seenAt(cluster, 2)).toBe('v8');
  });

  it('that was truncated is replaced by a snapshot, which is whole when it is shown', () => {
    const settings = { logRetainEntries: 1, logTruncateEntries: 1 };
    const cluster = begun({ settings });
    cluster.answer(cluster.begin(0, together('v0', { w: 3 })));
    cluster.crash(2);
    cluster.replica(2).wipe();
    for (let n = 1; n < 5; n++) cluster.answer(cluster.begin(0, together(`v${n}`, { w: 2 })));
    cluster.run(1000);
    cluster.restart(2);
    cluster.settle();
    expect(seenAt(cluster, 2)).toBe('v4');
  });
});
