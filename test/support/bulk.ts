// Many keys, quickly: each replica gets its share in batches. Values cannot be compressed, because
// the files of equal values would be half as large.

import { randomBytes } from 'node:crypto';
import { call } from './call.ts';
import type { TestReplica } from './processes.ts';

const BATCH_ITEMS = 1000;
const BATCHES_AT_ONCE = 4;
/** Batches fill every queue on the way, so on a busy machine one may wait for long. */
const BATCH_TIMEOUT_S = 60;

export interface Bulk {
  readonly keys: number;
  readonly keyAt: (index: number) => string;
  readonly valueBytes: number;
}

/** Writes every key once into the namespace `bench`, with at least two copies. */
export async function putAll(replicas: readonly TestReplica[], bulk: Bulk): Promise<void> {
  let next = 0;
  const lanes = Array.from({ length: BATCHES_AT_ONCE }, async (_, lane) => {
    const replica = replicas[lane % replicas.length] as TestReplica;
    while (next < bulk.keys) {
      const from = next;
      next += BATCH_ITEMS;
      await putBatch(replica, bulk, from);
    }
  });
  await Promise.all(lanes);
}

async function putBatch(
  replica: TestReplica,
  { keys, keyAt, valueBytes }: Bulk,
  from: number,
): Promise<void> {
  const ops = Array.from({ length: Math.min(BATCH_ITEMS, keys - from) }, (_, at) => {
    return { op: 'put', key: keyAt(from + at), value: randomText(valueBytes) };
  });
  const path = `/v1/batch/bench?w=2&timeout=${BATCH_TIMEOUT_S}s`;
  const answer = await call(replica, 'POST', path, {
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ ops }),
    timeoutMs: 2 * BATCH_TIMEOUT_S * 1000,
  });
  const { results } = answer.json() as { readonly results: readonly { readonly status: number }[] };
  const refused = results.find(({ status }) => status !== 201);
  if (refused !== undefined) throw new Error(`in a batch at ${from}: ${JSON.stringify(refused)}`);
}

/** Base64 has four characters for three bytes. */
function randomText(length: number): string {
  return randomBytes(Math.ceil((length / 4) * 3))
    .toString('base64')
    .slice(0, length);
}
