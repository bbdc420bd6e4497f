// One member is lost for good and another has lost its disk: no majority can agree on anything,
// although a complete copy exists. `conit recover` continues from it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { call, tryCall } from '../support/call.ts';
import { startCluster, type TestCluster, type TestReplica } from '../support/processes.ts';
import { look } from '../support/kv.ts';
import { until } from '../support/wait.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'conit-recover-'));
const program = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js');
const PATIENCE_MS = 120_000;
let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startCluster({
    dataDir,
    env: { CONIT_PEER_TIMEOUT: '1s' },
    readyTimeoutMs: PATIENCE_MS,
  });
}, PATIENCE_MS);
afterAll(async () => {
  await cluster.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

const member = (n: number): TestReplica => cluster.replicas[n] as TestReplica;

async function recover(...args: readonly string[]): Promise<{ code: number; text: string }> {
  const child = spawn(process.execPath, [program, 'recover', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data: Buffer) => void (text += data.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, text };
}

it(
  'the survivor continues with the wiped replica, and the replica that was given up is refused when it returns',
  async () => {
    const [whole, wiped, dead] = [member(0), member(1), member(2)];
    const put = await call(whole, 'PUT', '/v1/kv/demo/kept?w=all', { body: 'copies' });
    expect(put.status).toBe(201);
    await Promise.all(cluster.replicas.map((replica) => replica.kill9()));
    rmSync(wiped.dataDir, { recursive: true });
    const flags = ['--data', whole.dataDir, '--give-up', dead.id];
    const intact = await recover(...flags, '--accept-data-loss');
    expect(intact).toMatchObject({ code: 1 });
    expect(intact.text).toContain('use conit forget');
    const told = await recover(...flags, '--lost', wiped.id);
    expect(told).toMatchObject({ code: 2 });
    expect(told.text).toContain(`is lost for good`);
    const done = await recover(...flags, '--lost', wiped.id, '--accept-data-loss');
    expect(done).toMatchObject({ code: 0 });
    expect(done.text).toContain('epoch 2: ');

    await Promise.all([whole, wiped].map((replica) => replica.restart()));
    for (const replica of [whole, wiped]) expect(await look(replica, 'kept')).toBe('copies');
    const both = await call(wiped, 'PUT', '/v1/kv/demo/new?w=all', { body: 'v' });
    expect(both.header('conit-acks')).toBe('2/2');

    await dead.restart({ ready: false });
    await until('it is turned away', () => !dead.isRunning, PATIENCE_MS);
    expect((await tryCall(whole, 'GET', '/readyz')).kind).toBe('reply');
  },
  3 * PATIENCE_MS,
);
