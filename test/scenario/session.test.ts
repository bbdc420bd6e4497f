// A client's session at several replicas: at any of them it sees its own writes and never goes
// back, or gets the reason why not.

import { beforeEach, describe, expect, it } from 'vitest';
import type { Reply } from '../../src/model/reply.ts';
import { NEW_SESSION, type Session } from '../../src/model/session.ts';
import { Cluster, delOf, getOf, listOf, putOf, shown } from '../cluster/cluster.ts';
import { sessionBehind } from '../support/session.ts';

const [AP, EU, US] = [0, 1, 2];
let cluster: Cluster;
let session: Session;

beforeEach(() => {
  cluster = new Cluster({ namespaces: { ns: {}, fi: { consistency: 'fifo' } } });
  cluster.settle();
  session = NEW_SESSION;
});

/** The session continues with the token of a reply. */
function follow(n: number, reply: Reply | 'broken'): string {
  session = sessionBehind(session, reply, cluster, n);
  return shown(reply);
}

const put = (n: number, name: string, value: string, options = {}): string =>
  follow(n, cluster.put(n, name, value, { session, w: 1, ...options }));
const get = (n: number, name: string, options = {}): string =>
  follow(n, cluster.get(n, name, { session, r: 1, onUnmet: 'usual', ...options }));

/** `us` hears none of the others until `heal`. */
function cutOff(): void {
  cluster.cut(US, AP);
  cluster.cut(US, EU);
}

function heal(): void {
  cluster.heal(US, AP);
  cluster.heal(US, EU);
}

describe.each(['ns', 'fi'])('a session in the namespace %s', (ns) => {
  it('sees its write at another replica, which waits for it', () => {
    cutOff();
    put(AP, 'a', 'mine', { ns });
    const call = cluster.begin(US, getOf('a', { ns, session, r: 1, onUnmet: 'usual' }));
    cluster.run(500);
    expect(call.outcome).toBeUndefined();
    expect(cluster.value(US, 'a', ns)).toBe('absent');
    heal();
    expect(shown(cluster.answer(call))).toBe('mine');
  });

  it('is refused at its deadline if the write does not come', () => {
    cutOff();
    put(AP, 'a', 'mine', { ns });
    expect(get(US, 'a', { ns, timeoutMs: 300 })).toBe('session-behind');
    expect(get(US, 'a', { ns, onUnmet: 'fail' })).toBe('session-behind');
    const write = cluster.put(US, 'b', 'v', { ns, session, w: 1, timeoutMs: 300 });
    expect(shown(write)).toBe('session-behind');
    expect(cluster.value(US, 'b', ns)).toBe('absent');
  });

  it('does not go back behind a delete that it has seen', () => {
    put(AP, 'a', 'old', { ns });
    cluster.settle();
    cutOff();
    cluster.del(AP, 'a', { ns, w: 1 });
    expect(get(AP, 'a', { ns })).toBe('absent');
    expect(cluster.value(US, 'a', ns)).toBe('old');
    const call = cluster.begin(US, getOf('a', { ns, session, r: 1, onUnmet: 'usual' }));
    heal();
    expect(shown(cluster.answer(call))).toBe('absent');
  });

  it('does not go back behind what a refused write has found', () => {
    put(AP, 'a', 'old', { ns });
    cluster.settle();
    cutOff();
    cluster.put(AP, 'a', 'new', { ns, w: 1 });
    const conditions = [{ kind: 'absent' }] as const;
    expect(put(AP, 'a', 'mine', { ns, conditions })).toBe('precondition-failed');
    const call = cluster.begin(US, getOf('a', { ns, session, r: 1, onUnmet: 'usual' }));
    heal();
    expect(shown(cluster.answer(call))).toBe('new');
  });

  it('does not go back behind a page of a list, and what the page left out', () => {
    put(AP, 'gone', 'x', { ns });
    cluster.settle();
    cutOff();
    cluster.put(AP, 'come', 'v', { ns, w: 1 });
    cluster.del(AP, 'gone', { ns, w: 1 });
    follow(AP, cluster.list(AP, { ns, r: 1, session }));
    const call = cluster.begin(US, listOf({ ns, r: 1, session, onUnmet: 'usual' }));
    cluster.run(300);
    expect(call.outcome).toBeUndefined();
    heal();
    expect(shown(cluster.answer(call))).toBe('come');
  });

  it('writes behind what it has read, at whichever replica', () => {
    put(AP, 'a', 'first', { ns });
    const call = cluster.begin(US, putOf('a', 'second', { ns, session, w: 1 }));
    expect(shown(cluster.answer(call))).toMatch(/^us-1/);
    cluster.settle();
    for (const n of [AP, EU, US]) expect(cluster.value(n, 'a', ns)).toBe('second');
  });

  it('has nothing left to carry once every replica shows what it has seen', () => {
    put(AP, 'a', 'v', { ns });
    expect(session.size).toBe(1);
    cluster.settle();
    cluster.run(1000);
    expect(get(EU, 'a', { ns })).toBe('v');
    expect(session.size).toBe(0);
  });

  it('gets the write from a third replica while the one that made it is gone', () => {
    cluster.cut(US, AP);
    put(AP, 'a', 'mine', { ns, w: 2 });
    cluster.crash(AP);
    expect(get(US, 'a', { ns })).toBe('mine');
  });

  it('is refused for good if what it has seen is lost with its only disk', () => {
    for (const n of [EU, US]) cluster.crash(n);
    put(AP, 'a', 'mine', { ns });
    // Simulated clocks begin before 2025 and number no incarnation, so a wiped replica would repeat
    // one. Real clocks are later.
    for (const n of [AP, EU, US]) cluster.jump(n, 2 * 365 * 86_400_000);
    cluster.crash(AP);
    cluster.replica(AP).wipe();
    for (const n of [AP, EU, US]) cluster.restart(n);
    cluster.settle();
    expect(get(EU, 'a', { ns })).toBe('history-lost');
    const del = cluster.begin(EU, delOf('a', { ns, session, w: 1 }));
    expect(shown(cluster.answer(del))).toBe('history-lost');
  });
});
