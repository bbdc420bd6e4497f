// A replica that is too far behind stops answering reads of a namespace with a bound on lag,
// continues to store, and returns by itself.

import { beforeEach, describe, expect, it } from 'vitest';
import { Cluster, getOf, putOf, shown } from '../cluster/cluster.ts';

const namespaces = {
  ns: {},
  chat: { pauseLagMs: 100 },
  pair: { pauseLagMs: 100, minServing: 2 },
  fresh: { staleAfter: { timeMs: 2000 } },
  counted: { staleAfter: { entries: 20 } },
};

/** Messages to each replica need this much longer. */
let slowTo = [0, 0, 0];

beforeEach(() => void (slowTo = [0, 0, 0]));

function settled(settings = {}): Cluster {
  const network = { latencyMs: (_from: number, to: number) => 1 + (slowTo[to] ?? 0) };
  const cluster = new Cluster({ namespaces, settings, network });
  cluster.settle();
  cluster.run(1000);
  return cluster;
}

const staleAt = (cluster: Cluster, n: number): string[] =>
  (cluster.replica(n).status()?.self.namespaces ?? [])
    .filter(({ state }) => state === 'stale')
    .map(({ namespace, rule }) => `${namespace} by ${rule}`);

const healthAt = (cluster: Cluster, n: number, ns: string) =>
  cluster
    .replica(n)
    .status()
    ?.self.namespaces.find(({ namespace }) => namespace === ns);

const stateAt = (cluster: Cluster, n: number, ns: string): string => {
  const health = healthAt(cluster, n, ns);
  if (health === undefined) return 'not bounded';
  return health.state === 'paused' && health.answers ? 'paused, answers' : health.state;
};

const statesOf = (cluster: Cluster, ns: string): string[] =>
  cluster.replicas.map(({ index }) => stateAt(cluster, index, ns));

function cutOff(cluster: Cluster, n: number): void {
  for (const { index } of cluster.replicas) if (index !== n) cluster.cut(n, index);
}

describe('a replica that hears no peer', () => {
  it('refuses reads of a namespace with a bound, and names the replicas that may answer', () => {
    const cluster = settled();
    cluster.put(0, 'a', 'one', { w: 3, ns: 'fresh' });
    cutOff(cluster, 2);
    cluster.run(1500);
    expect(cluster.value(2, 'a', 'fresh')).toBe('one');
    cluster.run(6000);
    expect(cluster.get(2, 'a', { r: 1, ns: 'fresh' })).toMatchObject({
      kind: 'failed',
      fault: { code: 'replica-stale', alternates: [] },
    });
    expect(shown(cluster.list(2, { ns: 'fresh' }))).toBe('replica-stale');
    expect(staleAt(cluster, 2)).toEqual(['fresh by time']);
  });

  it('serves reads and writes of a namespace without a bound', () => {
    const cluster = settled();
    cluster.put(0, 'a', 'one', { w: 3 });
    cutOff(cluster, 2);
    cluster.run(8000);
    expect(cluster.value(2, 'a')).toBe('one');
    expect(cluster.put(2, 'b', 'two', { w: 1 })).toMatchObject({ kind: 'written' });
  });

  it('returns by itself once it has caught up, and not with the first echo', () => {
    const cluster = settled();
    cutOff(cluster, 2);
    cluster.run(8000);
    cluster.put(0, 'a', 'meanwhile', { w: 2, ns: 'fresh' });
    cluster.network.healAll();
    cluster.runUntil(() => cluster.isSettled());
    expect(cluster.value(2, 'a', 'fresh')).toBe('replica-stale');
    cluster.runUntil(() => staleAt(cluster, 2).length === 0);
    expect(cluster.value(2, 'a', 'fresh')).toBe('meanwhile');
  });
});

