// The members change while the cluster runs: one joins, one is forgotten, and nothing is lost in
// between.

import { describe, expect, it } from 'vitest';
import { bootMembership, type Place, withPlace } from '../../src/model/membership.ts';
import { writeTenure } from '../../src/model/membership-bytes.ts';
import { tenureKey } from '../../src/membership/succession.ts';
import { seal } from '../../src/store/envelope.ts';
import { Cluster, type ClusterOptions, putOf, shown } from '../cluster/cluster.ts';
import { helloOf, membersOf } from '../support/build.ts';
import { KeyMap } from '../support/key-map.ts';
import { Solo } from '../support/solo.ts';

const SPARE = 3;

function settled(options: ClusterOptions = {}): Cluster {
  const cluster = new Cluster({ spares: ['sa'], ...options });
  cluster.settle();
  return cluster;
}

function storageOf(key: Uint8Array, value: Uint8Array): KeyMap {
  const storage = new KeyMap();
  storage.apply({ keys: [key], values: [value] });
  return storage;
}

const state = (cluster: Cluster, n: number) => cluster.replica(n).status()?.self.state;
const self = (cluster: Cluster, n: number) => cluster.replica(n).status()?.self;
const epoch = (cluster: Cluster, n: number) => cluster.replica(n).status()?.membership.epoch;
const origins = (cluster: Cluster, n: number): string[] =>
  (cluster.replica(n).status()?.self.vector ?? []).map(([of]) => of);

describe('a replica that joins', () => {
  it('copies everything by snapshot during writes, and answers no client before that', () => {
    const cluster = settled({
      settings: { logRetainEntries: 0, logTruncateEntries: 1, frameBytes: 600 },
    });
    for (let i = 0; i < 60; i++) cluster.put(i % 3, `k${i}`, `v${i}`, { w: 3 });
    cluster.run(1000);
    cluster.replica(SPARE).invite();
    cluster.run(500);
    expect(cluster.value(SPARE, 'k1')).toBe('catching-up');
    expect(shown(cluster.join(0, SPARE))).toBe('ap-1 eu-1 sa-9 us-1');
    const calls = Array.from({ length: 40 }, (_, i) => {
      cluster.run(10);
      return cluster.begin(i % 3, putOf(`n${i}`, `w${i}`, { w: 2 }));
    });
    cluster.settle();
    expect(cluster.notesOf('snapshot-ends')).toMatchObject([{ replica: SPARE }]);
    for (let i = 0; i < 60; i++) expect(cluster.value(SPARE, `k${i}`)).toBe(`v${i}`);
    calls.forEach(({ outcome }, i) => {
      if (outcome !== 'broken' && outcome?.kind === 'written')
        expect(cluster.value(SPARE, `n${i}`)).toBe(`w${i}`);
    });
    expect(cluster.put(SPARE, 'own', 'v', { w: 'all' })).toMatchObject({ acks: 4, replicas: 4 });
    expect([0, 1, 2, SPARE].map((n) => epoch(cluster, n))).toEqual([2, 2, 2, 2]);
  });

  it('may be started after it was taken in, and the others serve meanwhile', () => {
    const cluster = settled();
    expect(cluster.join(1, SPARE)).toMatchObject({ kind: 'membership' });
    cluster.run(1000);
    expect(cluster.put(0, 'a', 'one', { w: 'majority' })).toMatchObject({ acks: 3, replicas: 4 });
    cluster.replica(SPARE).invite();
    cluster.settle();
    expect(cluster.value(SPARE, 'a')).toBe('one');
  });

  it('serves no client after a restart in the middle of catching up', () => {
    const cluster = settled();
    cluster.put(0, 'a', 'one', { w: 3 });
    cluster.crash(2);
    cluster.replica(SPARE).invite();
    cluster.join(0, SPARE);
    cluster.run(1000);
    cluster.crash(SPARE);
    cluster.restart(SPARE);
    cluster.run(3000);
    expect(epoch(cluster, SPARE)).toBe(2);
    // One of the others has not been heard yet.
    expect(cluster.value(SPARE, 'a')).toBe('catching-up');
    cluster.restart(2);
    cluster.settle();
    expect(cluster.value(SPARE, 'a')).toBe('one');
  });

  it('is refused if a policy does not allow that many members', () => {
    const cluster = settled({ namespaces: { ns: { w: 2, r: 2, claimOverlap: true } } });
    expect(shown(cluster.join(0, SPARE))).toBe('membership-conflict');
    expect(epoch(cluster, 0)).toBe(1);
  });
});

