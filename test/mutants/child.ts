// Runs a program in a copy to its end, or to a time limit. The processes that it started end with
// it, and all of them end with this process.

import { type ChildProcess, spawn } from 'node:child_process';

export interface Ended {
  /** `hung`: it was ended because it reached the time limit. */
  readonly code: number | 'hung';
  readonly stdout: string;
  readonly stderr: string;
}

const running = new Set<ChildProcess>();

process.on('exit', () => {
  for (const child of running) endAll(child);
});

export async function runNode(
  args: readonly string[],
  cwd: string,
  timeoutMs: number,
): Promise<Ended> {
  // A process group of its own, so that a worker in an endless loop can be ended with its parent.
  const child = spawn(process.execPath, args, {
    cwd,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const output = { stdout: '', stderr: '' };
  const watch = { isHung: false };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8');
    child[name].on('data', (text: string) => (output[name] += text));
  }
  const timer = setTimeout(() => {
    watch.isHung = true;
    endAll(child);
  }, timeoutMs);
  const code = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve(status ?? 1));
  });
  clearTimeout(timer);
  running.delete(child);
  return { code: watch.isHung ? 'hung' : code, ...output };
}

function endAll(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}
