// A Prometheus: the files of deploy/ with short intervals and other addresses, its process, and
// queries over its HTTP API.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { freePorts } from '../support/ports.ts';
import { repository } from './command.ts';
import { GUARD_MS } from '../support/wait.ts';
import { waitFor } from './interrupt.ts';

const deploy = join(repository, 'deploy');

export interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
}

interface Rules {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[];
}

export function alertRules(): readonly Rule[] {
  const { groups } = parse(readFileSync(join(deploy, 'alerts.yml'), 'utf8')) as Rules;
  return groups.flatMap(({ rules }) => rules);
}

interface Config {
  readonly scrape_configs: readonly object[];
}

export interface Target {
  readonly region: string;
  readonly httpPort: number;
}

/** A copy of deploy/, beside a token. */
export function copyDeploy(folder: string, tokenFile: string): string {
  mkdirSync(join(folder, 'secrets'), { recursive: true });
  for (const name of ['prometheus.yml', 'alerts.yml', 'alerts.test.yml']) {
    copyFileSync(join(deploy, name), join(folder, name));
  }
  copyFileSync(tokenFile, join(folder, 'secrets', 'metrics-token'));
  return join(folder, 'prometheus.yml');
}

/**
 * The same rules and the same job, evaluated twice a second; no alert waits longer than three
 * seconds.
 */
export function makeQuick(folder: string, targets: readonly Target[]): void {
  const configFile = join(folder, 'prometheus.yml');
  const config = parse(readFileSync(configFile, 'utf8')) as Config;
  const static_configs = targets.map(({ region, httpPort }) => ({
    targets: [`127.0.0.1:${httpPort}`],
    labels: { region },
  }));
  const global = {
    scrape_interval: '500ms',
    scrape_timeout: '500ms',
    evaluation_interval: '500ms',
  };
  const scrape_configs = config.scrape_configs.map((job) => ({ ...job, static_configs }));
  writeFileSync(configFile, stringify({ ...config, global, scrape_configs }));
  const rulesFile = join(folder, 'alerts.yml');
  const { groups } = parse(readFileSync(rulesFile, 'utf8')) as Rules;
  const quick = groups.map((group) => ({
    ...group,
    rules: group.rules.map((rule) => ({ ...rule, for: rule.for === '0s' ? '0s' : '3s' })),
  }));
  writeFileSync(rulesFile, stringify({ groups: quick }));
}

const running = new Set<ChildProcess>();

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface PrometheusProcess extends PrometheusApi {
  stop(): Promise<void>;
}

export async function startPrometheus(folder: string): Promise<PrometheusProcess> {
  const [port = 0] = await freePorts(1);
  const args = [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--log.level=warn',
  ];
  const child = spawn('prometheus', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  running.add(child);
  child.once('exit', () => running.delete(child));
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-800)));
  const api = prometheusAt(`http://127.0.0.1:${port}`);
  const stop = async (): Promise<void> => {
    if (!running.has(child)) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), GUARD_MS);
    await ended;
    clearTimeout(timer);
  };
  try {
    await waitFor('Prometheus is ready', () => {
      if (child.exitCode !== null) throw new Error(`Prometheus ended: ${said}`);
      return api.isReady();
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { ...api, stop };
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface PrometheusApi {
  isReady(): Promise<boolean>;
  query(expression: string): Promise<readonly Sample[]>;
}

/** Asks its HTTP API. */
export function prometheusAt(url: string): PrometheusApi {
  return {
    async isReady() {
      try {
        return (await fetch(`${url}/-/ready`, { signal: AbortSignal.timeout(2000) })).ok;
      } catch {
        return false;
      }
    },
    async query(expression) {
      const address = `${url}/api/v1/query?query=${encodeURIComponent(expression)}`;
      const reply = await fetch(address, { signal: AbortSignal.timeout(GUARD_MS) });
      const { status, data, error } = (await reply.json()) as Reply;
      if (status !== 'success') throw new Error(`Prometheus: ${expression}: ${error}`);
      return data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
    },
  };
}

interface Reply {
  readonly status: string;
  readonly error?: string;
  readonly data: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>;
      readonly value: readonly [number, string];
    }[];
  };
}
