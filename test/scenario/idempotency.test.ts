// The same idempotency key has one effect: at the same replica, at another one, and after all have
// restarted.

import { describe, expect, it } from 'vitest';
import { idempotencyKey } from '../../src/store/layout.ts';
import { namespace } from '../support/build.ts';
import { type Call, Cluster, putOf, shown, type WriteOptions } from '../cluster/cluster.ts';

const once = (digest = 1, options: WriteOptions = {}): WriteOptions => ({
  ...options,
  idempotency: { key: 'order-7', digest },
});

const restarted = (cluster: Cluster, n: number): void => {
  cluster.crash(n);
  cluster.restart(n);
};

const lost = (cluster: Cluster, a: number, b: number): void => {
  cluster.cut(a, b);
  cluster.run(8000);
};

const settled = (settings = {}): Cluster => {
  const cluster = new Cluster({ settings });
  cluster.settle();
  return cluster;
};

describe('a retry under its idempotency key', () => {
  it('gets the first answer again and changes nothing, even if the value has changed since', () => {
    const cluster = settled();
    const first = cluster.put(0, 'a', 'one', once());
    expect(first).toMatchObject({ created: true, replayed: false });
    cluster.put(0, 'a', 'two');
    expect(cluster.put(0, 'a', 'one', once())).toMatchObject({
      kind: 'written',
      created: true,
      replayed: true,
      dot: { origin: 'ap-1.1', seq: 1 },
    });
    expect(cluster.value(0, 'a')).toBe('two');
  });

  it('is recognised at another replica as soon as that has the write', () => {
    const cluster = settled();
    cluster.put(0, 'a', 'one', once(1, { w: 3 }));
    expect(shown(cluster.put(2, 'a', 'one', once()))).toBe('ap-1.1.1');
  });

  it.each(['crash', 'powerCut'] as const)('is recognised after a %s of all replicas', (how) => {
    const cluster = settled();
    cluster.put(0, 'a', 'one', once(1, { w: 2 }));
    for (const n of [0, 1, 2]) cluster[how](n);
    for (const n of [0, 1, 2]) cluster.restart(n);
    cluster.settle();
    for (const n of [0, 1, 2]) {
      expect(shown(cluster.put(n, 'a', 'one', once()))).toBe('ap-1.1.1');
    }
  });

  it('while the first attempt is under way waits for the same write', () => {
    const cluster = settled();
    const first = cluster.begin(0, putOf('a', 'one', once(1, { w: 3 })));
    const second = cluster.begin(0, putOf('a', 'one', once(1, { w: 3 })));
    expect(shown(cluster.answer(first))).toBe('ap-1.1.1');
    expect(cluster.answer(second)).toMatchObject({ acks: 3, replayed: true });
    expect(shown(cluster.answer(second))).toBe('ap-1.1.1');
  });

  it('waits for the copies that it asks for, and has an unknown outcome at its deadline', () => {
    const cluster = settled();
    cluster.cut(0, 2);
    cluster.put(0, 'a', 'one', once(1, { w: 1 }));
    expect(cluster.put(0, 'a', 'one', once(1, { w: 3, timeoutMs: 100 }))).toMatchObject({
      kind: 'failed',
      fault: { code: 'outcome-unknown', dot: { origin: 'ap-1.1', seq: 1 } },
    });
    const waiting = cluster.begin(0, putOf('a', 'one', once(1, { w: 3 })));
    cluster.run(100);
    cluster.network.healAll();
    expect(cluster.answer(waiting)).toMatchObject({ kind: 'written', acks: 3 });
  });

  it('with another request is refused as a mistake', () => {
    const cluster = settled();
    cluster.put(0, 'a', 'one', once(1));
    expect(shown(cluster.put(0, 'a', 'two', once(2)))).toBe('idempotency-mismatch');
    expect(cluster.value(0, 'a')).toBe('one');
  });

  it('after a refusal is a first attempt', () => {
    const cluster = settled();
    cluster.crash(1);
    cluster.run(10);
    expect(shown(cluster.put(0, 'a', 'one', once(1, { w: 3 })))).toBe('no-quorum');
    expect(cluster.put(0, 'a', 'one', once(1, { w: 1 }))).toMatchObject({ replayed: false });
  });

  it('after its window is a first attempt, and the earlier write is forgotten', () => {
    const cluster = settled({ idempotencyMs: 2000, cacheBytes: 1 });
    cluster.put(0, 'a', 'one', once(1, { w: 3 }));
    const at = idempotencyKey(namespace('ns'), 'order-7');
    expect(cluster.replica(0).disk.get(at)).toBeDefined();
    cluster.run(4000);
    expect(cluster.replica(0).disk.get(at)).toBeUndefined();
    cluster.crash(0);
    cluster.restart(0);
    cluster.settle();
    expect(cluster.put(0, 'a', 'two', once(2))).toMatchObject({ replayed: false });
  });

  it('on both sides of a cut gets the same answer everywhere once the cut is healed', () => {
    const cluster = settled();
    cluster.cut(0, 2);
    cluster.cut(1, 2);
    cluster.run(4000);
    const first = shown(cluster.put(0, 'a', 'one', once()));
    cluster.run(10);
    expect(shown(cluster.put(2, 'a', 'one', once()))).not.toBe(first);
    cluster.network.healAll();
    cluster.settle();
    for (const n of [0, 1, 2]) expect(shown(cluster.put(n, 'a', 'one', once()))).toBe(first);
  });

  it('beyond the bound of waiting writes is refused, as a write is', () => {
    const cluster = settled({ writesPendingMax: 2 });
    cluster.cut(0, 1);
    cluster.cut(0, 2);
    const calls = [0, 1, 2, 3].map(() =>
      cluster.begin(0, putOf('a', 'one', once(1, { w: 3, timeoutMs: 500 }))),
    );
    const answers = calls.map((call) => shown(cluster.answer(call)));
    // No member can be asked whether it knows the key, so nothing was written.
    expect(answers).toEqual(['timeout', 'idempotency-in-flight', 'overloaded', 'overloaded']);
  });
});

