// Conit itself: three replicas in three regions, each a process of the built server. All knowledge
// of Conit's settings, paths and metrics is in this file.

import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { HttpWire } from '../client/http.ts';
import { KeyTable, noise } from '../client/keys.ts';
import { ask } from '../exchange.ts';
import { repository } from '../install.ts';
import { freePorts, Server } from '../process.ts';
import type { SystemKind } from '../system.ts';
import { keyValueTemplates } from './key-value.ts';

const script = join(repository, 'dist/cli/main.js');
const replicas = [
  { id: 'eu-1', region: 'eu' },
  { id: 'us-1', region: 'us' },
  { id: 'ap-1', region: 'ap' },
] as const;
const namespacePath = '/v1/kv/bench/';
const secret = randomBytes(32).toString('hex');

export type Variant = 'conit' | 'conit-unsynced' | 'conit-unmetered';

/** The settings that a variant changes. */
const settingsOf: Readonly<Record<Variant, Readonly<Record<string, string>>>> = {
  conit: {},
  'conit-unsynced': { CONIT_SYNC: 'unsafe-none' },
  'conit-unmetered': { CONIT_METRICS: 'off' },
};

export function conit(variant: Variant): SystemKind {
  return {
    name: variant,
    async start(folder) {
      const settings = settingsOf[variant];
      if (!existsSync(script)) throw new Error('dist/cli/main.js is not there: run the build');
      const ports = await freePorts(2 * replicas.length);
      const httpPorts = ports.slice(replicas.length);
      const peerPorts = ports.slice(0, replicas.length);
      const peers = replicas
        .map(({ id, region }, index) => `${id}=${region}@127.0.0.1:${peerPorts[index]}`)
        .join(',');
      const servers = replicas.map(({ id, region }, index) => {
        const place = join(folder, id);
        const env = {
          CONIT_REPLICA: id,
          CONIT_REGION: region,
          CONIT_PEERS: peers,
          CONIT_DATA_DIR: join(place, 'data'),
          CONIT_HTTP: `127.0.0.1:${httpPorts[index]}`,
          CONIT_PEER: `127.0.0.1:${peerPorts[index]}`,
          CONIT_CLUSTER_SECRET: secret,
          ...settings,
        };
        const args = [script, 'serve'];
        return new Server({ name: id, file: process.execPath, args, env, folder: place });
      });
      await Promise.all(
        servers.map((server, index) => {
          const port = httpPorts[index] ?? 0;
          return server.becomeReady(async () => (await ask(port, '/readyz')).status === 200);
        }),
      );
      return {
        name: variant,
        about: ['3 replicas in 3 regions', ...Object.entries(settings).map(String)].join(', '),
        pids: servers.map(({ pid }) => pid),
        ports: httpPorts,
        wires(dataset, level) {
          const keys = new KeyTable(dataset);
          const query = level === 'local' ? '?r=1' : '?r=2';
          return (connection) => {
            const value = noise(dataset.valueBytes, connection);
            const { put, get } = keyValueTemplates(keys, value, namespacePath, '?w=2', query);
            return new HttpWire(put, get);
          };
        },
        counters: () => countersOf(httpPorts),
        async stop() {
          await Promise.all(servers.map((server) => server.stop()));
        },
      };
    },
  };
}

/** Two histograms of entry counts, whose means are rows of the limits. */
export const entriesPerSync = 'conit_wal_batch_entries';
export const entriesPerFrame = 'conit_peer_frame_entries';

/** All samples of /metrics, summed over labels and replicas. */
async function countersOf(ports: readonly number[]): Promise<ReadonlyMap<string, number>> {
  const sums = new Map<string, number>();
  for (const port of ports) {
    const { text } = await ask(port, '/metrics');
    for (const [, name = '', value] of text.matchAll(/^(\w+)(?:\{.*\})? (\S+)$/gm)) {
      sums.set(name, (sums.get(name) ?? 0) + Number(value));
    }
  }
  return sums;
}
