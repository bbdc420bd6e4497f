// What is removed in the background is removed as fast as it can arrive: the disk holds the entries
// of a window or a lifetime, however fast they are written.

import { describe, expect, it } from 'vitest';
import type { Span } from '../../src/store/layout.ts';
import { allTombstones, expired, idempotencyEnded } from '../../src/store/layout.ts';
import { Cluster, delOf, putOf } from '../cluster/cluster.ts';

const RATE = 2000;
const SECONDS = 6;
const WINDOW_S = 1;
/** The most entries that may be on the disk, as a multiple of those written in a second. */
const SHARE_MAX = 2.5;
const EVER = Number.MAX_SAFE_INTEGER / 4;

function filed(cluster: Cluster, span: Span): number {
  const limits = { reverse: false, limit: 1e6, bytesMax: 1e9 };
  const result = cluster.replica(0).disk.range({ ...span, ...limits });
  return result.ok ? result.entries.length : -1;
}

/** Writes RATE entries a second, and returns how many are stored in `span` after each second. */
function fill(cluster: Cluster, span: Span, write: (i: number) => void): number[] {
  const counts: number[] = [];
  for (let second = 0, i = 0; second < SECONDS; second++) {
    for (let ms = 0; ms < 1000; ms += 10) {
      for (let n = 0; n < RATE / 100; n++) write(i++);
      cluster.run(10);
    }
    counts.push(filed(cluster, span));
  }
  return counts;
}

const alone = (settings = {}): Cluster => {
  const cluster = new Cluster({
    regions: ['eu'],
    settings: { heartbeatMs: 1000, peerTimeoutMs: 5000, ...settings },
  });
  cluster.settle();
  return cluster;
};

describe('faster than a few hundred a second', () => {
  it('idempotency keys are forgotten as fast as they are used', () => {
    const cluster = alone({ idempotencyMs: WINDOW_S * 1000 });
    const counts = fill(cluster, idempotencyEnded(EVER), (i) => {
      cluster.begin(0, putOf('k', 'v', { idempotency: { key: `i${i}`, digest: 1 } }));
    });
    expect(Math.max(...counts)).toBeLessThan(SHARE_MAX * RATE * WINDOW_S);
    cluster.run(3000);
    expect(filed(cluster, idempotencyEnded(EVER))).toBe(0);
  });

  it('values are deleted as fast as they expire, and their deletes are forgotten', () => {
    const cluster = alone();
    const counts = fill(cluster, expired(EVER), (i) => {
      cluster.begin(0, putOf(`k${i}`, 'v', { ttlMs: WINDOW_S * 1000 }));
    });
    expect(Math.max(...counts)).toBeLessThan(SHARE_MAX * RATE * WINDOW_S);
    expect(filed(cluster, allTombstones())).toBeLessThan(SHARE_MAX * RATE * WINDOW_S);
    cluster.run(5000);
    expect(filed(cluster, expired(EVER))).toBe(0);
    expect(filed(cluster, allTombstones())).toBe(0);
  });

  it('deletes are forgotten as fast as they come', () => {
    const cluster = alone();
    const counts = fill(cluster, allTombstones(), (i) => {
      cluster.begin(0, putOf(`k${i}`, 'v'));
      cluster.begin(0, delOf(`k${i}`));
    });
    expect(Math.max(...counts)).toBeLessThan(SHARE_MAX * RATE * WINDOW_S);
  });
});
