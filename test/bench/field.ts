// The cluster that catch-up, overload and growth are measured on: three replicas, filled by the
// bench's own client and watched over HTTP.

import { rmSync } from 'node:fs';
import { startCluster, type TestCluster, type TestReplica } from '../support/processes.ts';
import { until } from '../support/wait.ts';
import { HttpWire } from './client/http.ts';
import { KeyTable, noise, OncePlan, type Plan } from './client/keys.ts';
import { Load, type LoadOptions, type Totals } from './client/load.ts';
import { keyValueTemplates } from './systems/key-value.ts';

export const VALUE_BYTES = 100;
export const CONNECTIONS = 64;
export const WAIT_MS_MAX = 300_000;

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

/** Runs the plan to its end; throws if a write failed. */
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
  onDone?: LoadOptions['onDone'],
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
    ...(onDone === undefined ? {} : { onDone }),
  });
}

export interface Seen {
  readonly state: string;
  readonly vector: Readonly<Record<string, number>>;
}

/** The status of a replica by its own report; `undefined` while it does not answer. */
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

export function bytesReceived(replica: TestReplica): Promise<number> {
  return metricOf(replica, 'conit_peer_received_bytes_total');
}

/** A metric of a replica, summed over its labels. */
export async function metricOf({ url }: TestReplica, name: string): Promise<number> {
  const page = await (await fetch(`${url}/metrics`)).text();
  const samples = page.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'));
  return [...samples].reduce((sum, [, value]) => sum + Number(value), 0);
}

/** The time, in ms, at which the condition is first true. */
export async function momentOf(what: string, is: () => Promise<boolean>): Promise<number> {
  await until(what, is, WAIT_MS_MAX);
  return performance.now();
}

export function loseDisk({ dataDir }: TestReplica): void {
  rmSync(dataDir, { recursive: true, force: true });
}
