// `conit` as a process of its own, with a folder for its data: for tests of one process without a
// cluster.

import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach } from 'vitest';
import { freePorts } from './ports.ts';

const SCRIPT = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js');
export const CANARY = 'canary-9Qw3-zR7t-Lm2x-Vb8n';

export interface Run {
  readonly child: ChildProcess;
  /** Its output on the pipes that it was given. */
  readonly output: () => string;
  /** The exit code, once it has ended. */
  readonly ended: Promise<number | null>;
}

export interface Launch {
  readonly stdio?: StdioOptions;
  /** The program that runs it, such as `['nohup']`. */
  readonly by?: readonly string[];
}

export interface Bench {
  readonly folder: string;
  run(args: readonly string[], env: NodeJS.ProcessEnv, launch?: Launch): Run;
  /** For one replica alone, with its data in `folder`. */
  settings(): Promise<NodeJS.ProcessEnv>;
}

/** A folder for each test; processes that were started in it are killed when the test is over. */
export function useBench(): Bench {
  let folder = '';
  let runs: Run[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'conit-serve-'));
    runs = [];
  });
  afterEach(async () => {
    for (const { child } of runs) child.kill('SIGKILL');
    await Promise.all(runs.map(({ ended }) => ended));
    rmSync(folder, { recursive: true });
  });
  return {
    get folder() {
      return folder;
    },
    run(args, env, launch) {
      const run = start(args, env, launch);
      runs.push(run);
      return run;
    },
    async settings() {
      const [http, peer] = await freePorts(2);
      return {
        CONIT_REPLICA: 'eu-1',
        CONIT_REGION: 'eu',
        CONIT_HTTP: `127.0.0.1:${http}`,
        CONIT_PEER: `127.0.0.1:${peer}`,
        CONIT_DATA_DIR: join(folder, 'eu-1'),
        CONIT_CLUSTER_SECRET: CANARY,
      };
    },
  };
}

function start(args: readonly string[], env: NodeJS.ProcessEnv, launch: Launch = {}): Run {
  const { stdio = ['ignore', 'pipe', 'pipe'], by = [] } = launch;
  const ours = Object.entries(process.env).filter(([name]) => !name.startsWith('CONIT_'));
  const [program = process.execPath, ...rest] = [...by, process.execPath, SCRIPT, ...args];
  const child = spawn(program, rest, { env: { ...Object.fromEntries(ours), ...env }, stdio });
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  // Node gives no `close` to a child whose channel was disconnected.
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const streams = [child.stdout, child.stderr].flatMap((stream) => stream ?? []);
  const ended = Promise.all([exited, ...streams.map((stream) => finished(stream))]);
  return { child, output: () => text, ended: ended.then(([code]) => code) };
}

export function urlOf(env: NodeJS.ProcessEnv, path: string): string {
  return `http://${env['CONIT_HTTP']}${path}`;
}

/** Waits as long as the process runs. */
export async function becomeReady(run: Run, env: NodeJS.ProcessEnv): Promise<void> {
  for (;;) {
    if (run.child.exitCode !== null) throw new Error(`it ended: ${run.output()}`);
    const answer = await fetch(urlOf(env, '/readyz')).catch(() => undefined);
    if (answer?.ok === true) return;
    await sleep(50);
  }
}
