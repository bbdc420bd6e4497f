// Replicas that keep little in memory, scrub all the time and compare often, so that a loss of the
// storage is found soon.

import { Cluster, type ClusterOptions } from '../cluster/cluster.ts';

export function leanCluster(options: ClusterOptions = {}): Cluster {
  const cluster = new Cluster({
    ...options,
    namespaces: { ns: {}, fi: { consistency: 'fifo' } },
    settings: {
      cacheBytes: 1,
      scrubDelayMs: 1000,
      scrubEveryMs: 2000,
      compareEveryMs: 1000,
      ...options.settings,
    },
  });
  cluster.settle();
  return cluster;
}