describe('a retry at another replica', () => {
  /** A second between ap and us: a write of one of them is long on its way to the other. */
  const apart = (): Cluster => {
    const cluster = new Cluster({
      network: { latencyMs: (from, to) => (from + to === 2 && from !== to ? 1000 : 1) },
    });
    cluster.settle();
    return cluster;
  };
  const wide = once(1, { w: 'majority' });

  it('that has not received the first attempt asks a majority, and gets its answer', () => {
    const cluster = apart();
    const first = shown(cluster.put(0, 'a', 'one', wide));
    expect(cluster.put(2, 'a', 'one', wide)).toMatchObject({ replayed: true });
    expect(shown(cluster.put(2, 'a', 'one', wide))).toBe(first);
    expect(cluster.replica(2).host?.metrics.writes).toBe(0);
  });

  it('with another request is refused there, too', () => {
    const cluster = apart();
    cluster.put(0, 'a', 'one', wide);
    const other = once(2, { w: 'majority' });
    expect(shown(cluster.put(2, 'a', 'two', other))).toBe('idempotency-mismatch');
  });

  it.each([
    [0, 2],
    [0, 1, 2],
    [2, 1, 0],
    [1, 1, 2, 0, 0],
  ])('at the same time as others is one write, reported to all: %j', (...nodes) => {
    const cluster = apart();
    const calls = nodes.map((n) =>
      cluster.begin(n, putOf('a', 'one', { ...wide, timeoutMs: 20_000 })),
    );
    const told = new Set(calls.map((call) => shown(cluster.answer(call))));
    expect(told.size).toBe(1);
    cluster.settle();
    const writes = cluster.replicas.reduce((sum, { host }) => sum + (host?.metrics.writes ?? 0), 0);
    expect(writes).toBe(1);
  });

  it('while the first attempt is cut off with its write is a second write, and has no other effect', () => {
    const cluster = apart();
    cluster.cut(0, 1);
    cluster.cut(0, 2);
    expect(shown(cluster.put(0, 'a', 'one', once(1, { w: 1 })))).toBe('ap-1.1.1');
    cluster.run(4000);
    expect(shown(cluster.put(2, 'a', 'one', wide))).toBe('us-1.1.1');
  });

  it('waits while the first attempt may be under way, and is refused for good at its deadline', () => {
    const cluster = apart();
    const first = cluster.begin(0, putOf('a', 'one', { ...wide, timeoutMs: 20_000 }));
    cluster.runUntil(() => cluster.replica(0).host?.metrics.writes === 1);
    cluster.network.cut(0, 1);
    cluster.network.cut(0, 2);
    const second = cluster.put(2, 'a', 'one', { ...wide, timeoutMs: 300 });
    expect(shown(second)).toBe('idempotency-in-flight');
    cluster.network.healAll();
    expect(shown(cluster.answer(first))).toBe('ap-1.1.1');
    cluster.settle();
    expect(shown(cluster.put(2, 'a', 'one', wide))).toBe('ap-1.1.1');
  });

  /**
   * us, near to eu and far from ap, has begun the write: it has borrowed the key, and the write is
   * on its way.
   */
  const begun = (prepare?: (cluster: Cluster) => void): { cluster: Cluster; first: Call } => {
    const latencyMs = (from: number, to: number): number => {
      if (from === to) return 0;
      return from + to === 2 ? 200 : from + to === 1 ? 1 : 20;
    };
    const cluster = new Cluster({ network: { latencyMs } });
    cluster.settle();
    prepare?.(cluster);
    const first = cluster.begin(2, putOf('a', 'one', { ...wide, timeoutMs: 60_000 }));
    cluster.runUntil(() => cluster.replica(2).host?.metrics.writes === 1);
    return { cluster, first };
  };
  const writesIn = (cluster: Cluster): number =>
    cluster.replicas.reduce((sum, { host }) => sum + (host?.metrics.writes ?? 0), 0);

  it('finds the key lent although the connection of lender and borrower has just ended', () => {
    const { cluster, first } = begun();
    cluster.network.sever(1, 2);
    expect(cluster.put(0, 'a', 'one', wide)).toMatchObject({ replayed: true });
    expect(shown(cluster.answer(first))).toBe('us-1.1.1');
    expect(writesIn(cluster)).toBe(1);
  });

  /** us has no connection to ap when it asks, so that eu alone lends. */
  const apart02 = (cluster: Cluster): void => {
    cluster.network.cut(0, 2);
    cluster.network.cut(2, 0);
    cluster.run(8000);
  };
  const rejoined = (cluster: Cluster): void => {
    cluster.network.heal(0, 2);
    cluster.network.heal(2, 0);
    cluster.run(5000);
  };

  it.each([
    ['lent it long ago', (cluster: Cluster) => cluster.run(15_000)],
    ['lost the borrower from sight', (cluster: Cluster) => lost(cluster, 1, 2)],
    ['has begun a new life since', (cluster: Cluster) => restarted(cluster, 1)],
  ])('asks the borrower itself, whose disk hangs, if the lender %s', (_, strike) => {
    const { cluster, first } = begun(apart02);
    cluster.replica(2).storage?.hang();
    rejoined(cluster);
    strike(cluster);
    const second = cluster.put(0, 'a', 'one', { ...wide, timeoutMs: 3000 });
    expect(shown(second)).toBe('idempotency-in-flight');
    cluster.replica(2).storage?.resetSpeed();
    expect(shown(cluster.answer(first))).toBe('us-1.1.1');
    expect(shown(cluster.put(0, 'a', 'one', wide))).toBe('us-1.1.1');
    expect(writesIn(cluster)).toBe(1);
  });

  it('is answered as soon as the write arrives here, however long its pause would last', () => {
    const cluster = new Cluster();
    cluster.settle();
    const { storage } = cluster.replica(0);
    storage?.hang();
    const first = cluster.begin(0, putOf('a', 'one', { ...wide, timeoutMs: 60_000 }));
    cluster.run(10);
    const second = cluster.begin(2, putOf('a', 'one', { ...wide, timeoutMs: 60_000 }));
    // Pauses grow: this request is repeated in a second.
    cluster.run(4000);
    storage?.resetSpeed();
    expect(shown(cluster.answer(first))).toBe('ap-1.1.1');
    expect(cluster.answer(second)).toMatchObject({ replayed: true });
    // A heartbeat reports that enough replicas have it.
    expect(second.endedMs - first.endedMs).toBeLessThan(400);
  });

  it('does not wait for a borrower that is gone', () => {
    const { cluster } = begun();
    cluster.crash(2);
    expect(shown(cluster.put(0, 'a', 'one', { ...wide, timeoutMs: 3000 }))).toBe('ap-1.1.1');
  });

  it('is refused if no majority can be asked, and returns what it was lent', () => {
    const cluster = apart();
    const none = { conditions: [{ kind: 'match-any' }] } as const;
    expect(shown(cluster.put(0, 'a', 'one', { ...wide, ...none }))).toBe('precondition-failed');
    cluster.run(2000);
    expect(cluster.put(2, 'a', 'one', wide)).toMatchObject({ replayed: false });
  });
});

describe('many keys in sequence', () => {
  const keyed = (n: number): WriteOptions => ({
    w: 'majority',
    idempotency: { key: `order-${n}`, digest: n },
  });

  it('are written, however many were lent before', () => {
    const cluster = settled({ writesPendingMax: 4 });
    const told = Array.from({ length: 100 }, (_, n) => cluster.put(n % 3, `k${n}`, 'v', keyed(n)));
    expect(told.filter((reply) => reply === 'broken' || reply.kind !== 'written')).toEqual([]);
  });
});
