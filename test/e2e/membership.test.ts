// The members change while real processes serve: one joins under load and by the command, is
// drained and resumed, and is forgotten; acknowledged writes are present all the time.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, tryCall } from '../support/call.ts';
import { startCluster, type TestCluster, type TestReplica } from '../support/processes.ts';
import { codeOf, look } from '../support/kv.ts';
import { until } from '../support/wait.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'conit-members-'));
const program = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js');
let cluster: TestCluster;

beforeAll(async () => {
  const env = { CONIT_LOG_LEVEL: 'info', CONIT_PEER_TIMEOUT: '1s' };
  cluster = await startCluster({ dataDir, env, spares: ['sa'] });
});
afterAll(async () => {
  await cluster.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

const member = (n: number): TestReplica => cluster.replicas[n] as TestReplica;
const spare = (): TestReplica => cluster.spares[0] as TestReplica;

async function conit(args: readonly string[]): Promise<{ code: number; text: string }> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data: Buffer) => void (text += data.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, text };
}

async function clusterAt(replica: TestReplica) {
  const reply = await tryCall(replica, 'GET', '/v1/cluster', { timeoutMs: 1000 });
  if (reply.kind !== 'reply' || reply.status !== 200) return undefined;
  return JSON.parse(reply.body.toString()) as {
    readonly epoch: number;
    readonly replicas: readonly { readonly id: string; readonly state: string }[];
    readonly forgotten: readonly string[];
  };
}

const isAt = (replica: TestReplica, epoch: number) =>
  until(`${replica.id} is in epoch ${epoch}`, async () => {
    return (await clusterAt(replica))?.epoch === epoch;
  });

/** Writes to all members until it is stopped; returns the acknowledged writes. */
function load(): { stop(): Promise<string[]> } {
  const acknowledged: string[] = [];
  const progress = { isOver: false };
  const run = async (replica: TestReplica): Promise<void> => {
    for (let n = 0; !progress.isOver; n++) {
      const key = `load/${replica.id}/${n}`;
      const path = `/v1/kv/demo/${key}?w=majority&timeout=2s`;
      const reply = await tryCall(replica, 'PUT', path, { body: key, timeoutMs: 3000 });
      if (reply.kind === 'reply' && reply.status === 201) acknowledged.push(key);
    }
  };
  const runs = cluster.replicas.map(run);
  return {
    async stop() {
      progress.isOver = true;
      await Promise.all(runs);
      return acknowledged;
    },
  };
}

