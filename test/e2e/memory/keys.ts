// A million keys of 16 bytes with values of 100, written to three replicas in batches, listed and
// read again, and one replica restarted on them. The resident memory of every replica is sampled
// throughout. Values are incompressible: pages of files count, and files of equal values would be
// half as large.

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { call } from '../../support/call.ts';
import { startCluster, type TestReplica } from '../../support/processes.ts';
import { becomeEqual } from '../../support/converged.ts';
import { type Resident, residentOf } from '../../support/proc.ts';
import { openConnection } from '../../support/raw-http.ts';
import type { Finding } from './main.ts';

const KEYS = 1_000_000;
const VALUE_BYTES = 100;
const BATCH_ITEMS = 1000;
const BATCHES_AT_ONCE = 4;
const LIMIT_BYTES = 400e6;
const SAMPLE_MS = 50;
const READS = 100_000;

export async function checkKeys(): Promise<readonly Finding[]> {
  const dataDir = mkdtempSync(join(tmpdir(), 'conit-memory-'));
  const cluster = await startCluster({ dataDir, env: { CONIT_LOG_LEVEL: 'warn' } });
  const peaks = watchMemory(cluster.replicas);
  try {
    const { replicas } = cluster;
    await phase('fill', peaks, () => fill(replicas));
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

interface Peaks {
  of(id: string): Resident;
  stop(): void;
}

const NOTHING: Resident = { totalBytes: 0, anonymousBytes: 0, fileBytes: 0 };

function watchMemory(replicas: readonly TestReplica[]): Peaks {
  const peaks = new Map<string, Resident>();
  const of = (id: string): Resident => peaks.get(id) ?? NOTHING;
  const timer = setInterval(() => {
    for (const { id, pid } of replicas) {
      const now = residentOf(pid);
      if (now.totalBytes > of(id).totalBytes) peaks.set(id, now);
    }
  }, SAMPLE_MS);
  return { of, stop: () => clearInterval(timer) };
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

function sayResident({ totalBytes, anonymousBytes, fileBytes }: Resident): string {
  const [total, own, files] = [totalBytes, anonymousBytes, fileBytes].map(megabytes);
  return `${total} (${own} its own, ${files} pages of files)`;
}

/** Every replica takes its share. */
async function fill(replicas: readonly TestReplica[]): Promise<void> {
  let next = 0;
  const lanes = Array.from({ length: BATCHES_AT_ONCE }, async (_, lane) => {
    const replica = replicas[lane % replicas.length] as TestReplica;
    while (next < KEYS) {
      const from = next;
      next += BATCH_ITEMS;
      await putBatch(replica, from);
    }
  });
  await Promise.all(lanes);
}

async function putBatch(replica: TestReplica, from: number): Promise<void> {
  const ops = Array.from({ length: BATCH_ITEMS }, (_, at) => {
    return { op: 'put', key: keyAt(from + at), value: randomValue() };
  });
  const answer = await call(replica, 'POST', '/v1/batch/bench?w=2', {
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ ops }),
    timeoutMs: 60_000,
  });
  const { results } = answer.json() as { readonly results: readonly { readonly status: number }[] };
  const refused = results.find(({ status }) => status !== 201);
  if (refused !== undefined) throw new Error(`in a batch at ${from}: ${JSON.stringify(refused)}`);
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

/** Base64 has four characters for three bytes. */
function randomValue(): string {
  return randomBytes((VALUE_BYTES / 4) * 3).toString('base64');
}

function keyAt(index: number): string {
  return `key-${String(index).padStart(12, '0')}`;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
