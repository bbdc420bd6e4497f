// Reads that ask peers: they see completed writes, repair replicas that lack them, wait if the
// order requires it, and never return or spread the contents of a damaged disk.

import { describe, expect, it } from 'vitest';
import { recordKey } from '../../src/store/layout.ts';
import { key, namespace } from '../support/build.ts';
import { Cluster, type ClusterOptions, getOf, putOf, shown } from '../cluster/cluster.ts';

const settled = (options: ClusterOptions = {}): Cluster => {
  const cluster = new Cluster(options);
  cluster.settle();
  return cluster;
};

const FIFO = { ns: { consistency: 'fifo' } };
const at = (name: string): Uint8Array => recordKey(namespace('ns'), key(name));
const metric = (cluster: Cluster, n: number) => {
  const { host } = cluster.replica(n);
  if (host === undefined) throw new Error('the replica runs');
  return host.metrics;
};

/** Room for one record in memory. */
const FORGETFUL = { settings: { cacheBytes: 1 } };

/** Other records take the room. */
function forget(cluster: Cluster, n = 0, w = 3): void {
  for (const other of ['x', 'y', 'z']) cluster.put(n, other, 'other', { w });
}

/** One bit of the stored record is flipped, and memory does not have the record. */
function damage(cluster: Cluster, n: number, name: string): void {
  cluster.replica(n).disk.flip(at(name), 300);
}

describe('a quorum read', () => {
  it('sees a write that the local replica lacks, and repairs that replica', () => {
    const cluster = settled();
    cluster.cut(0, 2);
    cluster.put(0, 'a', 'new', { w: 2 });
    expect(cluster.value(2, 'a')).toBe('absent');
    expect(shown(cluster.get(2, 'a', { r: 2 }))).toBe('new');
    expect(metric(cluster, 2).readRepairs).toBe(1);
    expect(cluster.value(2, 'a')).toBe('new');
  });

  it('repairs a peer that was seen to lack the newest version', () => {
    const cluster = settled();
    cluster.cut(0, 2);
    cluster.put(0, 'a', 'new', { w: 2 });
    expect(shown(cluster.get(1, 'a', { r: 3 }))).toBe('new');
    cluster.run(10);
    expect(cluster.value(2, 'a')).toBe('new');
  });

  it('asks one more peer if the nearest is slow', () => {
    const cluster = settled({ network: { latencyMs: (from, to) => (from + to === 1 ? 2 : 30) } });
    cluster.run(2000);
    cluster.put(0, 'a', 'one', { w: 3 });
    cluster.cut(0, 1);
    const began = cluster.nowMs;
    expect(shown(cluster.get(0, 'a', { r: 2 }))).toBe('one');
    expect(cluster.nowMs - began).toBeLessThan(200);
    expect(metric(cluster, 0).readHedges).toBe(1);
  });

  it('is refused at once if too few peers can be asked, and times out if too few answer', () => {
    const cluster = settled();
    cluster.cut(0, 1);
    cluster.cut(0, 2);
    expect(shown(cluster.get(0, 'a', { r: 2, timeoutMs: 300 }))).toBe('timeout');
    cluster.run(5000);
    expect(shown(cluster.get(0, 'a', { r: 2 }))).toBe('no-quorum');
    expect(shown(cluster.get(0, 'a', { r: 4 }))).toBe('invalid-parameter');
  });

  it('asks another peer if the one it waits for is gone', () => {
    const cluster = settled({ network: { latencyMs: (from, to) => (from + to === 1 ? 2 : 20) } });
    cluster.run(1000);
    const call = cluster.begin(0, getOf('a', { r: 2, timeoutMs: 1000 }));
    cluster.run(1);
    cluster.network.sever(0, 1);
    expect(shown(cluster.answer(call))).toBe('absent');
    expect(call.endedMs - call.beganMs).toBeLessThan(60);
  });

  it('beyond the bound of waiting reads is refused, and so is an explanation', () => {
    const cluster = settled({ settings: { readsPendingMax: 2 } });
    cluster.cut(0, 1);
    cluster.cut(0, 2);
    const reads = [0, 1, 2].map(() => cluster.begin(0, getOf('a', { r: 2, timeoutMs: 300 })));
    expect(shown(cluster.explain(0, 'a'))).toBe('overloaded');
    const answers = reads.map((read) => shown(cluster.answer(read)));
    expect(answers).toEqual(['timeout', 'timeout', 'overloaded']);
    expect(cluster.value(0, 'a')).toBe('absent');
  });

  it('ignores an answer to an earlier incarnation', () => {
    // Replica 1 holds an answer back until its slow disk has the record. Meanwhile replica 0 begins
    // a new incarnation, which numbers its reads from the beginning.
    const cluster = settled();
    const slow = cluster.replica(1).storage;
    if (slow === undefined) throw new Error('the replica runs');
    slow.commitMs = 100;
    cluster.begin(1, putOf('a', 'for the life before', { w: 1 }));
    cluster.run(1);
    cluster.begin(0, getOf('a', { r: 2 }));
    cluster.run(5);
    cluster.crash(0);
    cluster.restart(0);
    cluster.runUntil(() => cluster.replica(0).status()?.self.state === 'serving', 80);
    cluster.crash(2);
    cluster.begin(1, putOf('b', 'for this life', { w: 1 }));
    cluster.run(5);
    expect(shown(cluster.get(0, 'b', { r: 2, timeoutMs: 10_000 }))).toBe('for this life');
  });
});

