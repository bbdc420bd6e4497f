// The progress and the end of a job, as far as the status of the replica shows them. The replica
// itself reports the end of a change of the members (routes/members.ts).

import type { JobProgress, JobView } from '../../api/shapes.ts';
import { unreachable } from '../../base/assert.ts';
import type { PeerStatus, ReplicaStatus, Status } from '../../model/status.ts';
import { countMissing, mergeVector, type Vector } from '../../model/vector.ts';
import { type Refusal, refusal } from '../problem.ts';

export type JobKind = JobView['kind'];

export interface Course {
  readonly progress: JobProgress | undefined;
  readonly end: 'done' | Refusal | undefined;
}

export function courseOf(kind: JobKind, sinceMs: number, status: Status): Course {
  switch (kind) {
    case 'join':
    case 'forget':
      return { progress: changeOf(status), end: undefined };
    case 'drain':
      return drainOf(status);
    case 'resume':
      return { progress: undefined, end: undefined };
    case 'resync':
      return resyncOf(status, sinceMs);
    default:
      return unreachable(kind);
  }
}

function changeOf({ change, membership }: Status): JobProgress | undefined {
  if (change === undefined) return undefined;
  const { step, agreed } = change;
  return { step, agreed: [...agreed], members: membership.seats.length };
}

function drainOf({ self, waiting }: Status): Course {
  const progress = { requests: waiting, graceMs: Math.round(self.graceMs) };
  // A replica that is drained while it recovers says that it catches up.
  const isOpen = self.state === 'serving' || self.state === 'catching-up';
  if (isOpen && !self.isDrained)
    return { progress, end: refusal('superseded', 'the replica was resumed') };
  // The replica drains, or will drain once it has started: the request is durable.
  return {
    progress,
    end: waiting === 0 && self.graceMs === 0 && self.state === 'draining' ? 'done' : undefined,
  };
}

function resyncOf({ self, peers }: Status, sinceMs: number): Course {
  const missing = entriesMissing(self, peers);
  const waiting = self.namespaces.flatMap((each) => (each.answers ? [] : [each.namespace]));
  const equal = peers.filter(({ compared }) => (compared.equalAtMs ?? 0) >= sinceMs);
  const progress = {
    entriesMissing: missing,
    ...(self.copy === undefined ? {} : { copy: self.copy }),
    waiting,
    equalTo: equal.map(({ id }) => id),
  };
  const isReady = self.state === 'serving' || self.state === 'draining';
  const isWhole = missing === 0 && self.copy === undefined && waiting.length === 0;
  return { progress, end: isReady && isWhole ? 'done' : undefined };
}

/**
 * Entries that connected peers hold and this replica lacks; null if no connected peer reports any.
 */
export function entriesMissing(self: ReplicaStatus, peers: readonly PeerStatus[]): number | null {
  const connected = peers.filter((peer) => peer.connected);
  if (connected.length === 0 && peers.length > 0) return null;
  const most: Vector = new Map();
  for (const { vector } of connected) mergeVector(most, new Map(vector));
  return countMissing(new Map(self.vector), most);
}
