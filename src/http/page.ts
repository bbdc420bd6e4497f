// A page of the keys of a namespace: what a list shows and a range delete deletes. How its range and its size are named, and
// how the replica is asked for it.

import { Type } from 'typebox';
import { assert } from '../base/assert.ts';
import { LIST_LIMIT_MAX, type ListCommand, type Listed } from '../model/command.ts';
import { KEY_BYTES_MAX } from '../model/id.ts';
import type { ReplicaService } from '../model/port.ts';
import { ask } from './ask.ts';
import { invalid } from './parameter.ts';
import type { Refusal } from './problem.ts';

const bound = (description: string) =>
  Type.String({ maxLength: KEY_BYTES_MAX, default: '', description });

/** The parameters that name a range of keys. */
export const RANGE_PARAMETERS = {
  prefix: bound('Only keys that begin with it'),
  start: bound('The first key, included'),
  end: bound('The last key, excluded'),
};

export function limitParameter(what: string, limitDefault: number) {
  return Type.String({
    pattern: '^[0-9]{1,4}$',
    default: String(limitDefault),
    description: `${what} of a page, 1 to ${LIST_LIMIT_MAX}`,
  });
}

export function readLimit(text: string): number | Refusal {
  const limit = Number(text);
  if (limit >= 1 && limit <= LIST_LIMIT_MAX) return limit;
  return invalid('limit', `must be 1 to ${LIST_LIMIT_MAX}`);
}

/** The page that is asked for, or why there is none. */
export async function askPage(
  service: ReplicaService,
  asked: Omit<ListCommand, 'kind' | 'client'>,
): Promise<Listed | Refusal> {
  const reply = await ask(service, (client) => ({ kind: 'list', client, ...asked }));
  if (reply.kind === 'failed') return reply.fault;
  assert(reply.kind === 'listed', 'list: an answer to another command');
  return reply;
}