describe('a replica that is forgotten', () => {
  it('delays nothing any more: logs are cut, and what it wrote stays', () => {
    const cluster = settled({ settings: { logRetainEntries: 0, logTruncateEntries: 1 } });
    cluster.put(2, 'last', 'words', { w: 3 });
    cluster.crash(2);
    for (let i = 0; i < 30; i++) cluster.put(0, `k${i}`, `v${i}`, { w: 2 });
    cluster.run(2000);
    expect(cluster.replica(0).host?.metrics.logEntriesTruncated).toBe(0);
    expect(shown(cluster.forget(0, 2))).toBe('ap-1 eu-1');
    cluster.settle();
    cluster.run(2000);
    expect(cluster.replica(0).host?.metrics.logEntriesTruncated).toBeGreaterThan(20);
    expect(cluster.value(1, 'last')).toBe('words');
    expect(origins(cluster, 0)).toContain('us-1.1');
    expect(cluster.put(0, 'a', 'one', { w: 'all' })).toMatchObject({ acks: 2, replicas: 2 });
  });

  it('had set deadlines: the first of the others deletes what its scrub finds', () => {
    const cluster = settled({ settings: { scrubDelayMs: 500, scrubEveryMs: 1000 } });
    cluster.put(2, 'a', 'v', { w: 3, ttlMs: 300 });
    cluster.crash(2);
    cluster.run(3000);
    const deleted = (): unknown[] =>
      [0, 1].map((n) => cluster.replica(n).host?.metrics.expirationsDeleted);
    expect(deleted()).toEqual([0, 0]);
    expect(shown(cluster.forget(1, 2))).toBe('ap-1 eu-1');
    cluster.settle();
    cluster.run(3000);
    expect(deleted()).toEqual([1, 0]);
    expect(cluster.value(0, 'a')).toBe('absent');
  });

  it('had written what only one of the others holds: it spreads among them', () => {
    const cluster = settled();
    const knows = (n: number): boolean => origins(cluster, n).includes('us-1.1');
    const meets = (n: number): boolean =>
      cluster
        .replica(0)
        .status()
        ?.peers.find(({ id }) => id === `${['ap', 'eu', 'us'][n]}-1`)?.connected === true;
    cluster.cut(1, 2);
    cluster.cut(0, 1);
    cluster.runUntil(() => !meets(1));
    cluster.put(2, 'a', 'one', { w: 2 });
    cluster.crash(2);
    cluster.runUntil(() => !meets(2));
    cluster.heal(0, 1);
    cluster.runUntil(() => meets(1));
    expect(shown(cluster.forget(0, 2))).toBe('ap-1 eu-1');
    cluster.runUntil(() => epoch(cluster, 1) === 2);
    expect([knows(0), knows(1)]).toEqual([true, false]);
    cluster.settle();
    expect(cluster.value(1, 'a')).toBe('one');
  });

  it('is refused when it returns, and does not start again', () => {
    const cluster = settled();
    cluster.crash(2);
    cluster.run(10);
    expect(shown(cluster.forget(0, 2))).toBe('ap-1 eu-1');
    cluster.settle();
    cluster.restart(2);
    cluster.run(5000);
    expect(cluster.replica(2).isForgotten).toBe(true);
    expect(cluster.replica(2).isRunning).toBe(false);
    expect(cluster.notesOf('forgotten')).toMatchObject([{ replica: 2, fields: { epoch: 2 } }]);
    cluster.restart(2);
    expect(cluster.replica(2).isRunning).toBe(false);
  });

  it('joins again with an empty directory, and its old directory is refused all the same', () => {
    const cluster = settled();
    cluster.put(2, 'a', 'one', { w: 3 });
    cluster.crash(2);
    const { disk } = cluster.replica(2);
    cluster.run(10);
    expect(shown(cluster.forget(0, 2))).toBe('ap-1 eu-1');
    cluster.settle();
    cluster.replica(2).wipe();
    expect(cluster.join(0, 2)).toMatchObject({ kind: 'membership' });
    cluster.restart(2);
    cluster.settle();
    expect(cluster.value(2, 'a')).toBe('one');
    expect(epoch(cluster, 2)).toBe(3);
    cluster.crash(2);
    cluster.replica(2).disk = disk;
    cluster.restart(2);
    cluster.run(5000);
    expect(cluster.replica(2).isForgotten).toBe(true);
  });

  it('while it runs is forgotten by force only, and stops', () => {
    const cluster = settled();
    expect(shown(cluster.forget(0, 2))).toBe('membership-conflict');
    expect(shown(cluster.forget(2, 2, true))).toBe('membership-conflict');
    expect(shown(cluster.forget(0, 2, true))).toBe('ap-1 eu-1');
    cluster.runUntil(() => cluster.replica(2).isForgotten);
    cluster.settle();
    expect(cluster.put(0, 'a', 'one', { w: 'all' })).toMatchObject({ acks: 2 });
  });
});

