// The true lag of a replica while entries wait for their time because a wrong clock stamped them
// ahead.

import { describe, expect, it } from 'vitest';
import { Cluster } from '../../cluster/cluster.ts';
import { LagLog } from '../../simulation/lag-log.ts';

const START = Date.UTC(2024, 0, 1);
const AHEAD_MS = 20_000;

describe('the lag behind a replica that stamped ahead', () => {
  it('is zero before the time of its stamps has come', () => {
    const clocks = [0, 1, 2].map(() => ({ wallStartMs: START }));
    const cluster = new Cluster({ clocks });
    const lags = new LagLog(cluster, START);
    cluster.listener = lags;
    lags.begin();
    cluster.settle();
    cluster.crash(0);
    cluster.cut(0, 1);
    cluster.cut(0, 2);
    clocks[0] = { wallStartMs: START + AHEAD_MS };
    cluster.restart(0);
    cluster.run(4000);
    cluster.put(0, 'a', 'ahead', { w: 1 });
    const writtenMs = cluster.nowMs;
    cluster.network.healAll();
    cluster.run(AHEAD_MS / 2);
    expect(cluster.value(1, 'a')).toBe('absent');
    const late = lags.samples[1]?.filter(({ atNs }) => atNs / 1e6 > writtenMs + 2000) ?? [];
    expect(late.length).toBeGreaterThan(100);
    expect(Math.max(...late.map(({ lagMs }) => lagMs))).toBe(0);
  });

  it('counts from then on', () => {
    const cluster = new Cluster({ clocks: [0, 1, 2].map(() => ({ wallStartMs: START })) });
    // By the first of these clocks all entries are stamped a minute ahead; by the second their time
    // has come.
    const ahead = new LagLog(cluster, START - 60_000);
    const due = new LagLog(cluster, START + 60_000);
    for (const log of [ahead, due]) log.begin();
    cluster.settle();
    cluster.cut(0, 2);
    cluster.cut(1, 2);
    cluster.put(0, 'a', 'one', { w: 1 });
    for (let n = 0; n < 20; n++) {
      for (const log of [ahead, due]) for (const peer of [0, 1]) log.onHeard(2, peer);
      cluster.run(50);
    }
    expect(due.samples[2]?.at(-1)?.lagMs).toBeGreaterThan(700);
    expect(ahead.samples[2]?.at(-1)?.lagMs).toBeLessThan(100);
  });
});
