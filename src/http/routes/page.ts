// A page of the keys of a namespace, which a list shows and a range delete deletes.

import { assert } from '../../base/assert.ts';
import { type ListCommand } from '../../model/command.ts';
import type { ReplicaService } from '../../model/port.ts';
import type { Listed } from '../../model/reply.ts';
import { ask } from '../ask.ts';
import type { Refusal } from '../problem.ts';
import type { ClientSession } from '../session/client-session.ts';

/** The requested page, or the reason why there is none. */
export async function askPage(
  service: ReplicaService,
  asked: Omit<ListCommand, 'kind' | 'client' | 'session'>,
  clientSession: ClientSession,
): Promise<Listed | Refusal> {
  const { forRead: session } = clientSession;
  const reply = await ask(
    service,
    (client) => ({ kind: 'list', client, session, ...asked }),
    asked.boundMs,
  );
  if (reply.kind === 'failed') return reply.fault;
  assert(reply.kind === 'listed', 'list: an answer to another command');
  clientSession.follow(reply);
  return reply;
}
