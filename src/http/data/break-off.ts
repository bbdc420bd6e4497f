// What a client sees of a bug in the server: 500 if nothing of the answer was written, otherwise
// the end of the connection. The connection ends in both cases, because the state of the exchange
// is unknown. The bug is reported once, under the `instance` that the client reads.

import { connectionOf } from '../guard/connection.ts';
import type { HttpContext } from '../context.ts';
import type { HttpRequest, HttpResponse } from '../message.ts';
import { problemDocument, type Refusal, refusal } from '../problem.ts';
import { sendProblem } from './refuse.ts';

export const INTERNAL: Refusal = refusal('internal', 'the replica could not serve the request');

/** Counts and reports the error, and returns the instance under which it was reported. */
export function reportBug(context: HttpContext, error: unknown): string {
  const { instance } = problemDocument(INTERNAL, context.source);
  context.service.metrics.repliesBroken++;
  context.onError(error, instance);
  return instance;
}

/**
 * Removes the headers of the answer that failed, except those that let a page of another origin
 * read the 500.
 */
export function dropHeaders(response: HttpResponse): void {
  for (const name of response.getHeaderNames()) {
    if (!name.startsWith('access-control-')) response.removeHeader(name);
  }
}

/** Never throws. */
export function breakOff(
  context: HttpContext,
  request: HttpRequest,
  response: HttpResponse,
  error: unknown,
): void {
  const instance = reportBug(context, error);
  const connection = connectionOf(request.socket);
  connection?.end();
  try {
    if (response.headersSent) request.socket.destroy();
    else {
      dropHeaders(response);
      sendProblem(context, request, response, INTERNAL, [], instance);
    }
  } catch {
    // The first exception of an exchange is reported; further ones add nothing.
    request.socket.destroy();
  }
  connection?.done(response);
}
