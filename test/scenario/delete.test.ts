// Deletes that arrive before the writes that they remove, and what a delete leaves where no value
// was.

import { describe, expect, it } from 'vitest';
import { present } from '../../src/base/assert.ts';
import { hlcFromMs } from '../../src/model/hlc.ts';
import { latestOf, type Version } from '../../src/model/record.ts';
import { Cluster, delOf, listOf, putOf, shown } from '../cluster/cluster.ts';
import { origin } from '../support/build.ts';

/** A second between ap and us, so that messages stay on their way. */
const apart = (options = {}): Cluster => {
  const cluster = new Cluster({
    network: { latencyMs: (from, to) => (from + to === 2 && from !== to ? 1000 : 1) },
    ...options,
  });
  cluster.settle();
  return cluster;
};

describe('a delete', () => {
  it('that arrives before the write it covers wins over it at every replica', () => {
    const cluster = apart();
    expect(shown(cluster.put(0, 'a', 'one', { w: 'majority' }))).toBe('ap-1.1.1');
    expect(cluster.value(2, 'a')).toBe('absent');
    expect(shown(cluster.del(2, 'a', { w: 'majority' }))).toBe('us-1.1.1');
    expect(shown(cluster.get(2, 'a', { r: 'majority' }))).toBe('absent');
    cluster.settle();
    for (const n of [0, 1, 2]) expect(cluster.value(n, 'a')).toBe('absent');
  });

  it('of a key that never existed is a write, and is forgotten like any other delete', () => {
    const cluster = new Cluster();
    cluster.settle();
    expect(cluster.del(0, 'never', { w: 3 })).toMatchObject({ kind: 'written', created: false });
    const tombstones = () => cluster.replicas.map(({ host }) => host?.metrics.tombstones);
    expect(tombstones()).toEqual([1, 1, 1]);
    cluster.runUntil(() => tombstones().every((count) => count === 0));
    cluster.settle();
    for (const n of [0, 1, 2]) expect(cluster.replica(n).disk.size).toBeGreaterThan(0);
  });

  it('with a condition that does not hold is refused, and writes nothing', () => {
    const cluster = new Cluster();
    cluster.settle();
    const ifAny = { conditions: [{ kind: 'match-any' }] } as const;
    expect(shown(cluster.del(0, 'a', ifAny))).toBe('precondition-failed');
    cluster.put(0, 'a', 'one', { w: 3 });
    expect(shown(cluster.del(1, 'a', ifAny))).toBe('eu-1.1.1');
  });

  it('returns the value that it removed here, on request', () => {
    const cluster = new Cluster();
    cluster.settle();
    cluster.put(0, 'a', 'one', { w: 3 });
    const reply = cluster.del(1, 'a', { returnsOld: true });
    expect(reply).toMatchObject({ kind: 'written', replaced: { contentType: 'text/plain' } });
    expect(cluster.del(1, 'a', { returnsOld: true })).toMatchObject({ replaced: undefined });
  });
});

