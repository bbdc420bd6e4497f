// Causal order between clients and regions: a client that sees an effect sees its cause.

import { beforeEach, describe, expect, it } from 'vitest';
import type { NamespaceName } from '../../src/model/id.ts';
import type { Reply } from '../../src/model/reply.ts';
import { NEW_SESSION, type Session } from '../../src/model/session.ts';
import { Cluster, runOf, shown } from '../cluster/cluster.ts';
import { sessionBehind } from '../support/session.ts';

const [AP, EU, US] = [0, 1, 2];
const POLICIES = {
  pay: { consistency: 'causal' },
  notify: { consistency: 'causal' },
  scores: { consistency: 'causal', causalScope: 'unit' },
  ev: {},
};

/** By then both ends have closed a connection that carries nothing. */
const BROKEN_MS = 10_000;

let cluster: Cluster;
let session: Session;

beforeEach(() => {
  cluster = new Cluster({ namespaces: POLICIES });
  cluster.settle();
  session = NEW_SESSION;
});

/** The session continues with the token of a reply. */
function follow(n: number, reply: Reply | 'broken'): string {
  session = sessionBehind(session, reply, cluster, n);
  return shown(reply);
}

const put = (n: number, ns: string, key: string, value: string): string =>
  follow(n, cluster.put(n, key, value, { ns, session, w: 1 }));
const get = (n: number, ns: string, key: string): string =>
  follow(n, cluster.get(n, key, { ns, session, r: 1, onUnmet: 'usual' }));

const waiting = (n: number, ns: string): number =>
  cluster.status(n).self.waitingEntries.get(ns as NamespaceName) ?? 0;

function runUntil(isSo: () => boolean): void {
  for (let ms = 0; ms < 30_000 && !isSo(); ms++) cluster.run(1);
  expect(isSo()).toBe(true);
}

/**
 * A cause is written in `ap`, and its effect by another client in `eu`, while `us` hears neither.
 * Then `us` receives the effect from `eu`, which dies before it can pass on the cause.
 */
function effectFirst(cause: readonly [string, string], effect: readonly [string, string]): void {
  cluster.cut(US, AP);
  cluster.cut(US, EU);
  // Nothing is on its way any more.
  cluster.run(BROKEN_MS);
  put(AP, ...cause, 'cause');
  runUntil(() => cluster.value(EU, cause[1], cause[0]) === 'cause');
  expect(get(EU, ...cause)).toBe('cause');
  put(EU, ...effect, 'effect');
  cluster.heal(US, EU);
  runUntil(() => waiting(US, effect[0]) > 0);
  cluster.crash(EU);
}

describe('an effect that arrives before its cause', () => {
  const cause = ['pay', 'order-1'] as const;
  const effect = ['notify', 'ann'] as const;

  it('is not shown before it, in another namespace', () => {
    effectFirst(cause, effect);
    cluster.run(3000);
    expect(cluster.value(US, 'ann', 'notify')).toBe('absent');
    cluster.heal(US, AP);
    runUntil(() => cluster.value(US, 'ann', 'notify') === 'effect');
    expect(cluster.value(US, 'order-1', 'pay')).toBe('cause');
    expect(waiting(US, 'notify')).toBe(0);
  });

  it('is not shown before it after a restart', () => {
    effectFirst(cause, effect);
    cluster.run(200);
    cluster.crash(US);
    cluster.restart(US);
    cluster.run(3000);
    expect(waiting(US, 'notify')).toBe(1);
    cluster.heal(US, AP);
    runUntil(() => cluster.value(US, 'ann', 'notify') === 'effect');
    expect(cluster.value(US, 'order-1', 'pay')).toBe('cause');
  });

  it('counts in a quorum read, which waits until it is shown', () => {
    effectFirst(cause, effect);
    cluster.restart(EU);
    cluster.cut(EU, AP);
    cluster.run(2000);
    const alone = cluster.get(US, 'ann', { ns: 'notify', r: 1 });
    expect(['absent', 'effect']).toContain(shown(alone));
    expect(shown(cluster.get(US, 'ann', { ns: 'notify', r: 2 }))).toBe('effect');
    expect(cluster.value(US, 'order-1', 'pay')).toBe('cause');
  });

  it('does not delay what another client writes elsewhere', () => {
    effectFirst(cause, effect);
    cluster.put(US, 'k', 'v', { ns: 'ev', w: 1 });
    expect(cluster.value(US, 'k', 'ev')).toBe('v');
    cluster.put(US, 'k', 'v', { ns: 'pay', w: 1 });
    expect(cluster.value(US, 'k', 'pay')).toBe('v');
  });
});

