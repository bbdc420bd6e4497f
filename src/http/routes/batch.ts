// POST /v1/batch/{ns}: up to a thousand operations in one request, each answered by itself, in order. A batch is not
// atomic: some may succeed and others fail. An Idempotency-Key counts for each operation by its place.

import type { FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import type { Reply } from '../../model/command.ts';
import type { ReplicaService } from '../../model/port.ts';
import { callerOf } from '../access-hook.ts';
import type { App } from '../app-type.ts';
import { FORBIDDEN, mayIn } from '../auth.ts';
import {
  BATCH_KEY_BYTES_MAX,
  type BatchOptions,
  commandOf,
  problemResult,
  resultOf,
} from '../batch-item.ts';
import type { HttpContext } from '../context.ts';
import { isBetterAskedElsewhere } from '../elsewhere.ts';
import { checkLevel, isFault, readTimeout } from '../parameter.ts';
import { policyOf } from '../policy-of.ts';
import { type Refusal, refusal } from '../problem.ts';
import { dataHeaders, endConnection, replyProblem, sendJson } from '../reply.ts';
import type { BatchItem, BatchResult } from '../schema.ts';
import { BatchResultsSchema, BatchSchema, ProblemSchema } from '../schema.ts';
import { prefersAsync, readIdempotencyKey } from '../write-header.ts';

const QuerySchema = Type.Object(
  {
    w: Type.Optional(Type.String({ description: 'A number, majority, all, local or each' })),
    r: Type.Optional(Type.String({ description: 'A number, majority, all, local or each' })),
    consistency: Type.Optional(Type.String()),
    timeout: Type.Optional(Type.String({ description: 'As in 500ms' })),
  },
  { additionalProperties: false },
);

type Query = Static<typeof QuerySchema>;

export function batchRoutes(app: App, context: HttpContext): void {
  const schema = {
    operationId: 'batch',
    summary: 'Several operations, each by itself: not atomic',
    params: Type.Object({ ns: Type.String() }),
    querystring: QuerySchema,
    body: BatchSchema,
    response: { 200: BatchResultsSchema, default: ProblemSchema },
  };
  app.post('/v1/batch/:ns', { schema }, async (request, reply) => {
    const { ops } = request.body;
    const options = readOptions(context, request, request.params.ns, request.query);
    if (isFault(options)) return replyProblem(context, reply, options);
    const reason = refuseBatch(context, request, options, ops);
    if (reason !== undefined) return replyProblem(context, reply, reason);
    const replies = await runBatch(context, ops, options);
    const results = resultsOf(context, ops, replies);
    dataHeaders(context, reply, options.policy.consistency);
    if (replies.some(isTurnedAway)) endConnection(reply);
    return sendJson(reply, { results });
  });
}

function readOptions(
  context: HttpContext,
  { headers }: FastifyRequest,
  namespace: string,
  query: Query,
): BatchOptions | Refusal {
  const policy = policyOf(context, namespace);
  if (isFault(policy)) return policy;
  const level = query.consistency === undefined ? undefined : checkLevel(query.consistency, policy);
  if (level !== undefined) return level;
  const w = query.w === undefined ? undefined : context.quorums.read('w', query.w);
  if (isFault(w)) return w;
  const r = query.r === undefined ? undefined : context.quorums.read('r', query.r);
  if (isFault(r)) return r;
  const timeoutMs = query.timeout === undefined ? undefined : readTimeout(query.timeout);
  if (isFault(timeoutMs)) return timeoutMs;
  const header = [headers['idempotency-key']].flat()[0];
  const idempotencyKey =
    header === undefined ? undefined : readIdempotencyKey(header, BATCH_KEY_BYTES_MAX);
  if (isFault(idempotencyKey)) return idempotencyKey;
  const respondAsync = prefersAsync([headers['prefer']].flat().join(','));
  return { policy, w, r, timeoutMs, idempotencyKey, respondAsync };
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

function runBatch(
  { service, limits }: HttpContext,
  ops: readonly BatchItem[],
  options: BatchOptions,
): Promise<(Reply | Refusal)[]> {
  // All are submitted before the first is awaited, so that they share turns and syncs, in their order.
  const answers = ops.map((item, index) =>
    submit(service, (client) => commandOf(item, index, options, client, limits.valueBytesMax)),
  );
  return Promise.all(answers);
}

function resultsOf(
  context: HttpContext,
  ops: readonly BatchItem[],
  replies: readonly (Reply | Refusal)[],
): BatchResult[] {
  let bytes = 0;
  return replies.map((reply, index) => {
    if (isFault(reply)) return problemResult(context, reply);
    if (reply.kind === 'found') bytes += reply.record.value.length;
    if (bytes > context.limits.batchBytesMax) return problemResult(context, RESULTS_FULL);
    return resultOf(context, ops[index] as BatchItem, reply);
  });
}

/** One of them is better asked elsewhere, and so is the next batch. */
function isTurnedAway(reply: Reply | Refusal): boolean {
  if (isFault(reply)) return isBetterAskedElsewhere(reply.code);
  return reply.kind === 'failed' && isBetterAskedElsewhere(reply.fault.code);
}

const RESULTS_FULL = refusal('content-too-large', 'the results of this batch are full already');

function submit(
  service: ReplicaService,
  commandFor: (client: { onReply: (reply: Reply) => void }) => ReturnType<typeof commandOf>,
): Promise<Reply | Refusal> {
  return new Promise((resolve) => {
    const command = commandFor({ onReply: resolve });
    if (isFault(command)) resolve(command);
    else service.submit(command);
  });
}
