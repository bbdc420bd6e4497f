// One replica of a local cluster as a child process.
//
//   idle -> running -> waiting -> running …   it ended and is started again
//                   -> ended                  it was stopped, or restarts are off
//                   -> given-up               it keeps failing soon after its start
//
// Children have a process group of their own, so Ctrl-C reaches only the parent, which then stops
// them in order. Each child has a channel to the parent and stops itself when the channel closes.

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { childEnvironment } from '../../config/load.ts';
import { NODE_FLAGS } from '../node-flags.ts';
import { openLogFile } from './log-file.ts';
import type { PlannedReplica } from './plan.ts';
import { createRestartPolicy } from './restart.ts';

type ChildState = 'idle' | 'running' | 'waiting' | 'ended' | 'given-up';

interface ChildListener {
  onLine(child: Child, line: string): void;
  onEvent(child: Child, text: string): void;
}

export interface Child {
  readonly plan: PlannedReplica;
  readonly state: ChildState;
  readonly pid: number | undefined;
  start(): void;
  /** Asks it to stop in order; resolves when it has ended. */
  stop(): Promise<void>;
  kill(): void;
}

const SCRIPT = fileURLToPath(import.meta.url).replace(/cluster[/\\]child(\.\w+)$/, 'main$1');

export function createChild(
  plan: PlannedReplica,
  restarts: boolean,
  listener: ChildListener,
): Child {
  const policy = createRestartPolicy();
  let state: ChildState = 'idle';
  let running: ChildProcess | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isStopping = false;
  let onEnded: (() => void) | undefined;

  const start = (): void => {
    state = 'running';
    running = launch(plan, (line) => listener.onLine(child, line));
    const bornMs = performance.now();
    running.once('close', (code, signal) => {
      running = undefined;
      onDeath(performance.now() - bornMs, code, signal);
    });
  };

  const onDeath = (livedMs: number, code: number | null, signal: string | null): void => {
    if (isStopping || !restarts) {
      state = 'ended';
      if (!isStopping) listener.onEvent(child, `ended (${describe(code, signal)}); ${HOW_BACK}`);
      onEnded?.();
      return;
    }
    const decision = policy.onDeath(livedMs, code);
    if (decision.kind === 'give-up') {
      state = 'given-up';
      listener.onEvent(child, `is not started again: ${decision.reason}; see ${plan.logFile}`);
      return;
    }
    state = 'waiting';
    const when = `${decision.delayMs} ms`;
    listener.onEvent(child, `ended (${describe(code, signal)}), starts again in ${when}`);
    timer = setTimeout(start, decision.delayMs);
  };

  const child: Child = {
    plan,
    get state() {
      return state;
    },
    get pid() {
      return running?.pid;
    },
    start,
    async stop() {
      isStopping = true;
      clearTimeout(timer);
      if (running === undefined) {
        state = 'ended';
        return;
      }
      const ended = new Promise<void>((resolve) => (onEnded = resolve));
      running.kill('SIGTERM');
      await ended;
    },
    kill: () => void running?.kill('SIGKILL'),
  };
  return child;
}

const HOW_BACK =
  'restart the cluster to start it again; with --restart the cluster does so by itself';

function launch(plan: PlannedReplica, onLine: (line: string) => void): ChildProcess {
  // Two processes cannot open the same debugger port.
  const nodeArgs = process.execArgv.filter((argument) => !argument.startsWith('--inspect'));
  // The last of two flags with the same name counts.
  const child = spawn(process.execPath, [...NODE_FLAGS, ...nodeArgs, SCRIPT, 'serve'], {
    env: childEnvironment(plan.environment),
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: true,
  });
  const log = openLogFile(plan.logFile);
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (line) => {
      log.write(`${line}\n`);
      onLine(line);
    });
  }
  child.once('error', (error) => onLine(error.message));
  child.once('close', () => log.close());
  return child;
}

function describe(code: number | null, signal: string | null): string {
  return signal === null ? `exit code ${code}` : signal;
}
