// Refuses a request for which there is no room (admission.ts), with as little work as possible:
// under overload a replica may spend most of its time on refusals. The request was not examined, so
// nothing happened.

import { type HttpContext, isDraining } from '../context.ts';
import type { HttpRequest } from '../message.ts';
import { statusOf } from '../../api/problems.ts';
import { OVERLOADED } from './admission.ts';
import type { Start } from './connection.ts';
import { bodiesOf, problemHead, sendProblem } from '../data/refuse.ts';

/** A body up to this size is read and discarded; for a larger one the connection ends. */
const BODY_BYTES_MAX = 64 * 1024;

export function createShed(context: HttpContext): Start {
  const nextBody = bodiesOf(context, OVERLOADED);
  const head = problemHead(context, OVERLOADED, []);
  const status = statusOf(OVERLOADED.code);
  return (request, response) => {
    const reason = context.admission.refuse();
    if (isDraining(context) || !isSmall(request))
      return sendProblem(context, request, response, reason);
    context.meter?.refused(reason.code);
    const body = nextBody();
    response.writeHead(status, [...head, 'Content-Length', String(body.length)]);
    if (request.method === 'HEAD') response.end();
    else response.end(body, 'latin1');
  };
}

function isSmall({ headers }: HttpRequest): boolean {
  if (headers['transfer-encoding'] !== undefined || headers.expect !== undefined) return false;
  return Number(headers['content-length'] ?? 0) <= BODY_BYTES_MAX;
}
