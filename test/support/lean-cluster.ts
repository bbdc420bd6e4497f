// Replicas that forget at once what they have written, scrub all the time and compare often: what
// storage loses shows soon.

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