describe('a cluster whose members change', () => {
  it('takes in a fourth replica during writes', async () => {
    await spare().restart({ ready: false });
    await until('it is up', async () => (await tryCall(spare(), 'GET', '/livez')).kind === 'reply');
    expect((await call(spare(), 'GET', '/readyz')).status).toBe(503);
    const { id, region, peerPort, url } = spare();
    // A replica that cannot be reached, or that is another one, is not proposed.
    const at = (port: number) => ['join', id, region, `127.0.0.1:${port}`, '--timeout', '2s'];
    const wrong = await conit([...at(member(1).peerPort), '--url', member(0).url]);
    expect(wrong.code).not.toBe(0);
    expect(wrong.text).toContain('another replica listens there');
    const nobody = await conit([...at(spare().httpPort), '--url', member(0).url]);
    expect(nobody.code).not.toBe(0);
    expect((await clusterAt(member(0)))?.epoch).toBe(1);
    const writing = load();
    const args = ['join', id, region, `127.0.0.1:${peerPort}`, '--http', url];
    const joined = await conit([...args, '--url', member(0).url]);
    expect(joined).toMatchObject({ code: 0 });
    expect(joined.text).toContain('sa-9');
    await spare().becomeReady();
    const acknowledged = await writing.stop();
    expect(acknowledged.length).toBeGreaterThan(10);
    for (const replica of [...cluster.replicas, spare()]) await isAt(replica, 2);
    await Promise.all(cluster.replicas.map((replica) => replica.becomeReady()));
    for (const key of acknowledged) {
      const path = `/v1/kv/demo/${key}?r=majority`;
      expect((await call(spare(), 'GET', path)).text).toBe(key);
    }
    const answer = await call(spare(), 'PUT', '/v1/kv/demo/four?w=all', { body: 'copies' });
    expect(answer.status).toBe(201);
    expect(answer.header('conit-acks')).toBe('4/4');
  });

  it('keeps its members after a restart, whatever the configuration says', async () => {
    expect(await member(1).stop()).toBe(0);
    await member(1).restart();
    expect((await clusterAt(member(1)))?.replicas).toHaveLength(4);
    expect(readFileSync(member(1).logFile, 'utf8')).toContain('peers-differ');
  });

  it('reports a job to its end, in the incarnation that began it and in the next one', async () => {
    const headers = { Prefer: 'wait=10', 'Content-Type': 'application/json' };
    const { id, region, peerPort, httpPort } = spare();
    // From now on it has another address.
    const place = {
      id,
      region,
      peer: `127.0.0.1:${peerPort}`,
      http: `http://localhost:${httpPort}`,
    };
    const body = JSON.stringify(place);
    const joined = await call(member(0), 'POST', '/v1/cluster/replicas', { body, headers });
    expect([joined.status, joined.json()]).toMatchObject([
      200,
      { kind: 'join', target: 'sa-9', state: 'done', membership: { epoch: 3 } },
    ]);
    for (const replica of [...cluster.replicas, spare()]) await isAt(replica, 3);
    await Promise.all([...cluster.replicas, spare()].map((replica) => replica.becomeReady()));
    const again = await call(member(0), 'POST', '/v1/cluster/replicas', { body, headers });
    expect(again.json()).toMatchObject({ state: 'done', membership: { epoch: 3 } });
    const known = await call(member(0), 'GET', joined.header('location'));
    expect([known.status, known.json()]).toMatchObject([
      200,
      { state: 'done', node: member(0).id },
    ]);
    expect((await call(member(1), 'GET', joined.header('location'))).status).toBe(404);
    const path = `/v1/cluster/replicas/${id}/resync`;
    const resync = await call(spare(), 'POST', path, { headers: { Prefer: 'wait=10' } });
    expect([resync.status, resync.json()]).toMatchObject([
      200,
      { state: 'done', progress: { entriesMissing: 0, waiting: [] } },
    ]);
  });

  it('drains a replica, also across a restart, and resumes it', async () => {
    expect(await conit(['drain', '--url', spare().url])).toMatchObject({ code: 0 });
    const refused = await call(spare(), 'GET', '/v1/kv/demo/four');
    expect([refused.status, codeOf(refused)]).toEqual([503, 'draining']);
    expect((await call(spare(), 'GET', '/readyz')).status).toBe(503);
    await spare().stop();
    await spare().restart({ ready: false });
    await until('it drains again', async () => {
      const reply = await tryCall(spare(), 'GET', '/v1/kv/demo/four', { timeoutMs: 1000 });
      return reply.kind === 'reply' && reply.body.toString().includes('draining');
    });
    expect(await conit(['resume', 'sa-9', '--url', member(0).url])).toMatchObject({ code: 2 });
    expect(await conit(['resume', 'sa-9', '--url', spare().url])).toMatchObject({ code: 0 });
    await spare().becomeReady();
    expect(await look(spare(), 'four')).toBe('copies');
  });

  it('forgets it, and its old directory does not return', async () => {
    await until('it is connected', async () => {
      const seen = (await clusterAt(member(0)))?.replicas.find(({ id }) => id === 'sa-9');
      return seen?.state === 'connected';
    });
    const early = await conit(['forget', 'sa-9', '--url', member(0).url]);
    expect(early.code).toBe(1);
    expect(early.text).toContain('connected');
    await spare().kill9();
    await until('it is forgotten', async () => {
      return (await conit(['forget', 'sa-9', '--url', member(0).url])).code === 0;
    });
    for (const replica of cluster.replicas) await isAt(replica, 4);
    await Promise.all(cluster.replicas.map((replica) => replica.becomeReady()));
    expect((await clusterAt(member(2)))?.forgotten).toEqual(['sa-9']);
    const answer = await call(member(0), 'PUT', '/v1/kv/demo/three?w=all', { body: 'copies' });
    expect(answer.header('conit-acks')).toBe('3/3');
    expect(await look(member(0), 'four')).toBe('copies');

    await spare().restart({ ready: false });
    await until('it has ended', () => !spare().isRunning);
    expect(readFileSync(spare().logFile, 'utf8')).toContain('"forgotten"');
    await spare().restart({ ready: false });
    await until('it ends at once', () => !spare().isRunning);
    expect(readFileSync(spare().logFile, 'utf8')).toContain(
      'was removed from the cluster: it is not a member',
    );
  });

  it('forgets a connected replica by force: the replica ends for good, without reporting a bug', async () => {
    const gone = member(1);
    await until('it is connected', async () => {
      const seen = (await clusterAt(member(0)))?.replicas.find(({ id }) => id === gone.id);
      return seen?.state === 'connected';
    });
    const forced = await conit(['forget', gone.id, '--force', '--url', member(0).url]);
    expect(forced).toMatchObject({ code: 0 });
    await until('it has ended', () => !gone.isRunning);
    const log = readFileSync(gone.logFile, 'utf8');
    expect(log).toContain('"event":"forgotten"');
    expect(log).not.toContain('"event":"failed"');
    for (const n of [0, 2]) await member(n).becomeReady();
  });
});