describe('quorum reads one after the other', () => {
  /** Only replica 0 has a version whose write failed. */
  function unfinished(namespaces: object = { ns: {} }): Cluster {
    const cluster = settled({ namespaces: namespaces as { [name: string]: object } });
    cluster.put(0, 'a', 'old', { w: 3 });
    cluster.cut(0, 1);
    cluster.cut(0, 2);
    expect(shown(cluster.put(0, 'a', 'new', { w: 2, timeoutMs: 200 }))).toBe('outcome-unknown');
    return cluster;
  }

  it('never go back over an unfinished write: enough replicas hold a version before it is shown', () => {
    const cluster = unfinished();
    cluster.heal(0, 1);
    cluster.network.cut(0, 1);
    const read = cluster.begin(1, getOf('a', { r: 2, timeoutMs: 400 }));
    expect(shown(cluster.answer(read))).toBe('old');
    cluster.network.heal(0, 1);
    cluster.runUntil(() => shown(cluster.get(1, 'a', { r: 2 })) === 'new');
    cluster.crash(0);
    expect(shown(cluster.get(2, 'a', { r: 2 }))).toBe('new');
  });

  it('end with a time-out if too few replicas can hold the version in time', () => {
    const cluster = unfinished();
    for (const n of [1, 2]) cluster.replica(n).storage?.hang();
    cluster.heal(0, 1);
    cluster.run(1500);
    const read = cluster.begin(1, getOf('a', { r: 2, timeoutMs: 400 }));
    expect(['timeout', 'old']).toContain(shown(cluster.answer(read)));
    expect(read.endedMs - read.beganMs).toBeLessThan(450);
  });

  it('are answered by others while the local disk hangs', () => {
    const cluster = settled();
    cluster.put(0, 'a', 'old', { w: 3 });
    cluster.replica(0).storage?.hang();
    cluster.begin(0, putOf('a', 'new', { w: 1, timeoutMs: 60_000 }));
    cluster.run(1);
    expect(shown(cluster.get(0, 'a', { r: 2, timeoutMs: 1000 }))).toBe('old');
  });
});

describe('a quorum read in a fifo namespace', () => {
  it('waits for the stream instead of overtaking earlier writes', () => {
    const cluster = settled({ namespaces: FIFO });
    cluster.cut(0, 2);
    cluster.run(3500);
    for (let i = 0; i < 5; i++) cluster.put(0, `k${i}`, 'early', { w: 2 });
    cluster.put(0, 'late', 'late', { w: 2 });
    expect(shown(cluster.get(2, 'late', { r: 2 }))).toBe('late');
    expect(shown(cluster.list(2))).toBe('k0 k1 k2 k3 k4 late');
  });

  it('ends at its deadline rather than overtake', () => {
    const cluster = settled({ namespaces: FIFO });
    // The stream is silent, and the only other holder cannot be heard in time.
    cluster.cut(0, 2);
    cluster.put(0, 'late', 'late', { w: 2 });
    const read = cluster.begin(2, getOf('late', { r: 2, timeoutMs: 500 }));
    cluster.runUntil(() => metric(cluster, 2).readRepairs > 0);
    cluster.cut(1, 2);
    expect(shown(cluster.answer(read))).toBe('timeout');
    expect(cluster.value(2, 'late')).toBe('absent');
  });

  it('pulls once from the nearest holder, however many reads wait', () => {
    const latencyMs = (from: number, to: number): number => (from + to === 2 ? 100 : 5);
    const cluster = settled({ namespaces: FIFO, network: { latencyMs } });
    cluster.run(1000);
    for (let i = 0; i < 20; i++) cluster.begin(0, putOf(`k${i}`, 'v', { w: 1 }));
    cluster.run(20);
    const began = cluster.nowMs;
    const reads = Array.from({ length: 20 }, (_, i) => cluster.begin(2, getOf(`k${i}`, { r: 2 })));
    for (const read of reads) expect(shown(cluster.answer(read))).toBe('v');
    expect(cluster.nowMs - began).toBeLessThan(50);
    cluster.run(500);
    expect(metric(cluster, 2).streamDuplicates).toBe(20);
  });
});

