// etcd, three members, through its JSON gateway. Keys and values are sent as base64. A quorum read
// is etcd's linearizable read, a local one its serializable read. etcd syncs every write on a
// majority.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

import { HttpWire } from '../client/http.ts';
import { KeyTable, noise } from '../client/keys.ts';
import { Template } from '../client/wire.ts';
import { ask } from '../exchange.ts';
import { debianProgram } from '../install.ts';
import { freePorts, Server } from '../process.ts';
import type { SystemKind } from '../system.ts';

const members = ['a', 'b', 'c'];
const quotaBytes = 8 * 2 ** 30;

export const etcd: SystemKind = {
  name: 'etcd',
  async start(folder) {
    const program = await debianProgram('etcd', ['etcd-server']);
    const all = await freePorts(2 * members.length);
    const clientPorts = all.slice(members.length);
    const peerPorts = all.slice(0, members.length);
    const peer = (index: number) => `http://127.0.0.1:${peerPorts[index]}`;
    const cluster = members.map((member, index) => `${member}=${peer(index)}`).join(',');
    const servers = members.map((member, index) => {
      const client = `http://127.0.0.1:${clientPorts[index]}`;
      const args = {
        name: member,
        'data-dir': join(folder, member, 'data'),
        'listen-client-urls': client,
        'advertise-client-urls': client,
        'listen-peer-urls': peer(index),
        'initial-advertise-peer-urls': peer(index),
        'initial-cluster': cluster,
        'quota-backend-bytes': String(quotaBytes),
        logger: 'zap',
        'log-level': 'error',
      };
      return new Server({
        name: `etcd ${member}`,
        file: program.file,
        args: Object.entries(args).map(([flag, value]) => `--${flag}=${value}`),
        env: program.env,
        folder: join(folder, member),
      });
    });
    await Promise.all(
      servers.map((server, index) => {
        const port = clientPorts[index] ?? 0;
        return server.becomeReady(async () => (await ask(port, '/health')).text.includes('"true"'));
      }),
    );
    return {
      name: 'etcd',
      about: `${versionOf(program.file)}, 3 members, JSON gateway`,
      pids: servers.map(({ pid }) => pid),
      ports: await leaderFirst(clientPorts),
      wires(dataset, level) {
        const keys = new KeyTable(dataset, (key) => Buffer.from(key).toString('base64'));
        const isSerializable = level === 'local';
        return (connection) => {
          const value = Buffer.from(noise(dataset.valueBytes, connection)).toString('base64');
          return new HttpWire(putOf(keys, value), rangeOf(keys, isSerializable));
        };
      },
      async stop() {
        await Promise.all(servers.map((server) => server.stop()));
      },
    };
  },
};

interface Status {
  readonly header: { readonly member_id: string };
  readonly leader: string;
}

async function leaderFirst(ports: readonly number[]): Promise<readonly number[]> {
  const statuses = await Promise.all(
    ports.map(async (port) => {
      const request = { method: 'POST', body: {} };
      const { text } = await ask(port, '/v3/maintenance/status', request);
      return JSON.parse(text) as Status;
    }),
  );
  const at = statuses.findIndex(({ header, leader }) => header.member_id === leader);
  return [...ports.slice(at), ...ports.slice(0, at)];
}

function putOf(keys: KeyTable, value: string): Template {
  const [before, between, after] = ['{"key":"', '","value":"', '"}'];
  const length = before.length + keys.stride + between.length + value.length + after.length;
  return new Template(keys, head('put', length) + before, between, value, after);
}

function rangeOf(keys: KeyTable, isSerializable: boolean): Template {
  const [before, after] = ['{"key":"', isSerializable ? '","serializable":true}' : '"}'];
  const length = before.length + keys.stride + after.length;
  return new Template(keys, head('range', length) + before, after);
}

function head(verb: string, length: number): string {
  return (
    `POST /v3/kv/${verb} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n` +
    `Content-Length: ${length}\r\n\r\n`
  );
}

function versionOf(file: string): string {
  return (
    /etcd Version: (\S+)/.exec(execFileSync(file, ['--version'], { encoding: 'utf8' }))?.[1] ?? ''
  );
}
