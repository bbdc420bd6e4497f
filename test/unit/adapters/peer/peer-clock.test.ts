// A start asks its peers for the time before it numbers its incarnation.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import {
  CLOCK_HEADER,
  CLOCK_PATH,
  comparedWallMs,
} from '../../../../src/adapters/peer/peer-clock.ts';

const YEAR = 365 * 86_400_000;
const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A peer whose clock is ahead by `aheadMs`, or that does not answer. */
function peer(aheadMs: number | undefined): Promise<string> {
  const server = createServer((request, response) => {
    if (request.url === CLOCK_PATH && aheadMs !== undefined)
      response.setHeader(CLOCK_HEADER, String(Date.now() + aheadMs));
    response.writeHead(aheadMs === undefined ? 404 : 204).end();
  });
  servers.push(server);
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () =>
      resolve(`127.0.0.1:${(server.address() as AddressInfo).port}`),
    );
  });
}

async function compared(peers: readonly (number | undefined)[], ownAheadMs = 0): Promise<boolean> {
  const addresses = await Promise.all(peers.map(peer));
  const wallMs = (): number => Date.now() + ownAheadMs;
  // It holds on the slowest machine: a slow measurement is less precise, and these clocks are years
  // apart.
  const options = { addresses, driftMaxMs: 60_000, waitMs: 300, wallMs };
  return (await comparedWallMs(options)) !== undefined;
}

describe('the clock of a start', () => {
  it('is confirmed if a majority agrees, even if one is wrong', async () => {
    expect(await compared([0, 0])).toBe(true);
    expect(await compared([0, YEAR])).toBe(true);
    expect(await compared([YEAR, YEAR], YEAR)).toBe(true);
  });

  it('is not confirmed if a majority disagrees or is split', async () => {
    expect(await compared([0, 0], 10 * YEAR)).toBe(false);
    expect(await compared([0], 10 * YEAR)).toBe(false);
    expect(await compared([0, YEAR, YEAR])).toBe(false);
  });

  it('is not confirmed if too few answer', async () => {
    expect(await compared([undefined, undefined])).toBe(false);
    expect(await compared([0, undefined, undefined, undefined])).toBe(false);
  });

  it('of a replica without others needs no confirmation', async () => {
    expect(await compared([], 10 * YEAR)).toBe(true);
  });
});
