// A commit that hangs: every client that waits for it, also through another replica, is answered
// within its own timeout.

import { describe, expect, it } from 'vitest';
import { key } from '../support/build.ts';
import { type Call, Cluster, delOf, getOf, listOf, putOf, shown } from '../cluster/cluster.ts';

/** No commit of replica `n` ends any more, and a new version of `a` waits for one there. */
function hung(n = 0): Cluster {
  const cluster = new Cluster();
  cluster.settle();
  cluster.put(n, 'a', 'old', { w: 3 });
  cluster.run(1000);
  cluster.replica(n).storage?.hang();
  cluster.begin(n, putOf('a', 'new', { w: 1, timeoutMs: 60_000 }));
  cluster.begin(n, putOf('b', 'first', { w: 1, timeoutMs: 60_000 }));
  cluster.run(1);
  return cluster;
}

const lasted = ({ beganMs, endedMs }: Call): number => endedMs - beganMs;

describe('while a commit hangs', () => {
  it('a read of what waits for the commit ends with its time-out, and other reads are answered', () => {
    const cluster = hung();
    const short = cluster.begin(0, getOf('a', { r: 1, timeoutMs: 300 }));
    const long = cluster.begin(0, getOf('a', { r: 1, timeoutMs: 900 }));
    expect(cluster.value(0, 'elsewhere')).toBe('absent');
    expect(shown(cluster.answer(short))).toBe('timeout');
    expect(lasted(short)).toBeLessThan(310);
    expect(shown(cluster.answer(long))).toBe('timeout');
    expect(lasted(long)).toBeLessThan(910);
    cluster.replica(0).storage?.resetSpeed();
    cluster.run(50);
    expect(cluster.value(0, 'a')).toBe('new');
  });

  it('a refusal that depends on the commit says in time that nothing was written', () => {
    const cluster = hung();
    const refused = cluster.begin(
      0,
      putOf('b', 'second', { w: 1, timeoutMs: 300, conditions: [{ kind: 'absent' }] }),
    );
    expect(shown(cluster.answer(refused))).toBe('timeout');
    expect(lasted(refused)).toBeLessThan(310);
    cluster.replica(0).storage?.resetSpeed();
    cluster.run(50);
    expect(cluster.value(0, 'b')).toBe('first');
  });

  it('a peer that asks gets the version that is durable', () => {
    const cluster = hung();
    cluster.crash(2);
    cluster.run(100);
    const read = cluster.begin(1, getOf('a', { r: 2, timeoutMs: 1000 }));
    expect(shown(cluster.answer(read))).toBe('old');
    expect(lasted(read)).toBeLessThan(500);
  });

  it('an explanation ends with its time-out', () => {
    const cluster = hung();
    const asked = { kind: 'explain', namespace: 'ns', key: key('a'), timeoutMs: 400 } as const;
    const call = cluster.begin(0, asked as Parameters<Cluster['begin']>[1]);
    expect(shown(cluster.answer(call))).toBe('timeout');
    expect(lasted(call)).toBeLessThan(410);
  });

  it('a list and a delete are answered', () => {
    const cluster = hung();
    expect(shown(cluster.answer(cluster.begin(0, listOf({ timeoutMs: 300 }))))).toBe('a');
    const gone = cluster.begin(0, delOf('a', { w: 1, timeoutMs: 300 }));
    expect(shown(cluster.answer(gone))).toBe('outcome-unknown');
    expect(lasted(gone)).toBeLessThan(310);
  });

  it('a write keeps its time-out when the members change and its replica begins another incarnation', () => {
    const cluster = new Cluster({ spares: ['zz'] });
    cluster.settle();
    cluster.replica(3).invite();
    cluster.replica(0).storage?.hang();
    const write = cluster.begin(0, putOf('a', 'new', { w: 3, timeoutMs: 4000 }));
    cluster.run(1);
    expect(shown(cluster.join(1, 3))).toContain('zz-9');
    cluster.run(100);
    expect(shown(cluster.put(0, 'b', 'v'))).toBe('draining');
    expect(shown(cluster.answer(write))).toBe('outcome-unknown');
    expect(lasted(write)).toBeLessThan(4010);
  });
});
