// Reads that name the staleness which they allow: answered with a proof, or not as if it held.

import { beforeEach, describe, expect, it } from 'vitest';
import { Cluster, getOf, listOf, shown } from '../cluster/cluster.ts';

const [AP, EU, US] = [0, 1, 2];
const BOUND_MS = 500;

let cluster: Cluster;

beforeEach(() => {
  cluster = new Cluster({ namespaces: { ns: {}, po: { bounds: { t: BOUND_MS } } } });
  cluster.settle();
  cluster.put(AP, 'k', 'v', { w: 3 });
  cluster.run(1000);
});

function cutOff(): void {
  cluster.cut(US, AP);
  cluster.cut(US, EU);
}

const get = (options = {}): string =>
  shown(cluster.get(US, 'k', { r: 1, boundMs: BOUND_MS, onUnmet: 'fail', ...options }));

describe('a read with a bound', () => {
  it('is answered while the replica proves it', () => {
    const reply = cluster.get(US, 'k', { r: 1, boundMs: BOUND_MS });
    expect(shown(reply)).toBe('v');
    expect(reply).toMatchObject({ stalenessMs: expect.toSatisfy((ms) => ms <= BOUND_MS) });
  });

  it('is refused once the replica cannot, with what it can prove', () => {
    cutOff();
    expect(get()).toBe('v');
    cluster.run(BOUND_MS);
    expect(get()).toBe('bound-unmet');
    expect(get({ boundMs: 60_000 })).toBe('v');
    expect(get({ boundMs: undefined })).toBe('v');
  });

  it('waits for the next echo, at most until its deadline', () => {
    cutOff();
    cluster.run(BOUND_MS);
    const asked = { r: 1, boundMs: BOUND_MS, onUnmet: 'usual', timeoutMs: 2000 } as const;
    expect(shown(cluster.get(US, 'k', asked))).toBe('bound-unmet');
    const call = cluster.begin(US, getOf('k', asked));
    cluster.run(1000);
    expect(call.outcome).toBeUndefined();
    cluster.heal(US, AP);
    cluster.heal(US, EU);
    expect(shown(cluster.answer(call))).toBe('v');
  });

  it('is refused if the process stops between the step and the answer', () => {
    const call = cluster.begin(US, getOf('k', { r: 1, boundMs: BOUND_MS, onUnmet: 'fail' }));
    cluster.pause(US);
    cluster.run(2000);
    cluster.resume(US);
    expect(['bound-unmet', 'v']).toContain(shown(cluster.answer(call)));
    const reply = cluster.answer(call);
    if (typeof reply === 'object' && reply.kind === 'found')
      expect(reply.stalenessMs).toBeLessThanOrEqual(BOUND_MS);
  });

  it('of several replicas is judged by its answer', () => {
    expect(get({ r: 2 })).toBe('v');
    cluster.cut(US, AP);
    cluster.run(2000);
    expect(get({ r: 2 })).toBe('bound-unmet');
  });
});

it('a list with a bound is treated in the same way', () => {
  const list = () =>
    cluster.answer(cluster.begin(US, listOf({ boundMs: BOUND_MS, onUnmet: 'fail' })));
  expect(list()).toMatchObject({ kind: 'listed' });
  cutOff();
  cluster.run(BOUND_MS);
  expect(shown(list())).toBe('bound-unmet');
});
