// A million keys of 16 bytes with values of 100, written to three replicas in batches, listed and
// read, and one replica restarted with them. The resident memory of every replica is sampled
// throughout; pages of files count.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Bulk, putAll } from '../../support/bulk.ts';
import { call } from '../../support/call.ts';
import { startCluster, type TestReplica } from '../../support/processes.ts';
import { becomeEqual } from '../../support/converged.ts';
import { type Peaks, sayResident, watchMemory } from '../../support/memory-watch.ts';
import type { Resident } from '../../support/proc.ts';
import { openConnection } from '../../support/raw-http.ts';
import type { Finding } from './main.ts';

const KEYS = 1_000_000;
const VALUE_BYTES = 100;
const LIMIT_BYTES = 400e6;
const READS = 100_000;
const BULK: Bulk = { keys: KEYS, keyAt, valueBytes: VALUE_BYTES };

export async function checkKeys(): Promise<readonly Finding[]> {
  const dataDir = mkdtempSync(join(tmpdir(), 'conit-memory-'));
  const cluster = await startCluster({ dataDir, env: { CONIT_LOG_LEVEL: 'warn' } });
  const peaks = watchMemory(cluster.replicas);
  try {
    const { replicas } = cluster;
    await phase('fill', peaks, () => putAll(replicas, BULK));
    await phase('equal', peaks, () => becomeEqual(replicas, 120_000));
    await phase('list', peaks, () => Promise.all(replicas.map(listAll)));
    await phase('read', peaks, () => Promise.all(replicas.map(readSome)));
    await phase('restart', peaks, () => restart(replicas[0] as TestReplica));
    return replicas.map((replica) => finding(replica, peaks.of(replica.id)));
  } finally {
    peaks.stop();
    await cluster.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

function finding({ id }: TestReplica, peak: Resident): Finding {
  const text = `${id} held ${KEYS} keys of ${VALUE_BYTES} bytes in at most ${sayResident(peak)}`;
  return { ok: peak.totalBytes > 0 && peak.totalBytes < LIMIT_BYTES, text };
}

async function phase(name: string, peaks: Peaks, run: () => Promise<unknown>): Promise<void> {
  const begun = performance.now();
  await run();
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  console.log(`keys: ${name} took ${seconds} s; eu-1 peaked at ${sayResident(peaks.of('eu-1'))}`);
}

async function listAll(replica: TestReplica): Promise<void> {
  let keys = 0;
  let cursor: string | null = null;
  do {
    const more: string = cursor === null ? '' : `&cursor=${cursor}`;
    const page = await call(replica, 'GET', `/v1/kv/bench?limit=1000&values=inline${more}`);
    const { items, cursor: next } = page.json() as {
      readonly items: readonly unknown[];
      readonly cursor: string | null;
    };
    keys += items.length;
    cursor = next;
  } while (cursor !== null);
  if (keys !== KEYS) throw new Error(`${replica.id} lists ${keys} keys`);
}

async function readSome(replica: TestReplica): Promise<void> {
  const connection = await openConnection(replica.httpPort);
  for (let count = 0; count < READS; count++) {
    const path = `/v1/kv/bench/${keyAt((count * 7919) % KEYS)}`;
    const reply = await connection?.send({ method: 'GET', path, timeoutMs: 10_000 });
    if (reply?.kind !== 'reply' || reply.status !== 200) throw new Error(`no ${path}`);
  }
  connection?.close();
}

async function restart(replica: TestReplica): Promise<void> {
  await replica.stop();
  await replica.restart();
}

function keyAt(index: number): string {
  return `key-${String(index).padStart(12, '0')}`;
}
