// A cluster of real processes: the built server, one process for each replica, on loopback. Each
// replica keeps its ports and its data when it is killed or restarted. When the test run ends, for
// whatever reason, the processes end too: each has a channel to it, and stops in order when the
// channel closes.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from './ports.ts';
import { GUARD_MS } from './wait.ts';

const repository = join(import.meta.dirname, '..', '..');
const program = join(repository, 'dist', 'cli', 'main.js');
const regionsDefault: readonly string[] = ['eu', 'us', 'ap'];
const stopTimeoutMs = 240_000;
const COUNT_DEFAULT = 3;

export interface ClusterOptions {
  /** The number of replicas, one for each region in turn; 3 by default. */
  readonly replicas?: number;
  readonly regions?: readonly string[];
  /** The regions of replicas that are not members; a test starts them. */
  readonly spares?: readonly string[];
  /**
   * An existing or new folder: `<dataDir>/<id>/` holds the data, `<dataDir>/<id>.log` the output.
   */
  readonly dataDir: string;
  /** Further environment of every replica, which takes precedence over the settings here. */
  readonly env?: Readonly<Record<string, string>>;
  /** Settings of single replicas, in addition. */
  readonly envOf?: (id: string) => Readonly<Record<string, string>>;
  /** The port under which `from` dials `to`, which listens at `port`: for a proxy between them. */
  readonly route?: (from: string, to: string, port: number) => number;
  /** How long a start may take until `/readyz` answers 200. */
  readonly readyTimeoutMs?: number;
}

export interface TestReplica {
  readonly id: string;
  readonly region: string;
  /** Base of the HTTP API, without a slash at the end. */
  readonly url: string;
  readonly httpPort: number;
  readonly peerPort: number;
  readonly dataDir: string;
  readonly logFile: string;
  /** 0 while the process does not run. */
  readonly pid: number;
  readonly isRunning: boolean;
  /** True if it has been ready in this incarnation. */
  readonly isReady: boolean;
  /** SIGKILL; resolves with the signal that ended the process, once it has ended. */
  kill9(): Promise<NodeJS.Signals | undefined>;
  /**
   * SIGTERM and an orderly end; resolves with the exit code, or `undefined` if it had to be killed.
   */
  stop(): Promise<number | undefined>;
  /** SIGSTOP: the process exists and answers nothing. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** Starts it again if it does not run, and waits until it is ready unless `{ ready: false }`. */
  restart(options?: RestartOptions): Promise<void>;
  becomeReady(): Promise<void>;
}

export interface RestartOptions {
  readonly ready?: boolean;
  /** For this incarnation, in addition to its permanent settings. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface TestCluster {
  readonly replicas: readonly TestReplica[];
  /** Replicas that know themselves and the members. */
  readonly spares: readonly TestReplica[];
  /** The shared secret, for tests of where it must not appear. */
  readonly secret: string;
  stop(): Promise<void>;
}

/** Starts a cluster and waits until every replica is ready. */
export async function startCluster(options: ClusterOptions): Promise<TestCluster> {
  const secret = randomBytes(32).toString('hex');
  const planned = await planReplicas(options, secret);
  const count = options.replicas ?? COUNT_DEFAULT;
  const replicas = planned.slice(0, count);
  const spares = planned.slice(count);
  try {
    await Promise.all(replicas.map((replica) => replica.restart()));
  } catch (error) {
    await Promise.all(replicas.map((replica) => replica.kill9()));
    throw error;
  }
  return {
    replicas,
    spares,
    secret,
    async stop() {
      await Promise.all(planned.map((replica) => replica.stop()));
    },
  };
}

