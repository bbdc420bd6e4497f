// Emulated distance between regions: frames arrive in order and not earlier than the distance
// allows, and delayed bytes count as on the way.

import { afterEach, expect, it } from 'vitest';
import { WsNetwork } from '../../src/adapters/peer/ws-network.ts';
import type { Message } from '../../src/model/message.ts';
import type { Member } from '../../src/model/quorum.ts';
import { membersOf } from '../support/build.ts';

const DISTANCE_MS = 40;
const networks: WsNetwork[] = [];

afterEach(async () => {
  await Promise.all(networks.splice(0).map((one) => one.close()));
});

function network(index: number, address: string): WsNetwork {
  const members = membersOf(['eu', 'us']).map((member) => ({ ...member, peerAddress: address }));
  const made = new WsNetwork({
    self: members[index] as Member,
    members,
    clusterId: 'distance',
    secret: Buffer.alloc(32, 'distance'),
    incarnation: () => 1,
    host: '127.0.0.1',
    port: 0,
    peerTimeoutMs: 3000,
    delayMs: () => DISTANCE_MS,
  });
  networks.push(made);
  return made;
}

const numbered = (windowBytes: number): Message => ({ kind: 'ack', vector: [], windowBytes });

it('a frame arrives in order, and not before the emulated delay has passed', async () => {
  const us = network(1, '');
  const { port } = await us.listen();
  const eu = network(0, `127.0.0.1:${port}`);
  const arrived: { readonly message: Message; readonly atMs: number }[] = [];
  const ignore = (): void => {};
  const done = new Promise<void>((resolve) =>
    us.start({
      onConnected: ignore,
      onDisconnected: ignore,
      onMessage(_, message) {
        arrived.push({ message, atMs: performance.now() });
        if (arrived.length === 6) resolve();
      },
    }),
  );
  await new Promise<void>((resolve) =>
    eu.start({ onConnected: () => resolve(), onDisconnected: ignore, onMessage: ignore }),
  );
  const sentMs = performance.now();
  for (const number of [1, 2, 3]) {
    eu.send(1, numbered(number));
    eu.flush();
  }
  expect(eu.traffic.peers[1]?.queueBytes).toBeGreaterThan(30);
  for (const number of [4, 5, 6]) eu.send(1, numbered(number));
  eu.flush();
  await done;
  expect(arrived.map(({ message }) => message)).toEqual([1, 2, 3, 4, 5, 6].map(numbered));
  // A timer of Node may fire a millisecond early.
  for (const { atMs } of arrived) expect(atMs - sentMs).toBeGreaterThan(DISTANCE_MS - 2);
  expect(eu.traffic.peers[1]?.queueBytes).toBe(0);
});
