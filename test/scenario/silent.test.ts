// A member that has died without closing its connections: reads that need it are refused at once,
// not at the end of their time.

import { describe, expect, it } from 'vitest';
import { Cluster, getOf, shown } from '../cluster/cluster.ts';

describe('a read whose quorum cannot be reached', () => {
  it('is refused some heartbeats after the peers fell silent, long before its deadline', () => {
    const cluster = new Cluster({ settings: { peerTimeoutMs: 60_000 } });
    cluster.settle();
    cluster.put(0, 'a', 'one', { w: 3 });
    for (const n of [1, 2]) cluster.pause(n);
    const waiting = cluster.begin(0, getOf('a', { r: 2, timeoutMs: 30_000 }));
    cluster.run(1200);
    expect(shown(waiting.outcome ?? 'broken')).toBe('no-quorum');
    const later = cluster.begin(0, getOf('a', { r: 2, timeoutMs: 30_000 }));
    cluster.run(1);
    expect(shown(later.outcome ?? 'broken')).toBe('no-quorum');
    cluster.resume(1);
    cluster.run(1000);
    expect(shown(cluster.get(0, 'a', { r: 2 }))).toBe('one');
  });
});