describe('a change of the members', () => {
  it('is one of two concurrent requests, and the other is reported as a conflict', () => {
    const cluster = settled({ spares: ['sa', 'za'] });
    const calls = [cluster.begin(0, cluster.joinOf(3)), cluster.begin(1, cluster.joinOf(4))];
    const answers = calls.map((call) => shown(cluster.answer(call))).sort();
    expect(answers[1]).toBe('membership-busy');
    expect(answers[0]).toMatch(/^ap-1 eu-1 (sa-9 us-1|us-1 za-9)$/);
    cluster.run(5000);
    expect([0, 1, 2].map((n) => epoch(cluster, n))).toEqual([2, 2, 2]);
  });

  it('reports at the asked replica how far it has come, until it ends', () => {
    const cluster = settled();
    cluster.cut(0, 1);
    cluster.crash(2);
    const call = cluster.begin(0, cluster.joinOf(SPARE));
    cluster.runUntil(() => cluster.status(0).change?.agreed.length === 1);
    expect(cluster.status(0).change).toEqual({ step: 'preparing', agreed: ['ap-1'] });
    expect(cluster.status(1).change).toBeUndefined();
    cluster.runUntil(() => cluster.status(0).change?.step === 'waiting');
    cluster.network.healAll();
    expect(shown(cluster.answer(call))).toContain('sa-9');
    cluster.run(1000);
    expect(cluster.status(0).change).toBeUndefined();
  });

  it('needs a majority', () => {
    const cluster = settled();
    cluster.put(0, 'a', 'one', { w: 3 });
    cluster.crash(1);
    cluster.crash(2);
    cluster.run(4000);
    expect(shown(cluster.forget(0, 2, false, 5000))).toBe('no-quorum');
    expect(epoch(cluster, 0)).toBe(1);
    cluster.restart(1);
    cluster.run(2000);
    expect(shown(cluster.forget(0, 2))).toBe('ap-1 eu-1');
  });

  it('is finished by another member if its proposer dies', () => {
    const cluster = settled({ commitMs: 20 });
    const call = cluster.begin(0, cluster.joinOf(SPARE));
    const hasAccepted = (n: number): boolean =>
      cluster.replica(n).status() !== undefined && cluster.replica(n).hasAccepted();
    cluster.runUntil(() => hasAccepted(1));
    cluster.powerCut(0);
    expect(call.outcome).toBe('broken');
    cluster.runUntil(() => epoch(cluster, 1) === 2 && epoch(cluster, 2) === 2);
    cluster.restart(0);
    cluster.replica(SPARE).invite();
    cluster.settle();
    expect(epoch(cluster, 0)).toBe(2);
  });

  it('excludes a peer of the earlier epoch: it is sent the members, and counts for nothing', () => {
    const members = membersOf(['eu', 'us']);
    const first = bootMembership(members);
    const second = withPlace(first, {
      ...members[1],
      id: 'zz-1' as never,
      peerAddress: 'zz',
    } as never);
    const tenure = seal((writer) => writeTenure(writer, { since: 1, membership: second }));
    const solo = new Solo({ regions: ['eu', 'us', 'zz'], storage: storageOf(tenureKey(), tenure) });
    solo.step({ kind: 'connected', peer: 1 });
    expect(solo.sent()).toMatchObject([{ message: { kind: 'hello', membership: { epoch: 2 } } }]);
    solo.message(1, helloOf('us-1.1', first));
    expect(solo.replica.status(solo.now).peers.some(({ connected }) => connected)).toBe(false);
    solo.message(1, helloOf('us-1.1', second));
    expect(solo.replica.status(solo.now).peers.some(({ connected }) => connected)).toBe(true);
  });

  it('is learned by a replica that was away', () => {
    const cluster = settled();
    cluster.crash(2);
    cluster.join(0, SPARE);
    cluster.replica(SPARE).invite();
    cluster.run(1000);
    cluster.restart(2);
    cluster.settle();
    expect(epoch(cluster, 2)).toBe(2);
  });

  it('waits until a replica that lost its disk has heard the votes of all others', () => {
    const cluster = settled();
    cluster.crash(2);
    cluster.replica(2).wipe();
    cluster.crash(1);
    cluster.restart(2);
    cluster.run(4000);
    expect(shown(cluster.join(0, SPARE, 3000))).toBe('no-quorum');
    cluster.restart(1);
    cluster.settle();
    cluster.crash(1);
    cluster.run(4000);
    expect(cluster.join(0, SPARE)).toMatchObject({ kind: 'membership' });
  });
});

