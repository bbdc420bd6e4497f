// How a process ends, and that it keeps running, when its output is full or stuck: logs, messages,
// results.

import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Level } from 'level';
import { databasePath } from '../../src/adapters/disk/data-place.ts';
import { allLogs } from '../../src/store/layout.ts';
import { becomeReady, type Launch, type Run, urlOf, useBench } from '../support/lone-replica.ts';
import { until } from '../support/wait.ts';

const bench = useBench();
const LOUD = { CONIT_LOG_LEVEL: 'debug' };

describe('a replica whose log', () => {
  it.each([
    ['is on a full disk', fullDisk],
    ['has a reader that stands still', stuckPipe],
    ['has no reader any more', brokenPipe],
  ])('%s goes on serving, and stops in order on SIGTERM', async (_what, open) => {
    const output = open();
    const { run, env } = await serve({ stdio: ['ignore', output, 'pipe'] }, LOUD);
    expect(await put(env, 'k')).toBe(201);
    run.child.kill('SIGTERM');
    expect(await run.ended).toBe(0);
    closeSync(output);
  });

  it.each([
    ['is on a full disk', fullDisk],
    ['has a reader that stands still', stuckPipe],
    ['has no reader any more', brokenPipe],
  ])('%s, together with its messages, ends when it cannot start', async (_what, open) => {
    const { env } = await serve();
    const output = open();
    const stdio: Launch['stdio'] = ['ignore', output, output];
    const second = bench.run(['serve'], { ...env, ...LOUD }, { stdio });
    expect(await second.ended).toBe(3);
    const refused = bench.run(['serve'], { CONIT_HTTP: '0.0.0.0:80' }, { stdio });
    expect(await refused.ended).toBe(2);
    closeSync(output);
  });
});

describe('a replica', () => {
  it('that nohup started survives the end of its terminal', async () => {
    const { run, env } = await serve({ by: ['nohup'] });
    run.child.kill('SIGHUP');
    await until('it says so', () => run.output().includes('hang-up-ignored'));
    expect(await put(env, 'k')).toBe(201);
  });

  it('opens no debugger on SIGUSR1', async () => {
    const { run, env } = await serve();
    run.child.kill('SIGUSR1');
    for (let key = 0; key < 20; key++) expect(await put(env, `k${key}`)).toBe(201);
    expect(run.output()).not.toContain('Debugger listening');
    run.child.kill('SIGTERM');
    expect(await run.ended).toBe(0);
    expect(run.output()).not.toContain('Debugger listening');
  });
});

describe('a start', () => {
  it('replays nothing after an end in order, and what the logs have after a kill', async () => {
    const { run, env } = await serve({}, { CONIT_CHECKPOINT_EVERY: '1h' });
    let last: Run = run;
    const replayedAfter = async (signal: NodeJS.Signals): Promise<number> => {
      for (let n = 0; n < 20; n++) expect(await put(env, `${signal}-${n}`)).toBe(201);
      last.child.kill(signal);
      await last.ended;
      last = bench.run(['serve'], env);
      await becomeReady(last, env);
      return replayedBy(env);
    };
    expect(await replayedAfter('SIGTERM')).toBe(0);
    expect(await replayedAfter('SIGKILL')).toBe(20);
    expect(await get(env, 'SIGTERM-19')).toBe(200);
    expect(await get(env, 'SIGKILL-19')).toBe(200);
  });
});

describe('a replica with a damaged log', () => {
  it('ends at each start with its own exit code, and names the place of the damage', async () => {
    const { run, env } = await serve();
    for (const key of ['a', 'b', 'c']) expect(await put(env, key)).toBe(201);
    run.child.kill('SIGTERM');
    expect(await run.ended).toBe(0);
    await damageLog(env);
    for (let start = 0; start < 2; start++) {
      const again = bench.run(['serve'], env);
      expect(await again.ended).toBe(65);
      expect(again.output()).toMatch(/log-unreadable|cannot be read|damaged/);
    }
  });
});

