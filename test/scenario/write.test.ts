// Writes that wait for copies: the answer if they arrive, if they cannot arrive, and if that is
// unknown.

import { describe, expect, it } from 'vitest';
import { isDefinite } from '../../src/model/fault.ts';
import { Cluster, putOf, shown } from '../cluster/cluster.ts';

const settled = (options = {}): Cluster => {
  const cluster = new Cluster(options);
  cluster.settle();
  return cluster;
};

describe('a put', () => {
  it('with w=2 is answered after two durable copies, and reaches the third replica', () => {
    const cluster = settled();
    const reply = cluster.put(0, 'a', 'one', { w: 2 });
    expect(reply).toMatchObject({ kind: 'written', created: true, settled: true, replicas: 3 });
    expect(reply).toMatchObject({ acks: 2, dot: { origin: 'ap-1.1', seq: 1 } });
    for (const { index } of cluster.replicas) cluster.powerCut(index);
    for (const n of [0, 1]) cluster.restart(n);
    cluster.run(1000);
    expect([0, 1].map((n) => cluster.value(n, 'a'))).toEqual(['one', 'one']);
    cluster.restart(2);
    cluster.settle();
    expect(cluster.value(2, 'a')).toBe('one');
  });

  it('with w=1 is answered before another replica has it, and replaces the earlier value', () => {
    const cluster = settled({ network: { latencyMs: () => 100 } });
    const [began, first] = [cluster.nowMs, cluster.put(0, 'a', 'one', { w: 1 })];
    expect(cluster.nowMs - began).toBeLessThan(5);
    expect(first).toMatchObject({ created: true, acks: 1 });
    expect(cluster.put(0, 'a', 'two', { w: 1 })).toMatchObject({ created: false });
    expect(cluster.value(1, 'a')).toBe('absent');
    cluster.run(300);
    expect(cluster.value(1, 'a')).toBe('two');
  });

  it('with w=each waits for a majority of every region', () => {
    const cluster = settled({
      regions: ['eu', 'eu', 'eu', 'us'],
      network: { latencyMs: (from: number, to: number) => (from === 3 || to === 3 ? 200 : 1) },
    });
    const began = cluster.nowMs;
    expect(cluster.put(0, 'a', 'one', { w: 'local' })).toMatchObject({ acks: 2 });
    expect(cluster.nowMs - began).toBeLessThan(10);
    expect(cluster.put(0, 'a', 'two', { w: 'each' })).toMatchObject({ kind: 'written' });
    expect(cluster.nowMs - began).toBeGreaterThan(400);
  });

  it('is refused, and never happens, if its copies cannot exist', () => {
    const cluster = settled();
    cluster.crash(2);
    cluster.run(10);
    const reply = cluster.put(0, 'a', 'one', { w: 3 });
    expect(reply).toMatchObject({ kind: 'failed', fault: { code: 'no-quorum', required: 3 } });
    expect(isDefinite('no-quorum')).toBe(true);
    expect(shown(cluster.put(0, 'b', 'two', { w: 2 }))).toBe('ap-1.1.1');
    cluster.restart(2);
    cluster.settle();
    for (const n of [0, 1, 2]) expect(cluster.value(n, 'a')).toBe('absent');
  });

  it('has an unknown outcome if a cut is not noticed in time, and arrives later', () => {
    const cluster = settled();
    cluster.cut(0, 2);
    cluster.cut(1, 2);
    const reply = cluster.put(0, 'a', 'one', { w: 3, timeoutMs: 500 });
    expect(reply).toMatchObject({
      kind: 'failed',
      fault: { code: 'outcome-unknown', required: 3, acks: 2, dot: { origin: 'ap-1.1', seq: 1 } },
    });
    expect(isDefinite('outcome-unknown')).toBe(false);
    expect(cluster.value(2, 'a')).toBe('absent');
    cluster.network.healAll();
    cluster.settle();
    cluster.run(10);
    expect(cluster.value(2, 'a')).toBe('one');
    const where = cluster.where(0, { origin: 'ap-1.1' as never, seq: 1 });
    expect(where).toMatchObject({ kind: 'write-status', holders: ['ap-1', 'eu-1', 'us-1'] });
  });

  it('that must not wait reports how many copies exist, whatever was asked for', () => {
    const cluster = settled();
    cluster.crash(1);
    cluster.crash(2);
    cluster.run(10);
    expect(cluster.put(0, 'a', 'one', { w: 3, respondAsync: true })).toMatchObject({
      kind: 'written',
      settled: false,
      acks: 1,
    });
  });

  it('with a condition sees what is accepted and not yet durable', () => {
    const cluster = settled();
    const condition = [{ kind: 'absent' } as const];
    const first = cluster.begin(0, putOf('a', 'one', { conditions: condition }));
    const second = cluster.begin(0, putOf('a', 'two', { conditions: condition }));
    expect(shown(cluster.answer(first))).toBe('ap-1.1.1');
    expect(shown(cluster.answer(second))).toBe('precondition-failed');
    expect(second.endedMs).toBeGreaterThanOrEqual(first.endedMs);
    const match = [{ kind: 'match', versions: ['ap-1.1.1'] } as const];
    expect(shown(cluster.put(0, 'a', 'three', { conditions: match }))).toBe('ap-1.1.2');
    expect(shown(cluster.put(0, 'a', 'four', { conditions: match }))).toBe('precondition-failed');
  });
});

describe('a delete', () => {
  it('is seen everywhere and by a replica that was away', () => {
    const cluster = settled();
    cluster.put(0, 'a', 'one', { w: 3 });
    cluster.crash(2);
    cluster.run(10);
    expect(shown(cluster.del(1, 'a', { w: 2 }))).toBe('eu-1.1.1');
    cluster.restart(2);
    cluster.settle();
    for (const n of [0, 1, 2]) expect(cluster.value(n, 'a')).toBe('absent');
    expect(shown(cluster.list(2))).toBe('');
  });
});

describe('a value with a lifetime', () => {
  it('is hidden everywhere from the deadline that its origin stamped', () => {
    const cluster = settled();
    cluster.put(0, 'a', 'one', { w: 3, ttlMs: 1000 });
    expect(cluster.value(2, 'a')).toBe('one');
    cluster.run(1001);
    for (const n of [0, 1, 2]) expect(cluster.value(n, 'a')).toBe('absent');
    expect(shown(cluster.list(1))).toBe('');
    expect(cluster.put(1, 'a', 'two', { w: 1 })).toMatchObject({ created: true });
  });
});
