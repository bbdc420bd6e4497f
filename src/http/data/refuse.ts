// Sends a problem on Node's own reply object. If the body of the request is still arriving, the
// answer is sent at once and the connection is read for a moment before it closes: to close it with
// unread bytes would reset it, and the client would lose the answer.

import { assert } from '../../base/assert.ts';
import { connectionOf } from '../guard/connection.ts';
import type { HttpContext } from '../context.ts';
import { isBetterAskedElsewhere } from '../form/elsewhere.ts';
import type { HttpRequest, HttpResponse } from '../message.ts';
import { PROBLEM_TYPE, statusOf } from '../../api/problems.ts';
import { problemDocument, type Refusal, retryAfterOf } from '../problem.ts';
import { closeIfDraining, type HeaderList, SHIELD } from '../form/reply-head.ts';

export function sendProblem(
  context: HttpContext,
  request: HttpRequest,
  response: HttpResponse,
  reason: Refusal,
  more: HeaderList = [],
  instance: string = context.source.nextInstance(),
): void {
  context.meter?.refused(reason.code);
  const body = JSON.stringify(problemDocument(reason, context.source, instance));
  const head = problemHead(context, reason, more);
  head.push('Content-Length', String(Buffer.byteLength(body)));
  const isAllThere = isWhole(request);
  // The bytes after a malformed message may be part of it, so they are not read as a request.
  const isMistaken = !isAllThere || MISTAKEN.has(reason.code);
  const isBroken = reason.code === 'internal';
  const isLast = isMistaken || isBroken || isBetterAskedElsewhere(reason.code);
  if (isLast) {
    connectionOf(request.socket)?.end();
    head.push('Connection', 'close');
  } else closeIfDraining(context, head);
  response.writeHead(statusOf(reason.code), head);
  if (isAllThere) {
    response.end(request.method === 'HEAD' ? undefined : body);
  } else {
    response.write(body);
    linger(request, response, context.limits.lingerMs);
  }
}

const MISTAKEN: ReadonlySet<string> = new Set(['bad-request', 'version-not-supported']);

/** Stands in for the instance, which differs for each problem. */
const INSTANCE = 'urn:instance';

/** Documents of frequent problems, made once: only the instance is inserted for each. */
export function bodiesOf({ source }: HttpContext, reason: Refusal): () => string {
  const parts = JSON.stringify(problemDocument(reason, source, INSTANCE)).split(INSTANCE);
  const [before = '', after = ''] = parts;
  assert(parts.length === 2, 'refuse: a problem has one instance');
  return () => `${before}${source.nextInstance()}${after}`;
}

/** `more` may name the replica that answered instead of this one. */
export function problemHead(context: HttpContext, reason: Refusal, more: HeaderList): HeaderList {
  const head = [
    'Content-Type',
    PROBLEM_TYPE,
    ...(more.includes('Conit-Served-By') ? [] : ['Conit-Served-By', context.servedBy]),
    'Cache-Control',
    'no-store',
    ...SHIELD,
    ...more,
  ];
  const retryAfter = retryAfterOf(reason);
  if (retryAfter !== undefined) head.push('Retry-After', retryAfter);
  if (reason.code === 'unauthorized') head.push('WWW-Authenticate', 'Bearer realm="conit"');
  return head;
}

function isWhole(request: HttpRequest): boolean {
  return request.complete || !hasBody(request);
}

function hasBody({ headers }: HttpRequest): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function linger(request: HttpRequest, response: HttpResponse, lingerMs: number): void {
  const finish = (): void => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(finish, lingerMs);
  request.once('end', finish);
  request.once('close', finish);
  request.resume();
}
