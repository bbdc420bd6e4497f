// Free ports of the loopback address, below the range of outgoing connections, so that no
// connection takes the port of a replica that is down for a moment.

import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

const PORT_MIN = 10_000;
const PORT_MAX = 32_000;

export async function freePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = randomInt(PORT_MIN, PORT_MAX);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

/** A port, so that the ports at each of these distances from it are free. */
export async function freeBasePort(distances: readonly number[]): Promise<number> {
  for (;;) {
    const base = randomInt(PORT_MIN, PORT_MAX);
    const found = await Promise.all(distances.map((distance) => isFree(base + distance)));
    if (found.every(Boolean)) return base;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
