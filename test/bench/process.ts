// Server processes of a run: started with their output in a log file, watched, and ended one by
// one. The end of the bench, for any reason, ends them too. Ports are free ones on loopback.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const stopTimeoutMs = 5_000;
const readyTimeoutMs = 30_000;
const running = new Set<Server>();

interface Command {
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The folder of data and log of the process; made if it does not exist. */
  readonly folder: string;
}

export class Server {
  readonly name: string;
  readonly folder: string;
  readonly #child: ChildProcess;
  readonly #log: string;
  #spawnError: string | undefined;

  constructor({ name, file, args, env, folder }: Command) {
    mkdirSync(folder, { recursive: true });
    this.name = name;
    this.folder = folder;
    this.#log = join(folder, 'output.log');
    const log = openSync(this.#log, 'a');
    this.#child = spawn(file, args, {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    running.add(this);
    this.#child.on('exit', () => running.delete(this));
    this.#child.on('error', (error) => {
      running.delete(this);
      this.#spawnError = error.message;
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Polls until `probe` is true; throws with the end of the log if that does not happen. */
  async becomeReady(probe: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + readyTimeoutMs;
    while (performance.now() < deadline) {
      if (this.#spawnError !== undefined) throw new Error(`${this.name}: ${this.#spawnError}`);
      if (this.#child.exitCode !== null)
        throw new Error(`${this.name} ended: ${this.#lastWords()}`);
      if (await probe().catch(() => false)) return;
      await sleep(100);
    }
    throw new Error(`${this.name} was not ready in ${readyTimeoutMs} ms: ${this.#lastWords()}`);
  }

  async stop(): Promise<void> {
    if (!running.has(this)) return;
    const ended = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.kill(), stopTimeoutMs);
    await ended;
    clearTimeout(timer);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #lastWords(): string {
    return readFileSync(this.#log, 'utf8').slice(-600).trim();
  }
}

process.on('exit', () => {
  for (const server of running) server.kill();
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

/** Ends the servers whose folder is below this one. */
export async function stopServersIn(folder: string): Promise<void> {
  const isInside = (server: Server) => `${server.folder}/`.startsWith(`${folder}/`);
  const inside = [...running].filter(isInside);
  await Promise.all(inside.map((server) => server.stop()));
}

/** Free ports of 127.0.0.1; all are bound at the same time, so they differ. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const holders = await Promise.all(Array.from({ length: count }, holdPort));
  await Promise.all(holders.map(({ release }) => release()));
  return holders.map(({ port }) => port);
}

function holdPort(): Promise<{ port: number; release: () => Promise<void> }> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      resolve({ port, release: () => new Promise((done) => server.close(() => done())) });
    });
  });
}
