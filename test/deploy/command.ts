// Programs of other projects, run to their end: promtool, docker, sh.

import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { GUARD_MS } from '../support/wait.ts';
import { interrupted } from './interrupt.ts';

export const repository = join(import.meta.dirname, '..', '..');

export interface Command {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  /** True if the command removes something, so it runs even after an interrupt. */
  readonly isCleanup?: boolean;
}

export interface Ended {
  readonly ok: boolean;
  readonly stdout: string;
  /** Its whole output, for people. */
  readonly output: string;
}

export function has(program: string, ...args: string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore', timeout: GUARD_MS }).status === 0;
}

/**
 * Ctrl-C in a terminal does not reach it, because it has a process group of its own; this process
 * ends it.
 */
export function run(file: string, args: readonly string[], how: Command = {}): Promise<Ended> {
  const { input, env = {}, timeoutMs = GUARD_MS, isCleanup = false } = how;
  const timeout = AbortSignal.timeout(timeoutMs);
  const child = spawn(file, args, {
    cwd: repository,
    env: { ...process.env, ...env },
    stdio: 'pipe',
    detached: true,
    killSignal: 'SIGTERM',
    signal: isCleanup ? timeout : AbortSignal.any([timeout, interrupted]),
  });
  let stdout = '';
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stdin.on('error', () => undefined).end(input);
  return new Promise((resolve) => {
    let trouble = '';
    child.on('error', (error) => {
      trouble = timeout.aborted ? `not done in ${timeoutMs} ms` : error.message;
      if (child.pid === undefined) resolve({ ok: false, stdout, output: trouble });
    });
    child.on('close', (code) => resolve({ ok: code === 0, stdout, output: output + trouble }));
  });
}

/** Its output; throws the end of it if the program failed. */
export async function must(file: string, args: readonly string[], how?: Command): Promise<string> {
  const { ok, stdout, output } = await run(file, args, how);
  if (ok) return stdout.trim();
  throw new Error(`${file} ${args.slice(0, 4).join(' ')}: ${output.trim().slice(-800)}`);
}
