// What a replica in each phase of its life says of itself, and what a client hears of one that takes no requests.

import { unreachable } from '../base/assert.ts';
import type { Client, ReplicaState } from '../model/command.ts';
import type { Outbox } from '../model/effect.ts';
import { refuse } from './context.ts';
import type { Standing } from './standing.ts';

export type Phase = 'starting' | 'grace' | 'open' | 'draining' | 'failed';

export function stateOf(
  phase: Phase,
  standing: Pick<Standing, 'isReturning' | 'isCaughtUp'>,
  isDrained: boolean,
  isMeasuring: boolean,
): ReplicaState {
  switch (phase) {
    case 'starting':
      return 'starting';
    case 'grace':
      return standing.isReturning ? 'catching-up' : 'starting';
    case 'open':
      if (isDrained) return 'draining';
      return standing.isCaughtUp && !isMeasuring ? 'serving' : 'catching-up';
    case 'draining':
    case 'failed':
      return phase;
    default:
      return unreachable(phase);
  }
}

export function refuseClosed(
  client: Client,
  phase: Phase,
  isReturning: boolean,
  out: Outbox,
): void {
  if (phase === 'failed') {
    refuse(client, out, 'storage-failed', 'the storage of this replica has failed');
  } else if (phase === 'draining') {
    refuse(client, out, 'draining', 'the replica is shutting down', { retryAfterMs: 1000 });
  } else {
    const what = isReturning ? 'is taking back what it lost' : 'is still starting';
    refuse(client, out, 'catching-up', `the replica ${what}`, { retryAfterMs: 1000 });
  }
}