/** Flips one bit of an entry in the middle, below the checksums of the file system. */
async function damageLog(env: NodeJS.ProcessEnv): Promise<void> {
  const encodings = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const;
  const store = new Level<Buffer, Buffer>(databasePath(env['CONIT_DATA_DIR'] ?? ''), encodings);
  const { from, to } = allLogs();
  const range = { gte: Buffer.from(from), lt: Buffer.from(to) };
  const entries = await store.iterator(range).all();
  const [key, value] = entries[Math.floor(entries.length / 2)] ?? [];
  if (key === undefined || value === undefined) throw new Error('the log is empty');
  const at = value.length >> 1;
  value[at] = (value[at] as number) ^ 1;
  await store.put(key, value, { sync: true });
  await store.close();
}

describe('a command whose output', () => {
  it('goes to a full disk fails with an error message', async () => {
    const { env } = await serve();
    await put(env, 'k');
    const url = ['--url', urlOf(env, '')];
    const commands = [['get', 'demo', 'k'], ['ls', 'demo'], ['status'], ['put', 'demo', 'k', 'v']];
    for (const command of commands) {
      const output = fullDisk();
      const run = bench.run([...command, ...url], {}, { stdio: ['ignore', output, 'pipe'] });
      expect([command[0], await run.ended]).toEqual([command[0], 74]);
      expect(run.output()).toContain('conit: the output could not be written: ENOSPC');
      closeSync(output);
    }
    const help = bench.run(['--help'], {}, { stdio: ['ignore', fullDisk(), 'pipe'] });
    expect(await help.ended).toBe(74);
  });

  it('has no reader any more ends without an error', async () => {
    const { env } = await serve();
    await put(env, 'k');
    const stdio: Launch['stdio'] = ['ignore', brokenPipe(), 'pipe'];
    const run = bench.run(['get', 'demo', 'k', '--url', urlOf(env, '')], {}, { stdio });
    expect(await run.ended).toBe(0);
    expect(run.output()).toBe('');
  });
});

async function serve(launch?: Launch, more: NodeJS.ProcessEnv = {}) {
  const env = { ...(await bench.settings()), ...more };
  const run = bench.run(['serve'], env, launch);
  await becomeReady(run, env);
  return { run, env };
}

async function put(env: NodeJS.ProcessEnv, key: string): Promise<number> {
  return (await fetch(urlOf(env, `/v1/kv/demo/${key}`), { method: 'PUT', body: 'v' })).status;
}

async function get(env: NodeJS.ProcessEnv, key: string): Promise<number> {
  return (await fetch(urlOf(env, `/v1/kv/demo/${key}`))).status;
}

async function replayedBy(env: NodeJS.ProcessEnv): Promise<number> {
  const text = await (await fetch(urlOf(env, '/metrics'))).text();
  return Number(/^conit_log_entries_replayed_total(?:\{[^}]*\})? (\d+)$/m.exec(text)?.[1]);
}

function fullDisk(): number {
  return openSync('/dev/full', 'w');
}

let pipes = 0;

/** The writing end of a pipe, and the reading end. */
function openPipe(): readonly [number, number] {
  const path = join(bench.folder, `pipe-${++pipes}`);
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return [openSync(path, 'w'), reader];
}

/** A pipe that is full and that no process reads. */
function stuckPipe(): number {
  const [writer] = openPipe();
  const own = openSync(`/proc/self/fd/${writer}`, constants.O_WRONLY | constants.O_NONBLOCK);
  for (const bytes of [4096, 1]) fillWith(own, Buffer.alloc(bytes));
  closeSync(own);
  return writer;
}

function fillWith(fd: number, piece: Buffer): void {
  try {
    for (;;) writeSync(fd, piece);
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe('EAGAIN');
  }
}

function brokenPipe(): number {
  const [writer, reader] = openPipe();
  closeSync(reader);
  return writer;
}
