// Answers of fastify's routes: a problem for a refusal, and the headers of every reply of a
// namespace.

import type { FastifyReply } from 'fastify';
import type { Level } from '../../model/level.ts';
import type { Holder } from '../../model/reply.ts';
import type { Staleness } from '../../model/staleness.ts';
import { connectionOf } from '../guard/connection.ts';
import { type HttpContext, isDraining } from '../context.ts';
import { isBetterAskedElsewhere } from '../form/elsewhere.ts';
import { statusOf } from '../../api/problems.ts';
import { problemDocument, type Refusal } from '../problem.ts';
import { problemHead } from '../data/refuse.ts';
import {
  closeIfDraining,
  type HeaderList,
  servedByText,
  stalenessText,
  timingText,
} from '../form/reply-head.ts';
import type { ReadyCheck } from '../../api/shapes.ts';

/** A refusal on its way through fastify's error handling. Our own code never throws it. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly reason: Refusal;

  constructor(reason: Refusal) {
    super(reason.detail);
    this.reason = reason;
  }
}

/** The optional members of a problem. */
export interface ProblemExtra {
  readonly instance?: string;
  readonly checks?: readonly ReadyCheck[];
}

/** `extra` are further members of the problem. */
export function replyProblem(
  context: HttpContext,
  reply: FastifyReply,
  reason: Refusal,
  more: HeaderList = [],
  extra: ProblemExtra = {},
): FastifyReply {
  context.meter?.refused(reason.code);
  const head = problemHead(context, reason, more);
  closeIfDraining(context, head);
  setHeaders(reply, head);
  if (isBetterAskedElsewhere(reason.code)) endConnection(reply);
  const document = { ...problemDocument(reason, context.source), ...extra };
  return reply.code(statusOf(reason.code)).send(jsonBytes(document));
}

/** Sends `body` as JSON that no cache may keep. */
export function replyJson(context: HttpContext, reply: FastifyReply, body: unknown): FastifyReply {
  commonHeaders(context, reply);
  return sendJson(reply, body);
}

/** The same when the headers are already set. */
export function sendJson(reply: FastifyReply, body: unknown): FastifyReply {
  return reply.type('application/json').send(jsonBytes(body));
}

/** The headers of a reply about a namespace's data. */
export function dataHeaders(
  context: HttpContext,
  reply: FastifyReply,
  level: Level,
  sessionToken: string,
  page?: { readonly stalenessMs: Staleness; readonly heldBy: Holder | undefined },
): void {
  commonHeaders(context, reply, page?.heldBy);
  reply.header('Conit-Consistency', level);
  reply.header('Conit-Session', sessionToken);
  reply.header('Server-Timing', timingText(reply.elapsedTime));
  if (page !== undefined) reply.header('Conit-Staleness', stalenessText(page.stalenessMs));
}

export function commonHeaders(context: HttpContext, reply: FastifyReply, heldBy?: Holder): void {
  reply.header('Conit-Served-By', servedByText(context, heldBy));
  reply.header('Cache-Control', 'no-store');
  if (isDraining(context)) reply.header('Connection', 'close');
}

/** True: the client asked for a redirect. */
export function redirectTo(
  context: HttpContext,
  reply: FastifyReply,
  location: string,
): FastifyReply {
  commonHeaders(context, reply);
  endConnection(reply);
  return reply.code(307).header('Location', location).send();
}

/** Requests after this reply are ignored. */
export function endConnection(reply: FastifyReply): void {
  connectionOf(reply.request.raw.socket)?.end();
  reply.header('Connection', 'close');
}

export function setHeaders(reply: FastifyReply, head: readonly string[]): void {
  for (let i = 0; i + 1 < head.length; i += 2) reply.header(head[i] as string, head[i + 1]);
}

// As bytes: fastify would add a charset to the type of a string, which JSON does not have.
function jsonBytes(body: unknown): Buffer {
  return Buffer.from(JSON.stringify(body), 'utf8');
}
