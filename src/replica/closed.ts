// What a client hears of a replica that takes no requests.

import type { Client } from '../model/command.ts';
import type { Outbox } from '../model/effect.ts';
import { refuse } from './context.ts';

export type Phase = 'starting' | 'grace' | 'open' | 'draining' | 'failed';

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
