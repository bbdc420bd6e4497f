// Arithmetic over what a replica says of itself and its peers.

import type { PeerStatus, ReplicaStatus } from '../../model/command.ts';
import { countMissing, mergeVector, type Vector } from '../../model/vector.ts';

/** Of what connected peers hold; unknown where nobody is connected who could tell. */
export function entriesMissing(self: ReplicaStatus, peers: readonly PeerStatus[]): number | null {
  const connected = peers.filter((peer) => peer.connected);
  if (connected.length === 0 && peers.length > 0) return null;
  const most: Vector = new Map();
  for (const { vector } of connected) mergeVector(most, new Map(vector));
  return countMissing(new Map(self.vector), most);
}
