// What a replica in each phase of its life says of itself, and what a client hears of one that takes no requests.

import { unreachable } from '../base/assert.ts';
import type { Asker, ReplicaState } from '../model/command.ts';
import type { Outbox } from '../model/effect.ts';
import { refuse } from '../model/refuse.ts';
import type { CatchUp } from '../lag/catch-up.ts';
import { alternatesIn, type Peers } from '../peers/peers.ts';

export type Phase = 'starting' | 'grace' | 'open' | 'draining' | 'failed';

export function stateOf(
  phase: Phase,
  catchUp: Pick<CatchUp, 'isReturning' | 'isCaughtUp'>,
  isDrained: boolean,
  isMeasuring: boolean,
): ReplicaState {
  switch (phase) {
    case 'starting':
      return 'starting';
    case 'grace':
      return catchUp.isReturning ? 'catching-up' : 'starting';
    case 'open':
      if (isDrained) return 'draining';
      return catchUp.isCaughtUp && !isMeasuring ? 'serving' : 'catching-up';
    case 'draining':
    case 'failed':
      return phase;
    default:
      return unreachable(phase);
  }
}

export function refuseClosed(
  peers: Peers,
  client: Asker,
  phase: Phase,
  { isReturning }: Pick<CatchUp, 'isReturning'>,
  out: Outbox,
): void {
  if (phase === 'failed') {
    refuse(client, out, 'storage-failed', 'the storage of this replica has failed');
  } else if (phase === 'draining') {
    refuse(client, out, 'draining', 'the replica is shutting down', {
      alternates: alternatesIn(peers),
      retryAfterMs: 1000,
    });
  } else {
    const what = isReturning ? 'is recovering data that it lost' : 'is still starting';
    refuse(client, out, 'catching-up', `the replica ${what}`, { retryAfterMs: 1000 });
  }
}
