// Refuses a request that there is no room for (admission.ts), with as little work as possible: under overload most of what is
// done may be refusing. Nothing of it was looked at, so nothing happened.

import { type HttpContext, isDraining } from '../context.ts';
import type { HttpRequest, HttpResponse } from '../message.ts';
import { statusOf } from '../../api/problems.ts';
import { OVERLOADED } from './admission.ts';
import { problemDocument } from '../problem.ts';
import { problemHead, sendProblem } from '../data/refuse.ts';

/** A body of this size is read and thrown away; for a larger one the connection ends. */
const BODY_BYTES_MAX = 64 * 1024;
/** In the place of the instance, which is another for each. */
const INSTANCE = 'urn:instance';

export type Shed = (request: HttpRequest, response: HttpResponse) => void;

export function createShed(context: HttpContext): Shed {
  const source = { ...context.source, nextInstance: () => INSTANCE };
  const document = JSON.stringify(problemDocument(OVERLOADED, source));
  const [before = '', after = ''] = document.split(INSTANCE);
  const head = problemHead(context, OVERLOADED, []);
  const status = statusOf(OVERLOADED.code);
  return (request, response) => {
    const reason = context.admission.refuse();
    if (isDraining(context) || !isSmall(request))
      return sendProblem(context, request, response, reason);
    context.meter?.refused(reason.code);
    const body = `${before}${context.source.nextInstance()}${after}`;
    response.writeHead(status, [...head, 'Content-Length', String(body.length)]);
    if (request.method === 'HEAD') response.end();
    else response.end(body, 'latin1');
  };
}

function isSmall({ headers }: HttpRequest): boolean {
  if (headers['transfer-encoding'] !== undefined || headers.expect !== undefined) return false;
  return Number(headers['content-length'] ?? 0) <= BODY_BYTES_MAX;
}