describe('a delete of the version that was seen', () => {
  /** The entry of the key in a list of one replica. */
  const seenBy = (cluster: Cluster, node: number, key: string): Version => {
    const reply = cluster.answer(cluster.begin(node, listOf({ prefix: key })));
    const [item] = reply !== 'broken' && reply.kind === 'listed' ? reply.items : [];
    return latestOf(present(item, 'the key is shown'));
  };

  it('removes that version at every replica', () => {
    const cluster = apart();
    cluster.put(0, 'a', 'one', { w: 3 });
    const removes = seenBy(cluster, 2, 'a');
    expect(cluster.del(2, 'a', { removes, w: 3 })).toMatchObject({ supersededBy: undefined });
    for (const n of [0, 1, 2]) expect(cluster.value(n, 'a')).toBe('absent');
  });

  it('is refused where a newer version is here, and writes nothing', () => {
    const cluster = apart();
    cluster.put(0, 'a', 'one', { w: 3 });
    const removes = seenBy(cluster, 2, 'a');
    cluster.put(2, 'a', 'two', { w: 1 });
    expect(shown(cluster.del(2, 'a', { removes }))).toBe('precondition-failed');
    cluster.settle();
    for (const n of [0, 1, 2]) expect(cluster.value(n, 'a')).toBe('two');
  });

  it('leaves a newer version that is not here yet, and reports it, however late the delete is', () => {
    const cluster = apart();
    cluster.put(0, 'a', 'one', { w: 3 });
    const removes = seenBy(cluster, 2, 'a');
    expect(shown(cluster.put(0, 'a', 'two', { w: 'majority' }))).toBe('ap-1.1.2');
    cluster.run(500);
    const deleted = cluster.del(2, 'a', { removes, w: 'majority' });
    expect(deleted).toMatchObject({ kind: 'written', supersededBy: { origin: 'ap-1.1', seq: 2 } });
    cluster.settle();
    for (const n of [0, 1, 2]) expect(cluster.value(n, 'a')).toBe('two');
  });

  it('that is not here yet removes the version before it arrives', () => {
    const cluster = apart();
    cluster.put(0, 'a', 'one', { w: 'majority' });
    const removes = seenBy(cluster, 0, 'a');
    expect(cluster.value(2, 'a')).toBe('absent');
    expect(cluster.del(2, 'a', { removes, w: 'majority' })).toMatchObject({ kind: 'written' });
    cluster.settle();
    for (const n of [0, 1, 2]) expect(cluster.value(n, 'a')).toBe('absent');
  });

  it('is refused where the version is ahead of the clock', () => {
    const cluster = apart();
    const removes = { origin: origin('ap-1.9'), seq: 1, hlc: hlcFromMs(2_000_000_000_000) };
    expect(shown(cluster.del(2, 'a', { removes }))).toBe('clock-drift');
  });
});

describe('a condition', () => {
  const ifNone = { conditions: [{ kind: 'absent' }] } as const;

  it('with r=1 compares with the local record, with a larger r with what the read quorum shows', () => {
    const cluster = apart();
    cluster.put(0, 'a', 'one', { w: 'majority' });
    expect(shown(cluster.put(2, 'a', 'two', { ...ifNone, r: 'majority' }))).toBe(
      'precondition-failed',
    );
    const match = { conditions: [{ kind: 'match', versions: ['ap-1.1.1'] }] } as const;
    expect(shown(cluster.put(2, 'a', 'three', { ...match, r: 'majority' }))).toBe('us-1.1.1');
    cluster.put(0, 'b', 'one', { w: 'majority' });
    expect(shown(cluster.put(2, 'b', 'two', { ...ifNone, r: 1 }))).toBe('us-1.1.2');
  });

  it('takes r from the policy if the request names none', () => {
    const cluster = apart({ namespaces: { ns: { r: 'majority' } } });
    cluster.put(0, 'a', 'one', { w: 'majority' });
    expect(shown(cluster.put(2, 'a', 'two', ifNone))).toBe('precondition-failed');
    expect(shown(cluster.put(2, 'a', 'two', { ...ifNone, r: 1 }))).toBe('precondition-failed');
    cluster.put(0, 'b', 'one', { w: 'majority' });
    const began = cluster.nowMs;
    expect(shown(cluster.put(2, 'b', 'two', { w: 1 }))).toBe('us-1.1.1');
    expect(cluster.nowMs - began).toBeLessThan(2);
  });

  it('is decided again when the quorum has answered', () => {
    const cluster = apart();
    const slow = cluster.begin(2, delOf('a', { ...ifNone, r: 'all' }));
    cluster.run(50);
    expect(shown(cluster.put(2, 'a', 'here', { w: 1 }))).toBe('us-1.1.1');
    expect(shown(cluster.answer(slow))).toBe('precondition-failed');
    cluster.settle();
    expect(cluster.value(0, 'a')).toBe('here');
  });

  it('that cannot be checked is a definite refusal', () => {
    const cluster = apart();
    cluster.crash(0);
    cluster.run(10);
    expect(shown(cluster.put(2, 'a', 'one', { ...ifNone, r: 3, w: 1 }))).toBe('no-quorum');
    cluster.cut(1, 2);
    const waits = { ...ifNone, r: 2, w: 1, timeoutMs: 300 };
    expect(shown(cluster.put(2, 'a', 'one', waits))).toBe('timeout');
    expect(shown(cluster.put(2, 'a', 'one', { ...ifNone, r: 4 }))).toBe('invalid-parameter');
    cluster.network.healAll();
    cluster.restart(0);
    cluster.settle();
    for (const n of [0, 1, 2]) expect(cluster.value(n, 'a')).toBe('absent');
  });

  it('with r makes the write take a stamp behind the version that the quorum showed', () => {
    const cluster = apart({
      clocks: [{ wallStartMs: 1_800_000_000_300 }, {}, {}].map((clock) => ({
        wallStartMs: 1_800_000_000_000,
        drift: 0,
        ...clock,
      })),
    });
    cluster.put(0, 'a', 'one', { w: 'majority' });
    const removed = cluster.del(2, 'a', { w: 'majority', r: 'majority' });
    expect(removed).toMatchObject({ kind: 'written' });
    cluster.settle();
    for (const n of [0, 1, 2]) expect(cluster.value(n, 'a')).toBe('absent');
  });

  it('in a fifo namespace waits for the stream, and so sees what the quorum showed', () => {
    const cluster = apart({ namespaces: { ns: { consistency: 'fifo' } } });
    cluster.put(0, 'before', 'x', { w: 'majority' });
    cluster.put(0, 'a', 'one', { w: 'majority' });
    const answer = cluster.put(2, 'a', 'two', { ...ifNone, r: 'majority' });
    expect(shown(answer)).toBe('precondition-failed');
    expect(cluster.value(2, 'before')).toBe('x');
  });
});

