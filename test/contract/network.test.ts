// The network contract on real sockets of this machine, with a proxy between the two that causes
// the faults, and on the simulated network.

import { setTimeout as sleep } from 'node:timers/promises';
import { WsNetwork } from '../../src/adapters/peer/ws-network.ts';
import type { Member } from '../../src/model/quorum.ts';
import { membersOf } from '../support/build.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { MemoryNetwork } from '../cluster/memory-network.ts';
import { createWorld } from '../cluster/world.ts';
import { networkContract, type NetworkRig } from './network.contract.ts';

const QUEUE_BYTES_MAX = 8 * 1024 * 1024;
const PATIENCE_MS = 120_000;

networkContract('over sockets', socketRig);
networkContract('simulated', memoryRig);

async function socketRig(): Promise<NetworkRig> {
  const proxy = new TcpProxy();
  await proxy.listen();
  const members = membersOf(['eu', 'us']).map((member) => ({
    ...member,
    peerAddress: proxy.address,
  }));
  const networks = [0, 1].map((index) => wsNetwork(members, index)) as [WsNetwork, WsNetwork];
  await networks[0].listen();
  proxy.leadTo((await networks[1].listen()).port);
  const direction = (from: number) => (from === 0 ? 'up' : 'down');
  return {
    networks,
    queueBytesMax: QUEUE_BYTES_MAX,
    queueBytes: (from, to) => networks[from as 0 | 1].traffic.peers[to]?.queueBytes ?? 0,
    until: waitUntil,
    framesArrived: (from, to) => networks[to as 0 | 1].traffic.peers[from]?.framesReceived ?? 0,
    sever: () => proxy.sever(),
    stall: (from) => proxy.stall(direction(from)),
    resume: (from) => proxy.resume(direction(from)),
    disturb: (from) => proxy.disturb(direction(from)),
    async close() {
      await Promise.all(networks.map((network) => network.close()));
      await proxy.close();
    },
  };
}

function wsNetwork(members: readonly Member[], index: number): WsNetwork {
  return new WsNetwork({
    self: members[index] as Member,
    members,
    clusterId: 'contract',
    secret: Buffer.alloc(32, 'contract'),
    incarnation: () => 1,
    host: '127.0.0.1',
    port: 0,
    peerTimeoutMs: 1000,
    limits: { queueBytesMax: QUEUE_BYTES_MAX, frameBytesMax: QUEUE_BYTES_MAX, reconnectMinMs: 5 },
  });
}

/** Real time passes by itself, so this only polls. */
async function waitUntil(done: () => boolean): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS;
  while (!done()) {
    if (performance.now() > endMs) throw new Error('waited in vain');
    await sleep(1);
  }
}

function memoryRig(): Promise<NetworkRig> {
  const world = createWorld(7);
  const network = new MemoryNetwork(world, {
    replicas: 2,
    latencyMs: (_from, _to, dice) => 1 + 20 * dice.next(),
    queueBytesMax: QUEUE_BYTES_MAX,
    peerTimeoutMs: 1000,
  });
  const networks = [network.port(0), network.port(1)] as const;
  return Promise.resolve({
    networks,
    queueBytesMax: QUEUE_BYTES_MAX,
    queueBytes: (from, to) => network.queueBytes(from, to),
    until: (done) => {
      const endMs = world.now() + PATIENCE_MS;
      while (!done()) {
        if (world.now() > endMs) return Promise.reject(new Error('waited in vain'));
        world.run(world.now() + 1);
      }
      return Promise.resolve();
    },
    framesArrived: (from, to) => network.framesArrived(from, to),
    sever: () => network.sever(0, 1),
    stall: (from, to) => network.cut(from, to),
    resume: (from, to) => network.heal(from, to),
    disturb: (from, to) => network.disturb(from, to),
    close: () => Promise.resolve(),
  });
}