describe('a replica of a cluster in which another is down', () => {
  it('is not stale because of that, before or after the other one returns', () => {
    const cluster = settled();
    cluster.crash(2);
    for (let second = 0; second < 10; second++) {
      cluster.run(1000);
      expect([staleAt(cluster, 0), staleAt(cluster, 1)]).toEqual([[], []]);
    }
    cluster.restart(2);
    for (let step = 0; step < 40; step++) {
      cluster.run(100);
      expect([staleAt(cluster, 0), staleAt(cluster, 1)]).toEqual([[], []]);
    }
  });
});

describe('a replica that lacks too many entries', () => {
  it('refuses reads until it has most of them', () => {
    const cluster = settled();
    // Its disk is too slow to store in time what it receives.
    const { storage } = cluster.replica(2);
    if (storage === undefined) throw new Error('it runs');
    storage.commitMs = 3000;
    for (let i = 0; i < 60; i++) cluster.put(0, `k${i}`, 'v', { w: 2, ns: 'counted' });
    cluster.run(1500);
    expect(staleAt(cluster, 2)).toContain('counted by entries');
    expect(cluster.value(2, 'k0', 'counted')).toBe('replica-stale');
    expect(cluster.get(0, 'k0', { r: 2, ns: 'counted' })).toMatchObject({ kind: 'found' });
    storage.resetSpeed();
    cluster.runUntil(() => staleAt(cluster, 2).length === 0);
    expect(cluster.value(2, 'k59', 'counted')).toBe('v');
  });
});

describe('a replica to which writes take longer than usual', () => {
  it('pauses reads if the policy says so, stores writes, and returns when they are quick again', () => {
    const cluster = settled();
    slowTo = [0, 0, 400];
    cluster.runUntil(() => stateAt(cluster, 2, 'chat') === 'paused', 3000);
    expect(cluster.get(2, 'a', { ns: 'chat' })).toMatchObject({
      kind: 'failed',
      fault: {
        code: 'replica-stale',
        state: 'paused',
        alternates: [{ id: 'ap-1' }, { id: 'eu-1' }],
      },
    });
    expect(shown(cluster.list(2, { ns: 'chat' }))).toBe('replica-stale');
    expect(cluster.put(0, 'a', 'one', { ns: 'chat', w: 3 })).toMatchObject({ acks: 3 });
    expect(stateAt(cluster, 0, 'chat')).toBe('serving');
    slowTo = [0, 0, 0];
    cluster.runUntil(() => stateAt(cluster, 2, 'chat') === 'serving', 5000);
    expect(cluster.value(2, 'a', 'chat')).toBe('one');
  });

  it('does not pause because of a distance that is normal', () => {
    const far = { latencyMs: (from: number, to: number) => 1 + 150 * Math.abs(from - to) };
    const cluster = new Cluster({ namespaces, network: far });
    cluster.settle();
    for (let step = 0; step < 50; step++) {
      cluster.run(200);
      for (const state of statesOf(cluster, 'chat')) expect(state).not.toBe('paused');
    }
    expect(statesOf(cluster, 'chat')).toEqual(['serving', 'serving', 'serving']);
  });
});

describe('a replica to which writes are slow from the start', () => {
  it('does not take that for normal: it refuses reads that are too old', () => {
    const far = { latencyMs: (from: number, to: number) => 1 + 80 * Math.abs(from - to) };
    // The stream carries one entry per round trip, and more than that are written.
    const settings = { windowBytes: 1000, frameBytes: 400 };
    const cluster = new Cluster({ namespaces, settings, network: far });
    cluster.settle();
    cluster.crash(2);
    cluster.run(4000);
    const answers: string[] = [];
    for (let n = 0; n < 220; n++) {
      // It starts in the middle of the writes, so it never measures the latency without them.
      if (n === 4) cluster.restart(2);
      cluster.begin(0, putOf(`k${n}`, 'v'.repeat(1500), { ns: 'chat', w: 1 }));
      cluster.run(40);
      // Written 1.6 s ago, of which a round trip needs 0.32.
      if (n >= 40) answers.push(cluster.value(2, `k${n - 40}`, 'chat').slice(0, 13));
    }
    expect(answers).not.toContain('absent');
    expect(['catching-up', 'replica-stale']).toContain(answers.at(-1));
    cluster.runUntil(() => stateAt(cluster, 2, 'chat') === 'serving', 120_000);
    expect(cluster.value(2, 'k219', 'chat')).toContain('vvv');
  });
});