describe('a damaged record', () => {
  it('is not shown, and the read that meets it repairs it from a peer', () => {
    const cluster = settled(FORGETFUL);
    cluster.put(0, 'a', 'one', { w: 3 });
    forget(cluster);
    cluster.run(500);
    damage(cluster, 0, 'a');
    expect(cluster.value(0, 'a')).toBe('one');
    forget(cluster);
    cluster.crash(1);
    cluster.crash(2);
    cluster.run(10);
    expect(cluster.value(0, 'a')).toBe('one');
  });

  it('is never replaced by an older one: a version that only this replica has comes from its own log', () => {
    // The stream carries one entry per round trip, so the peers are behind.
    const cluster = settled({ settings: { cacheBytes: 1, windowBytes: 1, frameBytes: 1 } });
    cluster.put(0, 'a', 'old', { w: 3 });
    cluster.run(500);
    for (let i = 0; i < 20; i++) cluster.put(0, `k${i}`, 'v', { w: 1 });
    cluster.put(0, 'a', 'new', { w: 1 });
    forget(cluster, 0, 1);
    damage(cluster, 0, 'a');
    expect(cluster.value(0, 'a')).toBe('new');
    expect(cluster.value(1, 'a')).toBe('old');
    cluster.settle();
    for (const n of [0, 1, 2]) expect(cluster.value(n, 'a')).toBe('new');
  });

  it('does not lose to an older mutation that arrives late', () => {
    const cluster = settled(FORGETFUL);
    cluster.cut(0, 2);
    cluster.cut(1, 2);
    cluster.put(2, 'a', 'older', { w: 1 });
    cluster.run(10);
    cluster.put(0, 'a', 'newer', { w: 2 });
    forget(cluster, 0, 2);
    cluster.run(100);
    damage(cluster, 0, 'a');
    cluster.network.healAll();
    cluster.settle();
    for (const n of [0, 1, 2]) expect(cluster.value(n, 'a')).toBe('newer');
  });

  it('is refused if no peer can be asked, and if no peer knows what the record was', () => {
    const cluster = settled({ settings: { cacheBytes: 1, tailBytes: 1 } });
    cluster.put(0, 'a', 'one', { w: 3 });
    cluster.run(500);
    cluster.crash(2);
    cluster.run(10);
    // The stable cut does not move, and the entries beyond it have left the memory.
    for (let i = 0; i < 5; i++) cluster.put(0, `k${i}`, 'v', { w: 1 });
    damage(cluster, 0, 'a');
    expect(cluster.value(0, 'a')).toBe('record-corrupt');
    cluster.crash(1);
    cluster.run(10);
    expect(shown(cluster.get(0, 'a', { r: 1, timeoutMs: 100 }))).toBe('timeout');
    cluster.restart(1);
    cluster.restart(2);
    cluster.settle();
    cluster.run(500);
    expect(cluster.value(0, 'a')).toBe('one');
  });

  it('is repaired by the scrub, without a read', () => {
    const settings = { cacheBytes: 1, scrubDelayMs: 100, scrubEveryMs: 1000 };
    const cluster = settled({ settings });
    cluster.put(0, 'a', 'one', { w: 3 });
    forget(cluster);
    cluster.run(500);
    damage(cluster, 0, 'a');
    cluster.run(5000);
    expect(cluster.notesOf('scrub-damaged')).not.toHaveLength(0);
    const [one, two] = [0, 1].map((n) => cluster.replica(n).disk.get(at('a')));
    expect(one).toEqual(two);
  });

  it('in a list is refused and repaired, so the next list shows it', () => {
    const cluster = settled(FORGETFUL);
    cluster.put(0, 'a', 'one', { w: 3 });
    forget(cluster);
    cluster.run(500);
    damage(cluster, 0, 'a');
    expect(shown(cluster.list(0))).toBe('record-corrupt');
    cluster.run(100);
    expect(shown(cluster.list(0))).toBe('a x y z');
  });

  it('in a fifo namespace is not replaced by a version that would overtake the stream', () => {
    // Its writer is dead, and its last entries come from another holder, one per round trip.
    const settings = { cacheBytes: 1, frameBytes: 1, scrubDelayMs: 100, scrubEveryMs: 100 };
    const network = { latencyMs: () => 20 };
    const cluster = settled({ settings, network, namespaces: FIFO });
    cluster.put(0, 'a', 'old', { w: 3 });
    forget(cluster);
    cluster.run(500);
    cluster.cut(0, 2);
    for (let i = 0; i < 50; i++) cluster.put(0, `early ${i}`, 'v', { w: 2 });
    cluster.put(0, 'a', 'late', { w: 2 });
    cluster.crash(0);
    damage(cluster, 2, 'a');
    cluster.network.sever(0, 2);
    const isHealed = (): boolean => {
      const [ours, theirs] = [2, 1].map((n) => cluster.replica(n).disk.get(at('a')));
      return String(ours) === String(theirs);
    };
    cluster.runUntil(isHealed);
    expect(cluster.notesOf('scrub-damaged')).not.toHaveLength(0);
    expect(cluster.value(2, 'early 49')).toBe('v');
  });

  it('is repaired by the scrub from memory, if memory has it whole', () => {
    const cluster = settled({ settings: { scrubDelayMs: 100, scrubEveryMs: 1000 } });
    cluster.put(0, 'a', 'one', { w: 1 });
    const whole = cluster.replica(0).disk.get(at('a'));
    cluster.crash(1);
    cluster.crash(2);
    damage(cluster, 0, 'a');
    cluster.run(5000);
    expect(cluster.replica(0).disk.get(at('a'))).toEqual(whole);
  });

  it('includes one that is stored under another key than its own', () => {
    const settings = { cacheBytes: 1, scrubDelayMs: 100, scrubEveryMs: 1000 };
    const cluster = settled({ settings });
    cluster.put(0, 'a', 'one', { w: 3 });
    cluster.put(0, 'b', 'two', { w: 3 });
    forget(cluster);
    cluster.run(300);
    const { disk } = cluster.replica(0);
    const other = disk.get(at('b'));
    if (!(other instanceof Uint8Array)) throw new Error('it is stored');
    disk.write({ keys: [at('a')], values: [other] }, true);
    expect(cluster.value(0, 'a')).toBe('one');
    forget(cluster);
    disk.write({ keys: [at('a')], values: [other] }, true);
    cluster.run(5000);
    expect(cluster.replica(0).disk.get(at('a'))).toEqual(cluster.replica(1).disk.get(at('a')));
  });
});

