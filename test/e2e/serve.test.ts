// `conit serve` as a process of its own: how it starts, what it never shows, how it ends.

import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Level } from 'level';
import { describe, expect, it } from 'vitest';
import { tipKey } from '../../src/store/tip.ts';
import { becomeReady, CANARY, type Run, useBench } from '../support/lone-replica.ts';

const bench = useBench();
const settings = (): Promise<NodeJS.ProcessEnv> => bench.settings();
const conit = (args: readonly string[], env: NodeJS.ProcessEnv, withChannel = false): Run =>
  bench.run(args, env, {
    stdio: ['ignore', 'pipe', 'pipe', withChannel ? 'ipc' : 'ignore'],
  });

async function bodiesOf(env: NodeJS.ProcessEnv, paths: readonly string[]): Promise<string> {
  const bodies = paths.map(async (path) =>
    (await fetch(`http://${env['CONIT_HTTP']}${path}`)).text(),
  );
  return (await Promise.all(bodies)).join('\n');
}

function filesBelow(place: string): string[] {
  return readdirSync(place, { recursive: true, encoding: 'utf8' })
    .map((name) => join(place, name))
    .filter((name) => statSync(name).isFile());
}

describe('a replica', () => {
  it('shows its secret nowhere, and stops in order on SIGTERM', async () => {
    const env = await settings();
    const run = conit(['serve', '--log-level', 'debug'], env);
    await becomeReady(run, env);
    await fetch(`http://${env['CONIT_HTTP']}/v1/kv/demo/k?w=majority`, {
      method: 'PUT',
      body: 'v',
    });
    const paths = ['/metrics', '/v1/cluster', '/v1/namespaces', '/openapi.json', '/readyz?verbose'];
    const shown = await bodiesOf(env, paths);
    const commandLine = readFileSync(`/proc/${run.child.pid}/cmdline`, 'utf8');
    run.child.kill('SIGTERM');
    expect(await run.ended).toBe(0);
    const stored = filesBelow(bench.folder).map((name) => readFileSync(name, 'latin1'));
    expect(run.output()).toContain('"event":"stopped"');
    for (const text of [shown, commandLine, run.output(), ...stored])
      expect(text).not.toContain(CANARY);
    const modes = filesBelow(bench.folder).map((name) => statSync(name).mode & 0o077);
    expect(new Set(modes)).toEqual(new Set([0]));
  });

  it('stops in order when its parent process is gone', async () => {
    const env = await settings();
    const run = conit(['serve'], env, true);
    await becomeReady(run, env);
    run.child.disconnect();
    expect(await run.ended).toBe(0);
    expect(run.output()).toContain('the parent process is gone');
  });

  it('does not start if another process has the data or the port', async () => {
    const env = await settings();
    const first = conit(['serve'], env);
    await becomeReady(first, env);
    const onData = conit(['serve'], {
      ...(await settings()),
      CONIT_DATA_DIR: env['CONIT_DATA_DIR'],
    });
    expect(await onData.ended).toBe(3);
    expect(onData.output()).toContain('is in use by another process');
    const other = join(bench.folder, 'other');
    const onPort = conit(['serve'], {
      ...(await settings()),
      CONIT_DATA_DIR: other,
      CONIT_HTTP: env['CONIT_HTTP'],
    });
    expect(await onPort.ended).toBe(3);
    expect(onPort.output()).toContain('EADDRINUSE');
    const verify = conit(['wal', 'verify', '--data', env['CONIT_DATA_DIR'] ?? ''], {});
    expect(await verify.ended).toBe(3);
    expect(verify.output()).toContain('stop the replica first');
  });

  it('stops itself if its data is not whole, and wal verify explains why', async () => {
    const env = await settings();
    const first = conit(['serve'], env);
    await becomeReady(first, env);
    const url = `http://${env['CONIT_HTTP']}/v1/kv/demo/k`;
    const written = await fetch(url, { method: 'PUT', body: 'v' });
    expect(written.status).toBe(201);
    first.child.kill('SIGKILL');
    await first.ended;
    const dataDir = env['CONIT_DATA_DIR'] ?? '';
    await damage(join(dataDir, 'log'));
    const verify = conit(['wal', 'verify', '--data', dataDir, '-o', 'json'], {});
    expect(await verify.ended).toBe(1);
    expect(JSON.parse(verify.output())).toMatchObject({ ok: false });
    const again = conit(['serve'], env);
    expect(await again.ended).toBe(65);
    expect(again.output()).toContain('"event":"damaged"');
  });

  it('does not start on the data of another replica', async () => {
    const env = await settings();
    const first = conit(['serve'], env);
    await becomeReady(first, env);
    first.child.kill('SIGTERM');
    await first.ended;
    const other = conit(['serve'], { ...env, CONIT_REPLICA: 'eu-2' });
    expect(await other.ended).toBe(2);
    expect(other.output()).toContain('belongs to the replica eu-1, but this replica is eu-2');
  });
});

/** Changes one byte of the value that says how far the logs go. */
async function damage(database: string): Promise<void> {
  const level = new Level<Buffer, Buffer>(database, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
  });
  const key = Buffer.from(tipKey());
  const value = await level.get(key);
  value[3] = (value[3] ?? 0) ^ 1;
  await level.put(key, value);
  await level.close();
}

describe('the configuration', () => {
  it('is refused with every mistake listed, and the secret is not repeated', async () => {
    const weak = 'changemechangeme-weak';
    const run = conit(['serve', '--heartbeat', 'soon'], {
      CONIT_CLUSTER_SECRET: 'changemechangeme',
      CONIT_HTTP: '0.0.0.0:80',
    });
    expect(await run.ended).toBe(2);
    expect(run.output().trimEnd().split('\n')).toEqual([
      'conit: the configuration is refused:',
      '  --heartbeat must be 10ms to 1m',
      '  CONIT_CLUSTER_SECRET is easy to guess; make one with: openssl rand -hex 32',
      '  CONIT_REPLICA (--replica) is required',
      expect.stringContaining('  CONIT_HTTP (--http) 0.0.0.0:80 is not a loopback address'),
    ]);
    expect(run.output()).not.toContain(weak.slice(0, 16));
  });

  it('is printed with the secret masked', async () => {
    const secretFile = join(bench.folder, 'secret');
    writeFileSync(secretFile, CANARY, { mode: 0o600 });
    const env = { ...(await settings()), CONIT_CLUSTER_SECRET: undefined };
    const run = conit(['serve', '--print-config'], {
      ...env,
      CONIT_CLUSTER_SECRET_FILE: secretFile,
    });
    expect(await run.ended).toBe(0);
    expect(run.output()).toContain('replica: eu-1');
    expect(run.output()).not.toContain(CANARY);
    const masked = conit(['serve', '--print-config', '-o', 'json'], await settings());
    expect(await masked.ended).toBe(0);
    expect(JSON.parse(masked.output())).toMatchObject({ clusterSecret: '(masked)' });
  });

  it('has a schema', async () => {
    const run = conit(['serve', '--print-schema'], {});
    expect(await run.ended).toBe(0);
    expect(JSON.parse(run.output())).toMatchObject({ type: 'object', additionalProperties: false });
  });
});