describe('replicas that all exceed the pause limit', () => {
  it('keep as many serving as the policy says, and always the same ones', () => {
    const cluster = settled();
    slowTo = [300, 300, 300];
    cluster.run(3000);
    const answering = (ns: string): number =>
      statesOf(cluster, ns).filter((state) => state === 'paused, answers').length;
    const before = statesOf(cluster, 'chat');
    expect([answering('chat'), answering('pair')]).toEqual([1, 2]);
    for (let step = 0; step < 25; step++) {
      cluster.run(200);
      expect(statesOf(cluster, 'chat')).toEqual(before);
    }
    const n = before.indexOf('paused, answers');
    expect(cluster.get(n, 'a', { ns: 'chat' })).toMatchObject({ kind: 'absent' });
  });

  it('let another one take over when the one that serves is gone', () => {
    const cluster = settled();
    slowTo = [300, 300, 300];
    cluster.run(3000);
    const n = statesOf(cluster, 'chat').indexOf('paused, answers');
    cluster.crash(n);
    cluster.run(5000);
    const others = cluster.replicas.filter(({ index }) => index !== n);
    const states = others.map(({ index }) => stateAt(cluster, index, 'chat'));
    expect(states.filter((state) => state === 'paused, answers')).toHaveLength(1);
  });

  it('do not count on a replica without a majority', () => {
    const cluster = settled();
    cutOff(cluster, 2);
    cluster.run(3000);
    expect(stateAt(cluster, 2, 'chat')).toBe('paused');
    expect(statesOf(cluster, 'chat').slice(0, 2)).toEqual(['serving', 'serving']);
  });
});

describe('a replica that has just started', () => {
  it('refuses reads of a namespace with a bound until it has verified what it holds', () => {
    const cluster = settled();
    cluster.put(0, 'a', 'one', { w: 3, ns: 'fresh' });
    cluster.crash(2);
    cluster.put(0, 'a', 'two', { w: 2, ns: 'fresh' });
    cutOff(cluster, 2);
    cluster.restart(2);
    cluster.run(3500);
    expect(cluster.get(2, 'a', { ns: 'fresh' })).toMatchObject({
      fault: { code: 'catching-up', state: 'unknown' },
    });
    cluster.network.healAll();
    cluster.runUntil(() => stateAt(cluster, 2, 'fresh') === 'serving');
    expect(cluster.value(2, 'a', 'fresh')).toBe('two');
  });
});

describe('a disk that hangs', () => {
  it('pauses its replica and then makes it stale, is reported to the peers, and makes no other replica stale', () => {
    const cluster = settled();
    const { storage } = cluster.replica(2);
    if (storage === undefined) throw new Error('it runs');
    storage.commitMs = 8000;
    cluster.begin(2, putOf('a', 'hangs', { ns: 'chat', w: 1 }));
    cluster.run(1200);
    expect(stateAt(cluster, 2, 'chat')).toBe('paused');
    cluster.run(2000);
    expect(stateAt(cluster, 2, 'fresh')).toBe('stale');
    expect(cluster.replica(2).status()?.self.isStalled).toBe(true);
    expect(cluster.status(0).peers.find(({ id }) => id === 'us-1')?.commitAgeMs).toBeGreaterThan(
      2000,
    );
    for (const n of [0, 1]) {
      expect([stateAt(cluster, n, 'chat'), stateAt(cluster, n, 'fresh')]).toEqual([
        'serving',
        'serving',
      ]);
    }
    storage.resetSpeed();
    cluster.runUntil(() => stateAt(cluster, 2, 'fresh') === 'serving', 20_000);
  });
});

