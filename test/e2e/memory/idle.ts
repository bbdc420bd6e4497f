// Two clusters side by side, one of them with 5 000 idle keep-alive connections to the asked
// replica. The same few busy connections load one, then the other, in short turns, and the p99 of
// each turn is compared with that of its neighbour: other load on the machine affects both.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startCluster, type TestReplica } from '../../support/processes.ts';
import { residentOf } from '../../support/proc.ts';
import { openConnection, type RawConnection } from '../../support/raw-http.ts';
import type { Finding } from './main.ts';

const IDLE = 5000;
const OPENING_AT_ONCE = 50;
const BUSY = 16;
const ROUNDS = 15;
const TURN_MS = 2000;
const RATIO_MAX = 1.2;
const ENV = { CONIT_LOG_LEVEL: 'warn', CONIT_KEEP_ALIVE: '30m' };

export async function checkIdle(): Promise<readonly Finding[]> {
  const dataDir = mkdtempSync(join(tmpdir(), 'conit-idle-'));
  const [crowded, empty] = await Promise.all(
    ['crowded', 'empty'].map((name) => startCluster({ dataDir: join(dataDir, name), env: ENV })),
  );
  if (crowded === undefined || empty === undefined) throw new Error('there are two clusters');
  try {
    const [with_, without] = [crowded.replicas[0], empty.replicas[0]] as TestReplica[];
    if (with_ === undefined || without === undefined) throw new Error('there are replicas');
    const before = residentOf(with_.pid).totalBytes;
    const idle = await openIdle(with_);
    console.log(`idle: ${idle.length} connections cost ${kilobytesEach(with_, before)} KB each`);
    const findings = await compare(with_, without);
    const left = idle.filter(({ isOpen }) => isOpen).length;
    for (const connection of idle) connection.close();
    return [...findings, { ok: left === IDLE, text: `${left} of ${IDLE} were open to the end` }];
  } finally {
    await Promise.all([crowded.stop(), empty.stop()]);
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Each has sent one request, so it is a connection between two requests. */
async function openIdle(replica: TestReplica): Promise<RawConnection[]> {
  const connections: RawConnection[] = [];
  while (connections.length < IDLE) {
    const opening = Array.from({ length: OPENING_AT_ONCE }, async () => {
      const connection = await openConnection(replica.httpPort);
      const reply = await connection?.send({ method: 'GET', path: '/livez', timeoutMs: 10_000 });
      if (connection === undefined || reply?.kind !== 'reply') throw new Error('not connected');
      return connection;
    });
    connections.push(...(await Promise.all(opening)));
  }
  return connections;
}

async function compare(crowded: TestReplica, empty: TestReplica): Promise<readonly Finding[]> {
  await turn(crowded);
  await turn(empty);
  const pairs: { readonly crowded: Times; readonly empty: Times }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    if (round % 2 === 0) pairs.push({ crowded: await turn(crowded), empty: await turn(empty) });
    else {
      const first = await turn(empty);
      pairs.push({ empty: first, crowded: await turn(crowded) });
    }
  }
  return (['put', 'get'] as const).map((op) => {
    const ratios = pairs.map((pair) => pair.crowded[op].p99Ms / pair.empty[op].p99Ms);
    const [low, middle, high] = quartiles(ratios);
    const typical = (of: 'crowded' | 'empty') =>
      quartiles(pairs.map((pair) => pair[of][op].p99Ms))[1].toFixed(2);
    const text =
      `p99 of ${op} with ${IDLE} idle connections / without: ${middle.toFixed(2)}` +
      ` (quartiles ${low.toFixed(2)} to ${high.toFixed(2)} of ${ROUNDS} rounds;` +
      ` ${typical('crowded')} ms, ${typical('empty')} ms)`;
    return { ok: middle <= RATIO_MAX, text };
  });
}

interface Times {
  readonly put: { readonly p99Ms: number };
  readonly get: { readonly p99Ms: number };
}

/**
 * A few connections, each of which sends its next request as soon as it is answered: a put with two
 * copies, a get, and so on.
 */
async function turn(replica: TestReplica): Promise<Times> {
  const times = { put: [] as number[], get: [] as number[] };
  const endMs = performance.now() + TURN_MS;
  const clients = Array.from({ length: BUSY }, async (_, at) => {
    const connection = await openConnection(replica.httpPort);
    if (connection === undefined) throw new Error(`${replica.id} cannot be reached`);
    for (let count = 0; performance.now() < endMs; count++) {
      const op = count % 2 === 0 ? 'put' : 'get';
      const begunMs = performance.now();
      await ask(connection, op, `${at}-${count >> 1}`);
      times[op].push(performance.now() - begunMs);
    }
    connection.close();
  });
  await Promise.all(clients);
  return { put: { p99Ms: p99(times.put) }, get: { p99Ms: p99(times.get) } };
}

async function ask(connection: RawConnection, op: 'put' | 'get', key: string): Promise<void> {
  const path = `/v1/kv/bench/${key}`;
  const reply = await connection.send(
    op === 'put'
      ? { method: 'PUT', path: `${path}?w=2`, body: 'v'.repeat(100), timeoutMs: 10_000 }
      : { method: 'GET', path, timeoutMs: 10_000 },
  );
  if (reply.kind !== 'reply' || reply.status >= 400) throw new Error(`${op} ${path} failed`);
}

function p99(times: number[]): number {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * 0.99) - 1] ?? 0;
}

function quartiles(numbers: readonly number[]): readonly [number, number, number] {
  const sorted = numbers.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))] ?? 0;
  return [at(0.25), at(0.5), at(0.75)];
}

function kilobytesEach({ pid }: TestReplica, before: number): string {
  return ((residentOf(pid).totalBytes - before) / IDLE / 1000).toFixed(1);
}
