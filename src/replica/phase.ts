// What a replica in each phase of its life says of itself, and what a client hears of one that takes no requests.

import { unreachable } from '../base/assert.ts';
import type { ReplicaState } from '../model/command.ts';
import { type Fault, fault } from '../model/fault.ts';
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

/** What a client hears of a replica that takes no requests; `undefined` of one that does. */
export function closedFault(
  phase: Phase,
  { isReturning }: Pick<CatchUp, 'isReturning'>,
  peers: Peers,
): Fault | undefined {
  if (phase === 'open' && !isReturning) return undefined;
  if (phase === 'failed') return fault('storage-failed', 'the storage of this replica has failed');
  if (phase === 'draining')
    return fault('draining', 'the replica is shutting down', {
      alternates: alternatesIn(peers),
      retryAfterMs: 1000,
    });
  const what = isReturning ? 'is recovering data that it lost' : 'is still starting';
  return fault('catching-up', `the replica ${what}`, { retryAfterMs: 1000 });
}
