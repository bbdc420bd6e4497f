// The data path: one key at a time, directly from Node's request event, without a framework, a log
// line or a label. It passes each request to an exchange, the one object that exists until the
// reply.

import { connectionOf } from '../guard/connection.ts';
import type { HttpContext } from '../context.ts';
import { type Exchange, refuse } from './exchange.ts';
import { createTargetDoor, keyRouteOf } from './key-target.ts';
import type { HttpRequest, HttpResponse } from '../message.ts';
import { isFault, refusal } from '../problem.ts';
import { ReadExchange } from './read-exchange.ts';
import type { RequestHead } from '../form/request-head.ts';
import { WriteExchange } from './write-exchange.ts';

const ALLOW = ['Allow', 'GET, HEAD, PUT, POST, DELETE'];
const PATCH_NOT_BUILT = refusal('not-built', 'the method PATCH is not built yet');

/** `head` holds the headers of the request that is being served. */
export function createDataPath(
  context: HttpContext,
  head: RequestHead,
): (request: HttpRequest, response: HttpResponse) => void {
  const door = createTargetDoor(context);
  return (request, response) => {
    const begunMs = connectionOf(request.socket)?.arrivedMs ?? performance.now();
    const target = door.read(request, head.authorization);
    if (isFault(target)) {
      const op = keyRouteOf(request.method)?.id ?? 'other';
      const exchange: Exchange = { context, request, response, op, level: '', begunMs };
      refuse(exchange, target, target.code === 'method-not-allowed' ? ALLOW : undefined);
      return;
    }
    const { id } = target.route;
    const level = target.policy.consistency;
    if (id === 'get') {
      new ReadExchange(context, request, response, level, begunMs).begin(target, head);
    } else if (id === 'patch') {
      refuse({ context, request, response, op: id, level, begunMs }, PATCH_NOT_BUILT);
    } else {
      new WriteExchange(context, request, response, target, begunMs).begin(target.query, head);
    }
  };
}