it('a cause comes from any replica that holds it', () => {
  cluster.cut(US, AP);
  put(AP, 'pay', 'order-1', 'cause');
  runUntil(() => cluster.value(EU, 'order-1', 'pay') === 'cause');
  get(EU, 'pay', 'order-1');
  put(EU, 'notify', 'ann', 'effect');
  runUntil(() => cluster.value(US, 'ann', 'notify') === 'effect');
  expect(cluster.value(US, 'order-1', 'pay')).toBe('cause');
});

describe('units', () => {
  it('never wait for each other', () => {
    cluster.cut(US, AP);
    cluster.cut(US, EU);
    put(AP, 'scores', 'match-1/goals', 'cause');
    runUntil(() => cluster.value(EU, 'match-1/goals', 'scores') === 'cause');
    get(EU, 'scores', 'match-1/goals');
    put(EU, 'scores', 'match-1/table', 'effect');
    cluster.put(EU, 'match-2/goals', 'v', { ns: 'scores', w: 1 });
    cluster.heal(US, EU);
    runUntil(() => cluster.value(US, 'match-2/goals', 'scores') === 'v');
    expect(cluster.value(US, 'match-1/table', 'scores')).toBe('absent');
    expect(waiting(US, 'scores')).toBe(1);
  });

  it('are each a batch of their own', () => {
    const batch = (...keys: readonly string[]) => {
      const items = keys.map((key) => [key, 'v'] as const);
      return cluster.answer(cluster.begin(AP, runOf(items, { ns: 'scores' })));
    };
    expect(batch('match-1/a', 'match-2/b')).toMatchObject({
      kind: 'failed',
      fault: { code: 'invalid-parameter' },
    });
    expect(batch('match-1/a', 'match-1/b')).toMatchObject({ kind: 'run-written' });
  });
});

it('a batch is shown as a whole, after what any of it depends on', () => {
  cluster.cut(US, AP);
  cluster.cut(US, EU);
  put(AP, 'pay', 'order-1', 'cause');
  runUntil(() => cluster.value(EU, 'order-1', 'pay') === 'cause');
  get(EU, 'pay', 'order-1');
  const items = [
    ['a', '1'],
    ['b', '2'],
  ] as const;
  cluster.answer(cluster.begin(EU, runOf(items, { ns: 'notify', session, w: 1 })));
  cluster.heal(US, EU);
  runUntil(() => {
    const values = ['a', 'b'].map((key) => cluster.value(US, key, 'notify'));
    expect([
      ['absent', 'absent'],
      ['1', '2'],
    ]).toContainEqual(values);
    return values[0] === '1';
  });
  expect(cluster.value(US, 'order-1', 'pay')).toBe('cause');
});

it('a cause that no disk holds any more is given up, once all are heard', () => {
  // The others hold an entry of this incarnation of `ap`, so its next one has another number.
  cluster.put(AP, 'earlier', 'v', { ns: 'ev', w: 3 });
  effectFirst(['pay', 'order-1'], ['notify', 'ann']);
  cluster.crash(AP);
  for (const n of [AP, EU]) {
    cluster.replica(n).wipe();
    cluster.restart(n);
  }
  cluster.heal(US, AP);
  runUntil(() => cluster.value(US, 'ann', 'notify') === 'effect');
  expect(cluster.value(US, 'order-1', 'pay')).toBe('absent');
  expect(cluster.notesOf('dependency-lost').length).toBeGreaterThan(0);
});
