// How late the event loop is, as Node measures it in native code. Each reading covers the time
// since the one before, so the quantiles are of that window; sum and count grow from the start.

import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { Family, Sample } from './family.ts';

const RESOLUTION_MS = 10;
const NS_PER_SECOND = 1e9;
const QUANTILES = [0.5, 0.9, 0.99, 1];
const NAME = 'conit_event_loop_delay_seconds';

export function createLoopDelay(): Family {
  const monitor = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  monitor.enable();
  let sum = 0;
  let count = 0;
  const samples = (): readonly Sample[] => {
    const window = monitor.count;
    const quantiles = window === 0 ? [] : QUANTILES.map((share) => quantile(monitor, share));
    if (window > 0) sum += delaySeconds(monitor.mean) * window;
    count += window;
    monitor.reset();
    return [
      ...quantiles,
      { metricName: `${NAME}_sum`, labels: {}, value: sum },
      { metricName: `${NAME}_count`, labels: {}, value: count },
    ];
  };
  const help = 'Delay of the event loop: quantiles since the last scrape.';
  return { name: NAME, help, type: 'summary', samples };
}

function quantile(monitor: IntervalHistogram, share: number): Sample {
  const value = delaySeconds(share === 1 ? monitor.max : monitor.percentile(share * 100));
  return { labels: { quantile: share }, value };
}

// Node records the time from tick to tick, which includes the intended interval.
function delaySeconds(recordedNs: number): number {
  return Math.max(recordedNs / NS_PER_SECOND - RESOLUTION_MS / 1000, 0);
}
