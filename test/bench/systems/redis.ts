// Redis, one master and two replicas, every append synced, and WAIT 1 after each write. The master
// serves all operations. WAIT shows that a replica has the write, not that it is durable there.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

import { KeyTable, noise } from '../client/keys.ts';
import { RespWire } from '../client/resp.ts';
import { exchange } from '../exchange.ts';
import { debianProgram } from '../install.ts';
import { freePorts, Server } from '../process.ts';
import type { SystemKind } from '../system.ts';

const packages = ['redis-tools', 'redis-server', 'liblzf1', 'libjemalloc2', 'libatomic1'];

export const redis: SystemKind = {
  name: 'redis',
  async start(folder) {
    const program = await debianProgram('redis-server', packages);
    const ports = await freePorts(3);
    const master = ports[0] ?? 0;
    const servers = ports.map((port, index) => {
      const place = join(folder, String(index));
      const args = ['--bind', '127.0.0.1', '--port', String(port), '--dir', place, '--save', ''];
      args.push('--appendonly', 'yes', '--appendfsync', 'always', '--loglevel', 'warning');
      if (port !== master) args.push('--replicaof', '127.0.0.1', String(master));
      const { file, env } = program;
      return new Server({ name: `redis ${index}`, file, args, env, folder: place });
    });
    const wait = '*3\r\n$4\r\nWAIT\r\n$1\r\n2\r\n$3\r\n500\r\n';
    await servers[0]?.becomeReady(async () => {
      return (await exchange(master, `SET ready 1\r\n${wait}`, /\+OK\r\n:\d\r\n/)).includes(':2');
    });
    return {
      name: 'redis',
      about: `${versionOf(program)}, master and 2 replicas, appendfsync always, WAIT 1`,
      pids: servers.map(({ pid }) => pid),
      ports: [master],
      wires(dataset) {
        const keys = new KeyTable(dataset);
        return (connection) => new RespWire(keys, noise(dataset.valueBytes, connection));
      },
      async stop() {
        await Promise.all(servers.map((server) => server.stop()));
      },
    };
  },
};

function versionOf({ file, env }: Awaited<ReturnType<typeof debianProgram>>): string {
  const options = { encoding: 'utf8', env: { ...process.env, ...env } } as const;
  return /v=(\S+)/.exec(execFileSync(file, ['--version'], options))?.[1] ?? '';
}
