// The contents of each namespace, by the replica's own count and by a list of everything.

import { describe, expect, it } from 'vitest';
import { Cluster } from '../cluster/cluster.ts';

const contents = (cluster: Cluster, replica: number) =>
  [...(cluster.status(replica).self.contents ?? [])]
    .map(({ namespace, keys, tombstones }) => [namespace, keys, tombstones] as const)
    .sort(([left], [right]) => (left < right ? -1 : 1));

describe('what a namespace holds', () => {
  it('is counted from the first write, equally everywhere, and kept across a restart', () => {
    const cluster = new Cluster();
    cluster.settle();
    expect(contents(cluster, 0)).toEqual([]);
    for (let n = 0; n < 20; n++) cluster.put(n % 3, `key-${n}`, 'v'.repeat(n), { w: 3 });
    for (let n = 0; n < 5; n++) cluster.put(0, `key-${n}`, 'again', { w: 3 });
    const namespace = contents(cluster, 0)[0]?.[0];
    for (const at of [0, 1, 2]) expect(contents(cluster, at)).toEqual([[namespace, 20, 0]]);
    const bytes = cluster.status(0).self.contents?.[0]?.bytes ?? 0;
    expect(bytes).toBeGreaterThan(20 * 30);
    cluster.run(2000);
    cluster.crash(1);
    cluster.run(10);
    cluster.restart(1);
    cluster.settle();
    expect(contents(cluster, 1)).toEqual([[namespace, 20, 0]]);
    expect(cluster.status(1).self.contents?.[0]?.bytes).toBe(bytes);
  });

  it('includes a delete as a tombstone until it is forgotten', () => {
    const cluster = new Cluster();
    cluster.settle();
    cluster.put(0, 'a', 'one', { w: 3 });
    cluster.put(0, 'b', 'two', { w: 3 });
    cluster.cut(0, 2);
    cluster.del(0, 'a', { w: 2 });
    const namespace = contents(cluster, 0)[0]?.[0];
    expect(contents(cluster, 0)).toEqual([[namespace, 1, 1]]);
    expect(contents(cluster, 2)).toEqual([[namespace, 2, 0]]);
    cluster.heal(0, 2);
    cluster.run(60_000);
    for (const at of [0, 1, 2]) expect(contents(cluster, at)).toEqual([[namespace, 1, 0]]);
  });
});
