// Bare node:http servers as a system of its own, measured between the others. There are as many of
// them as Conit has replicas, so that each has the same share of the connections: a process with a
// third of the load finds less work in each turn of its loop and pays more for each request.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { HttpWire } from '../client/http.ts';
import { KeyTable, noise } from '../client/keys.ts';
import { ask } from '../exchange.ts';
import { freePorts, Server } from '../process.ts';
import type { SystemKind } from '../system.ts';
import { keyValueTemplates } from './key-value.ts';

const script = fileURLToPath(import.meta.resolve('./hello-server.ts'));
const processes = 3;

export const hello: SystemKind = {
  name: 'hello',
  async start(folder) {
    const ports = await freePorts(processes);
    const servers = ports.map((port, index) => {
      const args = [...process.execArgv, script, String(port)];
      const name = `hello ${index}`;
      return new Server({ name, file: process.execPath, args, folder: join(folder, name) });
    });
    await Promise.all(
      servers.map((server, index) => {
        const port = ports[index] ?? 0;
        return server.becomeReady(async () => (await ask(port, '/')).status === 200);
      }),
    );
    return {
      name: 'hello',
      about: `bare node:http of Node ${process.versions.node}, ${processes} processes`,
      pids: servers.map(({ pid }) => pid),
      ports,
      wires(dataset) {
        const keys = new KeyTable(dataset);
        return (connection) => {
          const value = noise(dataset.valueBytes, connection);
          const { put, get } = keyValueTemplates(keys, value, '/v1/kv/bench/', '', '');
          return new HttpWire(put, get);
        };
      },
      // It stores nothing.
      fill: () => Promise.resolve(),
      async stop() {
        await Promise.all(servers.map((server) => server.stop()));
      },
    };
  },
};
