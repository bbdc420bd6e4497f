// A page of the keys of a namespace: what a list shows and a range delete deletes.

import { assert } from '../../base/assert.ts';
import { type ListCommand, type Listed } from '../../model/command.ts';
import type { ReplicaService } from '../../model/port.ts';
import { ask } from '../context.ts';
import type { Refusal } from '../problem.ts';

/** The requested page, or the reason why there is none. */
export async function askPage(
  service: ReplicaService,
  asked: Omit<ListCommand, 'kind' | 'client'>,
): Promise<Listed | Refusal> {
  const reply = await ask(service, (client) => ({ kind: 'list', client, ...asked }));
  if (reply.kind === 'failed') return reply.fault;
  assert(reply.kind === 'listed', 'list: an answer to another command');
  return reply;
}
