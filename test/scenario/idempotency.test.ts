// The same idempotency key, the same effect once: on the same replica, on another, and after everything was restarted.

import { describe, expect, it } from 'vitest';
import { Cluster, putOf, shown, type WriteOptions } from '../simulation/cluster.ts';

const once = (digest = 1, options: WriteOptions = {}): WriteOptions => ({
  ...options,
  idempotency: { key: 'order-7', digest },
});

const settled = (settings = {}): Cluster => {
  const cluster = new Cluster({ settings });
  cluster.settle();
  return cluster;
};

describe('a retry under its idempotency key', () => {
  it('gives the first answer again and changes nothing, even where the value has changed since', () => {
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

  it('is known at another replica as soon as that has the write', () => {
    const cluster = settled();
    cluster.put(0, 'a', 'one', once(1, { w: 3 }));
    expect(shown(cluster.put(2, 'a', 'one', once()))).toBe('ap-1.1.1');
  });

  it.each(['crash', 'powerCut'] as const)('is known after a %s of everybody', (how) => {
    const cluster = settled();
    cluster.put(0, 'a', 'one', once(1, { w: 2 }));
    for (const n of [0, 1, 2]) cluster[how](n);
    for (const n of [0, 1, 2]) cluster.restart(n);
    cluster.settle();
    for (const n of [0, 1, 2]) {
      expect(shown(cluster.put(n, 'a', 'one', once()))).toBe('ap-1.1.1');
    }
  });

  it('while the first is under way waits for the same write', () => {
    const cluster = settled();
    const first = cluster.begin(0, putOf('a', 'one', once(1, { w: 3 })));
    const second = cluster.begin(0, putOf('a', 'one', once(1, { w: 3 })));
    expect(shown(cluster.answer(first))).toBe('ap-1.1.1');
    expect(cluster.answer(second)).toMatchObject({ acks: 3, replayed: true });
    expect(shown(cluster.answer(second))).toBe('ap-1.1.1');
  });

  it('waits for the copies that it asks for itself, and does not know better at its deadline', () => {
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

  it('with another request is a mistake, and says so', () => {
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

  it('after its window is a first attempt, and its memory is gone', () => {
    const cluster = settled({ idempotencyMs: 2000, cacheBytes: 1 });
    cluster.put(0, 'a', 'one', once(1, { w: 3 }));
    const held = cluster.replica(0).disk.size;
    cluster.run(4000);
    expect(cluster.replica(0).disk.size).toBe(held - 2);
    cluster.crash(0);
    cluster.restart(0);
    cluster.settle();
    expect(cluster.put(0, 'a', 'two', once(2))).toMatchObject({ replayed: false });
  });

  it('of both sides of a cut is answered alike everywhere once it is healed', () => {
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

  it('beyond the bound of waiting writes is told so, as a write is', () => {
    const cluster = settled({ writesPendingMax: 2 });
    cluster.cut(0, 1);
    cluster.cut(0, 2);
    const calls = [0, 1, 2, 3].map(() =>
      cluster.begin(0, putOf('a', 'one', once(1, { w: 3, timeoutMs: 500 }))),
    );
    const answers = calls.map((call) => shown(cluster.answer(call)));
    expect(answers).toEqual(['outcome-unknown', 'outcome-unknown', 'overloaded', 'overloaded']);
  });
});