describe('a disk that hangs while nothing is written', () => {
  it('is noticed within 1.2 s by its replica and the peers, and reads go elsewhere until it is back', () => {
    const cluster = settled();
    cluster.put(0, 'a', 'one', { w: 3, ns: 'fresh' });
    cluster.put(0, 'a', 'one', { w: 3, ns: 'chat' });
    cluster.run(3000);
    const { storage } = cluster.replica(2);
    storage?.hang();
    cluster.run(1200);
    expect(cluster.status(2).self.commitAgeMs).toBeGreaterThan(0);
    cluster.run(600);
    expect(healthAt(cluster, 2, 'chat')).toMatchObject({ state: 'paused', rule: 'disk' });
    const told = cluster.status(0).peers.find(({ id }) => id === 'us-1');
    expect(told?.commitAgeMs).toBeGreaterThan(300);
    cluster.run(1700);
    expect(healthAt(cluster, 2, 'fresh')).toMatchObject({ state: 'stale', rule: 'disk' });
    expect(cluster.status(2).self.isStalled).toBe(true);
    expect(cluster.get(2, 'a', { ns: 'chat' })).toMatchObject({
      fault: { code: 'replica-stale', detail: expect.stringContaining('its disk takes longer') },
    });
    expect(cluster.get(2, 'a', { ns: 'fresh', onUnmet: 'forward' })).toMatchObject({
      kind: 'found',
      heldBy: { id: expect.stringMatching(/ap-1|eu-1/) },
    });
    for (const n of [0, 1]) {
      expect(stateAt(cluster, n, 'fresh')).toBe('serving');
      expect(cluster.status(n).self.isStalled).toBe(false);
    }
    storage?.resetSpeed();
    cluster.runUntil(() => stateAt(cluster, 2, 'fresh') === 'serving', 3000);
    cluster.runUntil(() => stateAt(cluster, 2, 'chat') === 'serving', 1000);
    expect(cluster.value(2, 'a', 'chat')).toBe('one');
  });

  it('is noticed likewise if it fails: that incarnation ends', () => {
    const cluster = settled();
    cluster.run(2000);
    const replica = cluster.replica(2);
    replica.storage?.failNextCommit('EIO', 'lost');
    cluster.run(1300);
    expect(replica.halts).toEqual(['storage failed']);
    cluster.settle();
  });
});

describe('a process that stood still', () => {
  it('does not answer from what it knew before, and no other replica counts as stale because of it', () => {
    const cluster = settled();
    cluster.put(0, 'a', 'one', { w: 3, ns: 'fresh' });
    cluster.pause(2);
    cluster.run(2700);
    cluster.put(0, 'a', 'two', { w: 2, ns: 'fresh' });
    const early = cluster.begin(2, getOf('a', { ns: 'fresh' }));
    cluster.resume(2);
    for (let step = 0; step < 20; step++) {
      cluster.run(100);
      expect([stateAt(cluster, 0, 'fresh'), stateAt(cluster, 1, 'chat')]).toEqual([
        'serving',
        'serving',
      ]);
    }
    expect(shown(early.outcome as never)).toBe('replica-stale');
    cluster.runUntil(() => stateAt(cluster, 2, 'fresh') === 'serving', 5000);
    expect(cluster.value(2, 'a', 'fresh')).toBe('two');
  });
});

