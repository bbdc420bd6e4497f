// 64 writers against anything that commits batches. A writer sends its next put as soon as it is
// answered, so each commit holds one put of every writer, and one commit is in progress at a time.

import { randomBytes } from 'node:crypto';

import type { Batch } from '../../../src/model/port.ts';

const writers = 64;
const keys = 10_000;
const valueBytes = 100;

/** Resolves when the batch is durable. */
export type Committer = (batch: Batch) => Promise<void>;

export async function putsPerSecond(commit: Committer, seconds: number): Promise<number> {
  const batches = batchesOf(writers);
  const begun = performance.now();
  const deadline = begun + seconds * 1000;
  let commits = 0;
  while (performance.now() < deadline) {
    const batch = batches[commits % batches.length];
    if (batch === undefined) throw new Error('there must be a batch');
    await commit(batch);
    commits += 1;
  }
  return (commits * writers * 1000) / (performance.now() - begun);
}

function batchesOf(size: number): readonly Batch[] {
  return Array.from({ length: Math.floor(keys / size) }, (_, batch) => ({
    keys: Array.from({ length: size }, (_each, at) => keyAt(batch * size + at)),
    values: Array.from({ length: size }, () => randomBytes(valueBytes)),
  }));
}

// Spread over the key space, like the keys of clients.
function keyAt(index: number): Buffer {
  return Buffer.from(String((index * 7919) % keys).padStart(16, '0'));
}
