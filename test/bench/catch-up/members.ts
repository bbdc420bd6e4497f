// How clients are affected when a fourth replica joins: every member ends its incarnation and
// begins another one with the new members. One client stays with each member, and one moves to the
// next member whenever it is refused.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { tryCall } from '../../support/call.ts';
import { startCluster, type TestReplica } from '../../support/processes.ts';
import { until } from '../../support/wait.ts';
import { fill, WAIT_MS_MAX } from '../field.ts';
import { type Row, rowOf } from '../rows.ts';
import type { Part } from './main.ts';

const PAUSE_MS = 5;
const QUIET_MS = 3000;
const REQUEST_MS_MAX = 1000;
const program = join(import.meta.dirname, '..', '..', '..', 'dist', 'cli', 'main.js');

export async function members({ folder, keys }: Part): Promise<Row[]> {
  const cluster = await startCluster({ dataDir: folder, spares: ['sa'] });
  const [spare] = cluster.spares as [TestReplica];
  await fill(cluster.replicas, Math.min(keys, 10_000), 3);
  await spare.restart({ ready: false });
  await until('it is up', async () => (await tryCall(spare, 'GET', '/livez')).kind === 'reply');
  const resident = cluster.replicas.map((replica) => new Writer([replica]));
  const wandering = new Writer(cluster.replicas);
  await sleep(QUIET_MS);
  const { id, region, peerPort, url } = spare;
  const at = cluster.replicas[0]?.url ?? '';
  const words = ['join', id, region, `127.0.0.1:${peerPort}`, '--http', url, '--url', at];
  const child = spawn(process.execPath, [program, ...words], { stdio: 'ignore' });
  const [code] = (await once(child, 'close')) as [number];
  if (code !== 0) throw new Error(`conit join ended with ${code}`);
  const all = [...cluster.replicas, spare];
  await until(
    'all are four',
    async () => (await Promise.all(all.map(sees))).every(isFour),
    WAIT_MS_MAX,
  );
  await sleep(QUIET_MS);
  await Promise.all([...resident, wandering].map((writer) => writer.stop()));
  await cluster.stop();
  const longest = Math.max(...resident.map(({ gapMs }) => gapMs));
  return [
    rowOf('a member joins: longest silence at one member', longest / 1000, 's'),
    rowOf(
      'a member joins: longest silence for a client that moves on',
      wandering.gapMs / 1000,
      's',
    ),
  ];
}

const isFour = (count: number): boolean => count === 4;

async function sees(replica: TestReplica): Promise<number> {
  const ready = await tryCall(replica, 'GET', '/readyz', { timeoutMs: REQUEST_MS_MAX });
  if (ready.kind !== 'reply' || ready.status !== 200) return 0;
  const reply = await tryCall(replica, 'GET', '/v1/cluster', { timeoutMs: REQUEST_MS_MAX });
  if (reply.kind !== 'reply' || reply.status !== 200) return 0;
  return (JSON.parse(reply.body.toString()) as { readonly replicas: unknown[] }).replicas.length;
}

/** Writes repeatedly, and records the longest time without success. */
class Writer {
  gapMs = 0;
  readonly #finished: Promise<void>;
  #isOver = false;

  constructor(at: readonly TestReplica[]) {
    this.#finished = this.#run(at);
  }

  stop(): Promise<void> {
    this.#isOver = true;
    return this.#finished;
  }

  async #run(at: readonly TestReplica[]): Promise<void> {
    let lastMs = performance.now();
    for (let n = 0, turn = 0; !this.#isOver; n++) {
      const replica = at[turn % at.length] as TestReplica;
      const path = `/v1/kv/bench/members/${replica.id}/${n % 100}?w=majority`;
      const options = { body: 'v', timeoutMs: REQUEST_MS_MAX };
      const reply = await tryCall(replica, 'PUT', path, options);
      if (reply.kind === 'reply' && reply.status < 300) {
        const nowMs = performance.now();
        this.gapMs = Math.max(this.gapMs, nowMs - lastMs);
        lastMs = nowMs;
      } else {
        turn++;
      }
      await sleep(PAUSE_MS);
    }
  }
}
