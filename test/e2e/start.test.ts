// What a newcomer sees: `npm start` starts three regions, the commands that it prints work when
// they are pasted, and after Ctrl-C only the data remains.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { call } from '../support/call.ts';
import { freeBasePort } from '../support/ports.ts';
import { descendantsOf, isAlive } from '../support/proc.ts';
import { until } from '../support/wait.ts';

const repository = join(import.meta.dirname, '..', '..');
const script = '/usr/bin/script';
const hasScript = existsSync(script);

interface Run {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly readyMs: number;
}

let dataDir: string;
let base: number;
let run: Run | undefined;

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'conit-start-'));
  base = await freeBasePort([0, 1, 10, 11, 20, 21]);
});

afterEach(async () => {
  if (run !== undefined) await endAll(run.child);
  run = undefined;
  rmSync(dataDir, { recursive: true, force: true });
});

describe('npm start, after installation and build', () => {
  it('starts three replicas, and reports when they are ready', async () => {
    run = await start();
    console.log(`npm start: three replicas ready after ${Math.round(run.readyMs)} ms`);
    expect(run.readyMs).toBeGreaterThan(0);
  });

  it('prints commands that work when pasted', async () => {
    run = await start();
    const [write = '', read = '', ...others] = commandsIn(run.output());
    const written = await paste(write);
    expect(written).toMatch(/^HTTP\/1\.1 201 /);
    expect(written).toMatch(/^Conit-Acks: [23]\/3\r?$/im);
    const found = await until('the other region shows it', async () => {
      const reply = await paste(read);
      return reply.startsWith('HTTP/1.1 200 ') && reply;
    });
    expect(found).toMatch(/\r\n\r\nHello, world$/);
    for (const other of others) expect(await paste(other)).toContain('ap-1');
    expect(others.length).toBeGreaterThan(0);
  });

  it('ends on Ctrl-C with code 0, leaves no process, and keeps the data', async () => {
    run = await start();
    const { child } = run;
    await call(place(0), 'PUT', '/v1/kv/demo/kept?w=3', { body: 'kept' });
    const started = descendantsOf(child.pid ?? 0);
    expect(started.length).toBeGreaterThanOrEqual(4);
    child.kill('SIGINT');
    expect(await exitOf(child)).toBe(0);
    expect(started.filter(isAlive)).toEqual([]);
    run = await start();
    expect((await call(place(2), 'GET', '/v1/kv/demo/kept')).text).toBe('kept');
  });

  // The signal reaches the cluster directly, and again from the script that started it.
  it('stops in order when its whole process group is interrupted', async () => {
    run = await start();
    const { child } = run;
    await call(place(0), 'PUT', '/v1/kv/demo/kept?w=3', { body: 'kept' });
    const started = descendantsOf(child.pid ?? 0);
    process.kill(-(child.pid ?? 0), 'SIGINT');
    expect(await exitOf(child)).toBe(0);
    expect(started.filter(isAlive)).toEqual([]);
  });

  // Not run where there is no script(1), which gives the command a terminal.
  it.runIf(hasScript)('stops in order on one Ctrl-C in a terminal', async () => {
    // A shell that waits for the command, without exec, would exit with its own 130.
    const command = `exec "${process.execPath}" scripts/start.mjs ${flags().join(' ')}`;
    run = await start([script, '-qec', command, '/dev/null']);
    const { child } = run;
    const started = descendantsOf(child.pid ?? 0);
    child.stdin?.write('\x03');
    expect(await exitOf(child)).toBe(0);
    expect(started.filter(isAlive)).toEqual([]);
    expect(run.output()).toContain('stopping');
  });

  it('ends its replicas when it is itself killed', async () => {
    run = await start();
    const { child } = run;
    const started = descendantsOf(child.pid ?? 0);
    for (const pid of [child.pid ?? 0, ...descendantsOf(child.pid ?? 0).slice(0, 1)]) {
      process.kill(pid, 'SIGKILL');
    }
    await until('all have ended', () => !started.some(isAlive));
    expect(isAlive(child.pid ?? 0)).toBe(false);
  });
});

function flags(): string[] {
  return ['--data', dataDir, '--http-port', String(base)];
}

async function start(
  command: readonly string[] = [process.execPath, 'scripts/start.mjs', ...flags()],
): Promise<Run> {
  const begun = performance.now();
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    cwd: repository,
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => (output += data.toString()));
  }
  await until('all are ready', () => isReady(child, output));
  return { child, output: () => output, readyMs: performance.now() - begun };
}

async function isReady(child: ChildProcess, output: string): Promise<boolean> {
  if (child.exitCode !== null) throw new Error(`it ended: ${output}`);
  if (!output.includes('Ctrl-C')) return false;
  const replies = await Promise.all([0, 1, 2].map((at) => call(place(at), 'GET', '/readyz')));
  return replies.every(({ status }) => status === 200);
}

function place(at: number) {
  return { id: `replica ${at}`, httpPort: base + 10 * at };
}

/** The commands are indented below their descriptions. */
function commandsIn(output: string): string[] {
  return output.split('\n').filter((line) => /^ {2}[a-z]+ /.test(line));
}

async function paste(command: string): Promise<string> {
  const { stdout } = await promisify(execFile)('sh', ['-c', command], { cwd: repository });
  return stdout;
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode;
  const [code] = (await once(child, 'exit')) as [number | null];
  return code;
}

/** Removes the files of a failed test. */
async function endAll(child: ChildProcess): Promise<void> {
  const pids = [child.pid ?? 0, ...descendantsOf(child.pid ?? 0)].filter(isAlive);
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  await until('everything has ended', () => !pids.some(isAlive));
}