describe('an explanation', () => {
  it('shows the version of each replica, which one is damaged, and which did not answer', () => {
    const cluster = settled(FORGETFUL);
    cluster.put(0, 'a', 'one', { w: 3 });
    forget(cluster);
    cluster.run(500);
    damage(cluster, 0, 'a');
    cluster.replica(1).disk.damage(at('a'));
    expect(cluster.explain(0, 'a')).toMatchObject({
      kind: 'explained',
      replicas: [{ answer: 'damaged' }, { answer: 'damaged' }, { answer: 'record' }],
    });
    const call = cluster.begin(2, { kind: 'explain', ...KEY, timeoutMs: 1000 });
    cluster.run(0.5);
    cluster.network.sever(2, 1);
    expect(cluster.answer(call)).toMatchObject({
      replicas: [{ answer: 'damaged' }, { answer: 'no-answer' }, { answer: 'record' }],
    });
  });

  it('shows what a replica that is away lacks', () => {
    const cluster = settled();
    cluster.crash(2);
    cluster.run(10);
    cluster.put(0, 'a', 'one', { w: 2 });
    expect(cluster.explain(0, 'a')).toMatchObject({
      replicas: [
        { answer: 'record', missing: [] },
        { answer: 'record', missing: [] },
        { answer: 'no-answer', missing: [{ origin: 'ap-1.1', entries: 1 }] },
      ],
    });
  });
});

const KEY = { namespace: namespace('ns'), key: key('a') } as const;