async function planReplicas(options: ClusterOptions, secret: string): Promise<TestReplica[]> {
  const { replicas: count = COUNT_DEFAULT, regions = regionsDefault, dataDir } = options;
  const { spares = [] } = options;
  const all = count + spares.length;
  const ports = await freePorts(all * 2);
  const places = Array.from({ length: all }, (_, at) => {
    const region = spares[at - count] ?? regions[at % regions.length] ?? 'eu';
    const id = at < count ? `${region}-${Math.floor(at / regions.length) + 1}` : `${region}-9`;
    return { id, region, httpPort: ports[at] ?? 0, peerPort: ports[all + at] ?? 0 };
  });
  const members = places.slice(0, count);
  const { route = (_from, _to, port) => port, envOf = () => ({}) } = options;
  const portFor = (from: Place, to: Place): number =>
    from === to ? to.peerPort : route(from.id, to.id, to.peerPort);
  return places.map((place) => {
    const known = members.includes(place) ? members : [...members, place];
    const env = {
      CONIT_REPLICA: place.id,
      CONIT_PEERS: known.map((to) => entryOf(to, portFor(place, to))).join(','),
      CONIT_HTTP: `127.0.0.1:${place.httpPort}`,
      CONIT_DATA_DIR: join(dataDir, place.id),
      CONIT_CLUSTER_SECRET: secret,
      ...options.env,
      ...envOf(place.id),
    };
    return createReplica(place, dataDir, env, options.readyTimeoutMs ?? GUARD_MS);
  });
}

/** The entry of the replica in the cluster's list. */
function entryOf({ id, region, httpPort }: Place, peerPort: number): string {
  return `${id}=${region}@127.0.0.1:${peerPort};http=http://127.0.0.1:${httpPort}`;
}

interface Place {
  readonly id: string;
  readonly region: string;
  readonly httpPort: number;
  readonly peerPort: number;
}

function createReplica(
  place: Place,
  folder: string,
  env: Readonly<Record<string, string>>,
  readyTimeoutMs: number,
): TestReplica {
  const logFile = join(folder, `${place.id}.log`);
  const url = `http://127.0.0.1:${place.httpPort}`;
  let child: ChildProcess | undefined;
  let wasReady = false;
  let how = '';
  const launch = (more: Readonly<Record<string, string>>): void => {
    mkdirSync(folder, { recursive: true });
    const started = spawnServer({ ...env, ...more }, logFile);
    started.once('exit', (code, signal) => {
      how = signal ?? `code ${code}`;
      if (child === started) child = undefined;
    });
    child = started;
    wasReady = false;
  };
  const becomeReady = async (): Promise<void> => {
    const deadline = performance.now() + readyTimeoutMs;
    while (performance.now() < deadline) {
      if (child === undefined) {
        throw new Error(`${place.id} ended (${how}): ${lastWords(logFile)}`);
      }
      if (await isReady(url)) {
        wasReady = true;
        return;
      }
      await sleep(50);
    }
    throw new Error(`${place.id} was not ready in ${readyTimeoutMs} ms: ${lastWords(logFile)}`);
  };
  return {
    ...place,
    url,
    dataDir: env['CONIT_DATA_DIR'] ?? '',
    logFile,
    get pid() {
      return child?.pid ?? 0;
    },
    get isRunning() {
      return child !== undefined;
    },
    get isReady() {
      return wasReady;
    },
    kill9: async () => (await end(child, 'SIGKILL')).signal,
    stop: async () => (await end(child, 'SIGTERM')).code,
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    becomeReady,
    async restart({ ready = true, env: more = {} } = {}) {
      if (child === undefined) launch(more);
      if (ready) await becomeReady();
    },
  };
}

const running = new Set<ChildProcess>();

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

function spawnServer(env: Readonly<Record<string, string>>, logFile: string): ChildProcess {
  const log = openSync(logFile, 'a');
  const child = spawn(process.execPath, [program, 'serve'], {
    env: { ...surroundings(), ...env },
    stdio: ['ignore', log, log, 'ipc'],
  });
  child.channel?.unref();
  closeSync(log);
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

// Settings in the environment of the test run must not reach the cluster under test.
function surroundings(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('CONIT_')),
  );
}

interface End {
  readonly code?: number;
  readonly signal?: NodeJS.Signals;
}

async function end(child: ChildProcess | undefined, signal: 'SIGTERM' | 'SIGKILL'): Promise<End> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return {};
  const ended = once(child, 'exit');
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
  const [code, killedBy] = (await ended) as [number | null, NodeJS.Signals | null];
  clearTimeout(timer);
  return { ...(code === null ? {} : { code }), ...(killedBy === null ? {} : { signal: killedBy }) };
}

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(1000) });
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    return false;
  }
}

function lastWords(logFile: string): string {
  return readFileSync(logFile, 'utf8').slice(-1500).trim();
}