describe('a read at a replica that may not answer', () => {
  function lagging(): Cluster {
    const cluster = settled();
    cutOff(cluster, 2);
    cluster.run(6000);
    cluster.put(0, 'a', 'new', { w: 2, ns: 'fresh' });
    // It is heard again, and has not verified yet.
    cluster.network.healAll();
    cluster.runUntil(() => (cluster.replica(2).status()?.peers ?? []).every((p) => p.connected));
    expect(stateAt(cluster, 2, 'fresh')).toBe('stale');
    return cluster;
  }

  it('is answered by another one, which is named, if forwarding is allowed', () => {
    const cluster = lagging();
    expect(cluster.get(2, 'a', { ns: 'fresh', onUnmet: 'forward' })).toMatchObject({
      kind: 'found',
      heldBy: { id: expect.stringMatching(/ap-1|eu-1/) },
    });
    expect(shown(cluster.get(2, 'a', { ns: 'fresh', onUnmet: 'forward' }))).toBe('new');
  });

  it('is refused if no other replica is known to be able to answer', () => {
    const cluster = settled();
    cutOff(cluster, 2);
    cluster.run(6000);
    expect(shown(cluster.get(2, 'a', { ns: 'fresh', onUnmet: 'forward' }))).toBe('replica-stale');
  });

  it('gets no vote of that replica in the quorum of another one', () => {
    const cluster = lagging();
    cluster.run(250);
    expect(stateAt(cluster, 2, 'fresh')).toBe('stale');
    expect(shown(cluster.get(0, 'a', { ns: 'fresh', r: 3 }))).toBe('no-quorum');
    cluster.runUntil(() => stateAt(cluster, 2, 'fresh') === 'serving');
    cluster.run(250);
    expect(shown(cluster.get(0, 'a', { ns: 'fresh', r: 3 }))).toBe('new');
  });
});

describe('a replica that is cut off, in a namespace with a staleness bound', () => {
  const bounded = { staleAfter: { timeMs: 1500 } };
  const isolated = (): Cluster => {
    const taking = { ...bounded, onIsolated: 'accept' };
    const cluster = new Cluster({ namespaces: { ns: {}, bounded, taking } });
    cluster.settle();
    cluster.cut(0, 1);
    cluster.cut(0, 2);
    cluster.run(1000);
    return cluster;
  };

  it('refuses writes that readers would not see, definitely, once it hears no majority', () => {
    const cluster = isolated();
    const refused = cluster.put(0, 'a', 'one', { ns: 'bounded', w: 1 });
    expect(refused).toMatchObject({ fault: { code: 'no-quorum', required: 2 } });
    expect(shown(cluster.put(0, 'a', 'one', { ns: 'bounded', w: 1, respondAsync: true }))).toBe(
      'no-quorum',
    );
    expect(shown(cluster.put(0, 'a', 'one', { ns: 'ns', w: 1 }))).toMatch(/^ap-1/);
    expect(shown(cluster.put(1, 'b', 'one', { ns: 'bounded', w: 1 }))).toMatch(/^eu-1/);
    cluster.network.healAll();
    cluster.settle();
    expect(cluster.value(0, 'a', 'bounded')).toBe('absent');
    expect(shown(cluster.put(0, 'a', 'one', { ns: 'bounded', w: 1 }))).toMatch(/^ap-1/);
  });

  it.each([2, 4])('refuses them at each of %i replicas, the last one as well', (count) => {
    const regions = ['ap', 'eu', 'sa', 'us'].slice(0, count);
    const cluster = new Cluster({ regions, namespaces: { ns: {}, bounded } });
    cluster.settle();
    for (const { index } of cluster.replicas) cutOff(cluster, index);
    cluster.run(1000);
    for (const { index } of cluster.replicas)
      expect(shown(cluster.put(index, 'a', 'one', { ns: 'bounded', w: 1 }))).toBe('no-quorum');
  });

  it('accepts them if the policy says so', () => {
    const cluster = isolated();
    expect(shown(cluster.put(0, 'a', 'one', { ns: 'taking', w: 1 }))).toMatch(/^ap-1/);
    cluster.network.healAll();
    cluster.runUntil(() => cluster.value(1, 'a', 'taking') === 'one');
  });
});
