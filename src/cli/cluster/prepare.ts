// The conditions for a start: every port is free, and the cluster has a secret. The first start
// makes the secret and stores it in a file that only its owner can read.

import { randomBytes } from 'node:crypto';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { CommandError, EXIT } from '../exit.ts';
import { isReplica } from './health.ts';
import { type PlannedReplica, SECRET_FILE } from './plan.ts';

export function prepareData(dataDir: string): void {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const file = join(dataDir, SECRET_FILE);
  if (statSync(file, { throwIfNoEntry: false }) !== undefined) return;
  writeFileSync(file, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600, flag: 'wx' });
}

export async function requirePorts(plans: readonly PlannedReplica[]): Promise<void> {
  const taken: string[] = [];
  for (const { id, httpPort, peerPort, url } of plans) {
    if (!(await isFree(httpPort))) {
      const by = (await isReplica(url))
        ? ', by a process that answers like a replica of Conit'
        : '';
      taken.push(`  ${httpPort} (clients of ${id})${by}`);
    }
    if (!(await isFree(peerPort))) taken.push(`  ${peerPort} (peers of ${id})`);
  }
  if (taken.length === 0) return;
  const advice = 'Stop the programs that use them, or choose other ports with --http-port.';
  throw new CommandError(
    EXIT.unavailable,
    `these ports of 127.0.0.1 are in use:\n${taken.join('\n')}\n${advice}`,
  );
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
