// The counters of the peer channel under their public names. Members and a closed table of reasons
// are the labels, so their number is bounded.

import type { Member } from '../../model/quorum.ts';
import { type Family, gauges } from './family.ts';
import type { PeerTraffic } from '../peer/link.ts';
import type { NetworkTraffic } from '../peer/ws-network.ts';

export function peerFamilies(members: readonly Member[], traffic: NetworkTraffic): Family[] {
  const ofPeers = (read: (peer: PeerTraffic) => number) => () =>
    members.flatMap(({ id, index }) => {
      const peer = traffic.peers[index];
      return peer === undefined ? [] : [{ labels: { peer: id }, value: read(peer) }];
    });
  const count = (name: string, help: string, read: (peer: PeerTraffic) => number): Family => ({
    ...gauges(name, help, ofPeers(read)),
    type: 'counter',
  });
  return [
    gauges(
      'conit_peer_send_queue_bytes',
      'Bytes queued or on the way to each peer.',
      ofPeers(({ queueBytes }) => queueBytes),
    ),
    count('conit_peer_frames_sent_total', 'Frames sent.', (peer) => peer.framesSent),
    count('conit_peer_frames_received_total', 'Frames received.', (peer) => peer.framesReceived),
    count('conit_peer_sent_bytes_total', 'Bytes of frames sent.', (peer) => peer.bytesSent),
    count(
      'conit_peer_received_bytes_total',
      'Bytes of frames received.',
      (peer) => peer.bytesReceived,
    ),
    count('conit_peer_connects_total', 'Connections established.', (peer) => peer.connects),
    count('conit_peer_disconnects_total', 'Connections ended.', (peer) => peer.disconnects),
    refusals(traffic),
  ];
}

function refusals({ refused }: NetworkTraffic): Family {
  const samples = () =>
    Object.entries(refused).map(([reason, value]) => ({ labels: { reason }, value }));
  const help = 'Connections refused at the peer port.';
  return { ...gauges('conit_peer_refused_total', help, samples), type: 'counter' };
}
