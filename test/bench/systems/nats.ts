// NATS JetStream, three servers, one key-value bucket with three replicas. It acknowledges a write
// when a majority has it, before any of them has synced it to disk.

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { KeyTable, noise } from '../client/keys.ts';
import { hello, NatsWire } from '../client/nats.ts';
import { exchange } from '../exchange.ts';
import { debianProgram } from '../install.ts';
import { freePorts, Server } from '../process.ts';
import type { SystemKind } from '../system.ts';

const names = ['a', 'b', 'c'];
const bucket = 'bench';

export const nats: SystemKind = {
  name: 'nats',
  async start(folder) {
    const { file, env } = await debianProgram('nats-server', ['nats-server']);
    const all = await freePorts(2 * names.length);
    const ports = all.slice(names.length);
    const routes = all.slice(0, names.length);
    const servers = names.map((name, index) => {
      const place = join(folder, name);
      const config = configOf(name, place, ports[index] ?? 0, routes[index] ?? 0, routes);
      mkdirSync(place, { recursive: true });
      writeFileSync(join(place, 'nats.conf'), config);
      const args = ['-c', join(place, 'nats.conf')];
      return new Server({ name: `nats ${name}`, file, args, env, folder: place });
    });
    const first = ports[0] ?? 0;
    await servers[0]?.becomeReady(() => createBucket(first));
    await servers[0]?.becomeReady(() => isReplicated(first));
    return {
      name: 'nats',
      about: `${versionOf(file)}, 3 servers, JetStream KV R3, acknowledges before fsync`,
      pids: servers.map(({ pid }) => pid),
      ports: await leaderFirst(ports),
      wires(dataset) {
        const keys = new KeyTable(dataset);
        return (connection) => {
          return new NatsWire(keys, noise(dataset.valueBytes, connection), bucket, connection);
        };
      },
      async stop() {
        await Promise.all(servers.map((server) => server.stop()));
      },
    };
  },
};

function configOf(
  name: string,
  place: string,
  port: number,
  route: number,
  routes: readonly number[],
): string {
  const others = routes.map((each) => `nats-route://127.0.0.1:${each}`).join(', ');
  return [
    `server_name: ${name}`,
    `listen: 127.0.0.1:${port}`,
    `jetstream { store_dir: "${join(place, 'data')}" }`,
    `cluster { name: bench, listen: 127.0.0.1:${route}, routes: [${others}] }`,
    '',
  ].join('\n');
}

// The stream that NATS' own clients make for a bucket.
function createBucket(port: number): Promise<boolean> {
  return request(port, `STREAM.CREATE.KV_${bucket}`, {
    name: `KV_${bucket}`,
    subjects: [`$KV.${bucket}.>`],
    storage: 'file',
    num_replicas: names.length,
    max_msgs_per_subject: 1,
    discard: 'new',
    allow_direct: true,
    allow_rollup_hdrs: true,
    deny_delete: true,
  }).then((answer) => !answer.includes('"error"'));
}

async function isReplicated(port: number): Promise<boolean> {
  const info = await request(port, `STREAM.INFO.KV_${bucket}`, {});
  return (info.match(/"current":true/g) ?? []).length === names.length - 1;
}

async function leaderFirst(ports: readonly number[]): Promise<readonly number[]> {
  const info = await request(ports[0] ?? 0, `STREAM.INFO.KV_${bucket}`, {});
  const at = names.indexOf(/"leader":"(\w+)"/.exec(info)?.[1] ?? '');
  return at < 0 ? ports : [...ports.slice(at), ...ports.slice(0, at)];
}

function request(port: number, subject: string, body: unknown): Promise<string> {
  const text = JSON.stringify(body);
  const publish = `PUB $JS.API.${subject} _INBOX.setup ${text.length}\r\n${text}\r\n`;
  return exchange(port, hello('_INBOX.setup') + publish, /\nH?MSG _INBOX\.setup [^]*\}\r\n$/);
}

function versionOf(file: string): string {
  return /v(\d\S*)/.exec(execFileSync(file, ['--version'], { encoding: 'utf8' }))?.[1] ?? '';
}
