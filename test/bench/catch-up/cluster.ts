// The cluster that the catch-up is measured on: three replicas, filled by the bench's own client and watched over HTTP.

import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { startCluster, type TestCluster, type TestReplica } from '../../support/cluster.ts';
import { HttpWire } from '../client/http.ts';
import { KeyTable, noise, OncePlan, type Plan } from '../client/keys.ts';
import { Load, type Totals } from '../client/load.ts';
import { keyValueTemplates } from '../systems/key-value.ts';

const VALUE_BYTES = 100;
const CONNECTIONS = 64;
const POLL_MS = 20;
const WAIT_MS_MAX = 300_000;

export interface Field {
  readonly cluster: TestCluster;
  readonly eu: TestReplica;
  readonly us: TestReplica;
  readonly ap: TestReplica;
}

export async function openField(
  dataDir: string,
  env: Readonly<Record<string, string>> = {},
  route?: (from: string, to: string, port: number) => number,
): Promise<Field> {
  const cluster = await startCluster({ dataDir, env, ...(route === undefined ? {} : { route }) });
  const [eu, us, ap] = cluster.replicas as [TestReplica, TestReplica, TestReplica];
  return { cluster, eu, us, ap };
}

/** Every key once. */
export async function fill(at: readonly TestReplica[], keys: number, w: number): Promise<void> {
  await write(at, { prefix: 'fill--', keys, w }, new OncePlan(keys));
}

export interface Writing {
  readonly prefix: string;
  readonly keys: number;
  readonly w: number;
}

/** Runs the plan to its end; throws when a write failed. */
export async function write(
  at: readonly TestReplica[],
  writing: Writing,
  plan: Plan,
): Promise<Totals> {
  const load = loadOf(at, writing, plan, CONNECTIONS);
  await load.connect();
  load.begin();
  await load.finished;
  const totals = load.totals();
  load.close();
  if (totals.firstError !== undefined) throw new Error(totals.firstError);
  return totals;
}

export function loadOf(
  at: readonly TestReplica[],
  { prefix, keys, w }: Writing,
  plan: Plan,
  connections: number,
): Load {
  const table = new KeyTable({ prefix, keys, valueBytes: VALUE_BYTES });
  return new Load({
    ports: at.map(({ httpPort }) => httpPort),
    connections,
    plan,
    valueBytes: VALUE_BYTES,
    wire: (connection) => {
      const value = noise(VALUE_BYTES, connection);
      const { put, get } = keyValueTemplates(table, value, '/v1/kv/bench/', `?w=${w}`, '?r=1');
      return new HttpWire(put, get);
    },
  });
}

export interface Seen {
  readonly state: string;
  readonly vector: Readonly<Record<string, number>>;
}

/** How a replica sees itself; `undefined` while it does not answer. */
export async function look({ url, id }: TestReplica): Promise<Seen | undefined> {
  try {
    const reply = await fetch(`${url}/v1/cluster/replicas/${id}`);
    return reply.status === 200 ? ((await reply.json()) as Seen) : undefined;
  } catch {
    return undefined;
  }
}

/** Entries that a vector names. */
export function entriesOf({ vector }: Seen): number {
  return Object.values(vector).reduce((sum, seq) => sum + seq, 0);
}

export async function bytesReceived({ url }: TestReplica): Promise<number> {
  const page = await (await fetch(`${url}/metrics`)).text();
  const samples = page.matchAll(/^conit_peer_received_bytes_total\{[^}]*\} (\S+)$/gm);
  return [...samples].reduce((sum, [, value]) => sum + Number(value), 0);
}

/** The moment, in ms, at which `look` first says so. */
export async function momentOf(is: () => Promise<boolean>): Promise<number> {
  const untilMs = performance.now() + WAIT_MS_MAX;
  while (performance.now() < untilMs) {
    if (await is()) return performance.now();
    await sleep(POLL_MS);
  }
  throw new Error(`not so in ${WAIT_MS_MAX} ms`);
}

/** Until all hold the same and serve. */
export function momentOfEquality(replicas: readonly TestReplica[]): Promise<number> {
  return momentOf(async () => {
    const all = await Promise.all(replicas.map(look));
    const first = JSON.stringify(sorted(all[0]));
    return all.every((each) => each?.state === 'serving' && JSON.stringify(sorted(each)) === first);
  });
}

function sorted(seen: Seen | undefined): readonly (readonly [string, number])[] {
  return Object.entries(seen?.vector ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
}

export function loseDisk({ dataDir }: TestReplica): void {
  rmSync(dataDir, { recursive: true, force: true });
}
