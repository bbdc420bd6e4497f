// POST /v1/batch/{ns}: up to a thousand operations in one request, answered in their order. Each is
// independent: some may succeed and others fail, and an Idempotency-Key is applied to each
// operation by its position. With `atomic` they happen together or not at all.

import type { FastifyReply, FastifyRequest } from 'fastify';
import { addRoute, type App, type RouteCall } from './add-route.ts';
import { callerOf } from './access-hook.ts';
import { FORBIDDEN, mayIn } from '../guard/auth.ts';
import { runAtomic } from './batch-atomic.ts';
import { BATCH_KEY_BYTES_MAX, type BatchOptions, problemResult, resultOf } from './batch-item.ts';
import { roomFor, runBatch } from './batch-run.ts';
import type { HttpContext } from '../context.ts';
import { isBetterAskedElsewhere } from '../form/elsewhere.ts';
import { isFault, type Refusal, refusal } from '../problem.ts';
import type { AnswerRoom } from '../guard/memory.ts';
import { jsonList } from '../form/json-pieces.ts';
import { dataHeaders, endConnection, replyProblem, sendJson } from './reply.ts';
import { type BatchItem, type BatchResult } from '../../api/shapes.ts';
import { prefersAsync, readIdempotencyKey } from '../../api/request-headers.ts';
import { openSession } from '../session/client-session.ts';
import { readTimeLeft } from '../guard/time-left.ts';
import type { Reply } from '../../model/reply.ts';

export function batchRoutes(app: App, context: HttpContext): void {
  addRoute(app, context, 'batch', async (call) => {
    const { request, reply, body } = call;
    const { ops } = body;
    const options = readOptions(context, call);
    if (isFault(options)) return replyProblem(context, reply, options);
    const reason = refuseBatch(context, request, options, ops);
    if (reason !== undefined) return replyProblem(context, reply, reason);
    if (body.atomic === true) return answerAtomic(context, reply, ops, options);
    const room = roomFor(context);
    try {
      return await answer(context, reply, ops, options, room);
    } finally {
      room.end();
    }
  });
}

async function answer(
  context: HttpContext,
  reply: FastifyReply,
  ops: readonly BatchItem[],
  options: BatchOptions,
  room: AnswerRoom,
): Promise<FastifyReply> {
  const replies = await runBatch(context, ops, options, room);
  for (const each of replies) if (!isFault(each)) options.session.follow(each);
  const isLast = replies.some(isTurnedAway);
  const body = await jsonList('results', ops.length, (index) => {
    const result = resultFor(context, ops[index] as BatchItem, replies[index] as Reply | Refusal);
    // Frees the value, which is in the text now.
    replies[index] = DONE;
    return result;
  });
  const { token } = options.session;
  if (isFault(token)) return replyProblem(context, reply, token);
  dataHeaders(context, reply, options.policy.consistency, token);
  if (isLast) endConnection(reply);
  return reply.type('application/json').send(body);
}

async function answerAtomic(
  context: HttpContext,
  reply: FastifyReply,
  ops: readonly BatchItem[],
  options: BatchOptions,
): Promise<FastifyReply> {
  const results = await runAtomic(context, ops, options);
  const { session } = options;
  if (isFault(results)) return replyProblem(context, reply, results, session.headOf(results));
  const { token } = session;
  if (isFault(token)) return replyProblem(context, reply, token);
  dataHeaders(context, reply, options.policy.consistency, token);
  return sendJson(reply, { results });
}

function resultFor(context: HttpContext, item: BatchItem, reply: Reply | Refusal): BatchResult {
  const result = isFault(reply) ? problemResult(context, reply) : resultOf(context, item, reply);
  context.meter?.item(item.op, result.status);
  return result;
}

/** Replaces a result that is already written. */
const DONE = refusal('content-too-large', 'done');

function readOptions(
  context: HttpContext,
  { request, query, policy }: RouteCall<'batch'>,
): BatchOptions | Refusal {
  const { w, r } = query;
  const timeoutMs = readTimeLeft(context, request, query.timeout, policy);
  if (isFault(timeoutMs)) return timeoutMs;
  const header = [request.headers['idempotency-key']].flat()[0];
  const idempotencyKey =
    header === undefined ? undefined : readIdempotencyKey(header, BATCH_KEY_BYTES_MAX);
  if (isFault(idempotencyKey)) return idempotencyKey;
  const respondAsync = prefersAsync([request.headers['prefer']].flat().join(','));
  const session = openSession(context, request, query.session ?? policy.session);
  if (isFault(session)) return session;
  if (session.fullness !== undefined) return session.fullness;
  return { policy, w, r, timeoutMs, idempotencyKey, respondAsync, session };
}

function refuseBatch(
  { limits }: HttpContext,
  request: FastifyRequest,
  { policy }: BatchOptions,
  ops: readonly BatchItem[],
): Refusal | undefined {
  const isWriting = ops.some(({ op }) => op !== 'get');
  if (isWriting && !mayIn(callerOf(request), policy.namespace, 'write')) return FORBIDDEN;
  if (ops.length <= limits.batchItemsMax) return undefined;
  const detail = `a batch has at most ${limits.batchItemsMax} operations`;
  return refusal('content-too-large', detail);
}

/** If another replica can serve one of them better, it can serve the next batch better. */
function isTurnedAway(reply: Reply | Refusal): boolean {
  if (isFault(reply)) return isBetterAskedElsewhere(reply.code);
  return reply.kind === 'failed' && isBetterAskedElsewhere(reply.fault.code);
}