describe('a lost disk', () => {
  it('is replaced by a start with an empty directory, at another address if necessary', () => {
    const cluster = settled({ settings: { logRetainEntries: 0, logTruncateEntries: 1 } });
    cluster.put(2, 'a', 'one', { w: 3 });
    cluster.run(1000);
    cluster.crash(2);
    cluster.replica(2).wipe();
    const place = { ...cluster.places[2], peerAddress: 'elsewhere:7071' };
    const change = { kind: 'join', place } as const;
    const moved = cluster.begin(0, { kind: 'membership', change, timeoutMs: 5000 } as never);
    expect(shown(cluster.answer(moved))).toBe('ap-1 eu-1 us-1');
    cluster.restart(2);
    cluster.settle();
    expect(cluster.value(2, 'a')).toBe('one');
    const { seats } = cluster.membership();
    expect(seats.find(({ id }) => id === 'us-1')?.peerAddress).toBe('elsewhere:7071');
  });
});

describe('a join that changes nothing', () => {
  it('succeeds at once: no vote, no epoch, no new incarnation', () => {
    const cluster = settled();
    cluster.replica(SPARE).invite();
    cluster.join(0, SPARE);
    cluster.settle();
    const before = [0, 1, 2, SPARE].map((n) => [epoch(cluster, n), self(cluster, n)?.origin]);
    expect(shown(cluster.join(1, SPARE))).toBe('ap-1 eu-1 sa-9 us-1');
    cluster.run(5000);
    expect([0, 1, 2, SPARE].map((n) => [epoch(cluster, n), self(cluster, n)?.origin])).toEqual(
      before,
    );
    // If no URL is given, the known one remains.
    const { seats } = cluster.membership();
    const { httpUrl: _, ...place } = seats.find(({ id }) => id === 'us-1') as never as Place;
    const change = { kind: 'join', place: { ...place, httpUrl: undefined } } as const;
    cluster.answer(cluster.begin(0, { kind: 'membership', change, timeoutMs: 5000 } as never));
    cluster.run(5000);
    expect(epoch(cluster, 0)).toBe(before[0]?.[0]);
  });
});

