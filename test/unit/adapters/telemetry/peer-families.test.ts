import { describe, expect, it } from 'vitest';
import { peerFamilies } from '../../../../src/adapters/telemetry/peer-families.ts';
import { WsNetwork } from '../../../../src/adapters/peer/ws-network.ts';
import type { Member } from '../../../../src/model/quorum.ts';
import { membersOf } from '../../../support/build.ts';

const members = membersOf(['eu', 'us']);
const network = new WsNetwork({
  self: members[0] as Member,
  members,
  clusterId: 'c',
  secret: Buffer.alloc(16, 1),
  incarnation: () => 1,
  host: '127.0.0.1',
  port: 0,
  peerTimeoutMs: 1000,
});

describe('the metrics of the peer channel', () => {
  const families = peerFamilies(members, network.traffic);

  it('have a series for each peer and none for the replica itself', () => {
    const [queue] = families;
    expect(queue?.name).toBe('conit_peer_send_queue_bytes');
    expect(queue?.samples()).toEqual([{ labels: { peer: 'us-1' }, value: 0 }]);
  });

  it('have names and types that belong together', () => {
    for (const { name, type } of families)
      expect(type).toBe(name.endsWith('_total') ? 'counter' : 'gauge');
  });

  it('count refusals by reason', () => {
    const samples = families.at(-1)?.samples() ?? [];
    expect(samples).toContainEqual({ labels: { reason: 'proof' }, value: 0 });
  });
});
