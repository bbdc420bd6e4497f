// Waits until every replica holds everything: until the durable vectors, as each replica reports
// its own, are equal.

import { call } from './call.ts';
import type { TestReplica } from './processes.ts';
import { until } from './wait.ts';

interface ClusterView {
  readonly replicas: readonly { readonly self: boolean; readonly vector: object }[];
}

export async function becomeEqual(
  replicas: readonly TestReplica[],
  timeoutMs = 240_000,
): Promise<void> {
  await until(
    'all vectors are equal',
    async () => {
      const vectors = await Promise.all(replicas.map(vectorOf));
      return vectors.every((vector) => vector === vectors[0]);
    },
    timeoutMs,
  );
}

/** The durable vector of the replica, as text with its entries in order. */
async function vectorOf(replica: TestReplica): Promise<string> {
  const view = (await call(replica, 'GET', '/v1/cluster')).json() as ClusterView;
  const own = view.replicas.find(({ self }) => self);
  const entries = Object.entries(own?.vector ?? {}).map((entry) => JSON.stringify(entry));
  return entries.toSorted().join(' ');
}