describe('a version that wins because its clock was ahead', () => {
  const AHEAD_MS = 300;
  const T = Date.UTC(2026, 0, 1);
  /** The clock of ap is ahead of the others, by less than clocks may differ. */
  const skewed = (): Cluster => {
    const clocks = [T + AHEAD_MS, T, T].map((wallStartMs) => ({ wallStartMs, drift: 0 }));
    return apart({ clocks });
  };

  it('is named in the reply to the writer that comes later', () => {
    const cluster = skewed();
    const first = cluster.put(0, 'a', 'one', { w: 'majority' });
    const second = cluster.put(2, 'a', 'two', { w: 'majority' });
    expect(second).toMatchObject({
      kind: 'written',
      acks: 2,
      supersededBy: first !== 'broken' && first.kind === 'written' ? first.dot : undefined,
    });
    cluster.settle();
    for (const n of [0, 1, 2]) expect(cluster.value(n, 'a')).toBe('one');
  });

  it('is removed by a later delete all the same', () => {
    const cluster = skewed();
    cluster.put(0, 'a', 'one', { w: 'majority' });
    const removed = cluster.del(2, 'a', { w: 'majority' });
    expect(removed).toMatchObject({ kind: 'written', supersededBy: undefined });
    expect(shown(cluster.get(1, 'a', { r: 'majority' }))).toBe('absent');
    cluster.settle();
    for (const n of [0, 1, 2]) expect(cluster.value(n, 'a')).toBe('absent');
    expect(cluster.replica(2).host?.metrics.deletesRepeated).toBe(1);
  });

  it('is named in the reply to a delete that may not be stamped again', () => {
    const cluster = skewed();
    // For ten seconds after its start a lender names all members as former borrowers; those that
    // can be reached are asked first.
    cluster.cut(0, 2);
    cluster.run(12_000);
    cluster.put(0, 'a', 'one', { w: 'majority' });
    const once = { idempotency: { key: 'k', digest: 1 } };
    expect(cluster.del(2, 'a', { w: 2, ...once })).toMatchObject({ supersededBy: { seq: 1 } });
  });

  it('is not named if it came later, or if the write was shown first', () => {
    const cluster = skewed();
    cluster.put(2, 'a', 'one', { w: 'majority' });
    expect(cluster.put(0, 'a', 'two', { w: 'majority' })).toMatchObject({
      supersededBy: undefined,
    });
    expect(cluster.put(1, 'b', 'one', { w: 3 })).toMatchObject({ supersededBy: undefined });
  });

  it('is named with the greeting if the acknowledgement was lost', () => {
    const cluster = skewed();
    cluster.put(0, 'a', 'one', { w: 'majority' });
    const call = cluster.begin(2, putOf('a', 'two', { w: 'majority', timeoutMs: 10_000 }));
    cluster.network.cut(1, 2);
    cluster.cut(0, 2);
    cluster.run(5000);
    expect(call.outcome).toBeUndefined();
    cluster.network.healAll();
    expect(cluster.answer(call)).toMatchObject({ kind: 'written', supersededBy: { seq: 1 } });
  });
});