describe('a replica that was drained', () => {
  it('answers no client, stores what the others write, and stays drained after a restart', () => {
    const cluster = settled();
    const drain = (drained: boolean) =>
      shown(cluster.answer(cluster.begin(2, { kind: 'drain', drained })));
    expect(drain(true)).toBe('drained');
    expect(cluster.get(2, 'a')).toMatchObject({
      kind: 'failed',
      fault: { code: 'draining', alternates: [{ id: 'ap-1' }, { id: 'eu-1' }] },
    });
    expect(cluster.put(0, 'a', 'one', { w: 3 })).toMatchObject({ acks: 3 });
    cluster.crash(2);
    cluster.restart(2);
    cluster.run(2000);
    expect(state(cluster, 2)).toBe('draining');
    expect(cluster.value(2, 'a')).toBe('draining');
    expect(drain(false)).toBe('drained');
    cluster.settle();
    expect(cluster.value(2, 'a')).toBe('one');
  });

  it('with a grace reports it at once, and answers clients until the grace is over', () => {
    const cluster = settled();
    cluster.put(0, 'a', 'one', { w: 3 });
    cluster.answer(cluster.begin(2, { kind: 'drain', drained: true, graceMs: 5000 }));
    expect(state(cluster, 2)).toBe('draining');
    expect(cluster.status(2).self.graceMs).toBeGreaterThan(0);
    expect(cluster.value(2, 'a')).toBe('one');
    expect(cluster.put(2, 'b', 'two', { w: 3 })).toMatchObject({ acks: 3 });
    cluster.run(5000);
    expect(cluster.status(2).self.graceMs).toBe(0);
    expect(cluster.value(2, 'a')).toBe('draining');
  });

  it('while it recovers lost data reports both states', () => {
    const cluster = settled();
    cluster.put(0, 'a', 'one', { w: 3 });
    cluster.crash(2);
    cluster.replica(2).wipe();
    cluster.restart(2);
    cluster.runUntil(() => state(cluster, 2) === 'catching-up');
    cluster.answer(cluster.begin(2, { kind: 'drain', drained: true, graceMs: 60_000 }));
    expect(cluster.status(2).self).toMatchObject({ state: 'catching-up', isDrained: true });
    cluster.runUntil(() => state(cluster, 2) === 'draining');
    expect(cluster.status(2).self).toMatchObject({ isDrained: true });
    cluster.answer(cluster.begin(2, { kind: 'drain', drained: false }));
    expect(cluster.status(2).self).toMatchObject({ state: 'serving', isDrained: false });
  });

  it('may have its grace shortened, and has no grace after a restart', () => {
    const cluster = settled();
    const drain = (graceMs: number) =>
      cluster.answer(cluster.begin(2, { kind: 'drain', drained: true, graceMs }));
    drain(60_000);
    drain(3_600_000);
    expect(cluster.status(2).self.graceMs).toBeLessThanOrEqual(60_000);
    drain(0);
    expect(cluster.value(2, 'a')).toBe('draining');
    cluster.answer(cluster.begin(2, { kind: 'drain', drained: false }));
    drain(60_000);
    cluster.crash(2);
    cluster.restart(2);
    cluster.run(2000);
    expect(cluster.value(2, 'a')).toBe('draining');
  });

  it('and one that stops name the replicas to ask instead', () => {
    const cluster = settled();
    cluster.replica(2).host?.shutDown();
    expect(cluster.put(2, 'a', 'v')).toMatchObject({
      kind: 'failed',
      fault: { code: 'draining', alternates: [{ id: 'ap-1' }, { id: 'eu-1' }] },
    });
  });

  it('that stops and gives up answers a write outcome-unknown', () => {
    const cluster = settled();
    cluster.cut(2, 0);
    cluster.cut(2, 1);
    const early = cluster.begin(2, putOf('a', 'one', { w: 2, timeoutMs: 60_000 }));
    cluster.run(100);
    cluster.replica(2).host?.shutDown();
    cluster.replica(2).host?.giveUp();
    expect(cluster.answer(early)).toMatchObject({ fault: { code: 'outcome-unknown' } });
    expect(cluster.put(2, 'b', 'v')).toMatchObject({ fault: { code: 'draining' } });
  });

  it('reports how many accepted requests are not answered yet', () => {
    const cluster = settled();
    cluster.cut(2, 0);
    cluster.cut(2, 1);
    const early = cluster.begin(2, putOf('a', 'one', { w: 2, timeoutMs: 5000 }));
    cluster.answer(cluster.begin(2, { kind: 'drain', drained: true }));
    expect([cluster.status(2).self.state, cluster.status(2).waiting]).toEqual(['draining', 1]);
    cluster.network.healAll();
    expect(cluster.answer(early)).toMatchObject({ kind: 'written' });
    expect(cluster.status(2).waiting).toBe(0);
  });
});
