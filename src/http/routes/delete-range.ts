// DELETE /v1/kv/{ns}: deletes the keys of a range, a page at a time. A page is read as a list reads
// it; then exactly the versions in it are deleted, and nothing newer. Only `all` deletes the whole
// namespace: a bound that a script left empty must not mean everything.

import type { FastifyReply } from 'fastify';
import type { QueryOf } from '../../api/parameters.ts';
import { addRoute, type App, type RouteCall } from './add-route.ts';
import { LIST_LIMIT_MAX } from '../../model/command.ts';
import { isDefinite } from '../../model/fault.ts';
import type { Policy } from '../../model/policy.ts';
import type { QuorumSpec } from '../../model/quorum.ts';
import type { Listed } from '../../model/reply.ts';
import type { HttpContext } from '../context.ts';
import { formatCursor, type ListQuery, readCursor } from '../form/cursor.ts';
import { invalid } from '../../api/readers.ts';
import { isBetterAskedElsewhere, locationOf } from '../form/elsewhere.ts';
import { isFault, type Refusal, refusal } from '../problem.ts';
import { askPage } from './page.ts';
import { deleteSeen, RANGE_KEY_BYTES_MAX, type RangeOutcome } from './range-run.ts';
import { dataHeaders, redirectTo, replyProblem, sendJson } from './reply.ts';
import { readIdempotencyKey } from '../../api/request-headers.ts';
import { type ClientSession, openSession } from '../session/client-session.ts';
import { readTimeLeft } from '../guard/time-left.ts';

type Query = QueryOf<'delete-range'>;

/** Headers that would restrict the delete, and that this route does not support. */
const UNHEARD = ['if-match', 'if-none-match', 'if-unmodified-since', 'content-range'];

export function deleteRangeRoutes(app: App, context: HttpContext): void {
  addRoute(app, context, 'delete-range', async (call) => {
    const { reply } = call;
    const asked = readAsked(context, call);
    if (isFault(asked)) return replyProblem(context, reply, asked);
    const page = await readPage(context, asked);
    if (isFault(page)) return refuse(context, reply, asked, page);
    const { namespace } = asked.policy;
    const leftMs = Math.max(Math.ceil(asked.timeoutMs - reply.elapsedTime), 1);
    const { key: idempotencyKey, session, w } = asked;
    const options = { namespace, w, timeoutMs: leftMs, idempotencyKey, session };
    const outcome = await deleteSeen(context, page.items, options);
    const { reason } = outcome;
    if (reason !== undefined && !isProgress(outcome)) return refuse(context, reply, asked, reason);
    return send(context, reply, asked, page, outcome);
  });
}

interface Asked {
  readonly policy: Policy;
  readonly bounds: ListQuery;
  readonly after: string;
  readonly limit: number;
  readonly w: QuorumSpec | undefined;
  readonly r: QuorumSpec | undefined;
  readonly timeoutMs: number;
  /** The idempotency key. */
  readonly key: string | undefined;
  readonly session: ClientSession;
  readonly redirects: boolean;
  readonly target: string;
}

function readAsked(
  context: HttpContext,
  { request, query, policy }: RouteCall<'delete-range'>,
): Asked | Refusal {
  const { headers, url } = request;
  const unheard = UNHEARD.find((header) => headers[header] !== undefined);
  if (unheard !== undefined)
    return refusal('bad-request', `a range delete does not accept the header "${unheard}"`);
  const reason = refuseBounds(query);
  if (reason !== undefined) return reason;
  const leftMs = readTimeLeft(context, request, query.timeout, policy);
  if (isFault(leftMs)) return leftMs;
  const timeoutMs = leftMs ?? policy.timeoutMs;
  const header = [headers['idempotency-key']].flat()[0];
  const key = header === undefined ? undefined : readIdempotencyKey(header, RANGE_KEY_BYTES_MAX);
  if (isFault(key)) return key;
  const { prefix = '', start = '', end = '', w, r } = query;
  const bounds = { namespace: policy.namespace, prefix, start, end, delimiter: '', reverse: false };
  const after = query.cursor === undefined ? '' : readCursor(bounds, query.cursor);
  if (isFault(after)) return after;
  const limit = Math.min(query.limit ?? LIST_LIMIT_MAX, context.limits.batchItemsMax);
  const redirects = query.redirect === 'redirect';
  const session = openSession(context, request, query.session ?? policy.session);
  if (isFault(session)) return session;
  if (session.fullness !== undefined) return session.fullness;
  const rest = { w, r, timeoutMs, key, session, redirects, target: url };
  return { policy, bounds, after, limit, ...rest };
}

function refuseBounds({ prefix = '', start = '', end = '', all }: Query): Refusal | undefined {
  const isAll = all === true;
  const isBounded = prefix !== '' || start !== '' || end !== '';
  if (isAll && isBounded)
    return invalid(
      'all',
      'means the whole namespace and cannot be combined with prefix, start or end',
    );
  if (isAll || isBounded) return undefined;
  return refusal(
    'invalid-parameter',
    'nothing was deleted: name a prefix, a start or an end that is not empty, or "all" for the whole namespace',
  );
}

function readPage({ service }: HttpContext, asked: Asked): Promise<Listed | Refusal> {
  const { bounds, policy, after, limit, r, timeoutMs, redirects } = asked;
  const { namespace } = policy;
  const onUnmet = redirects ? 'fail' : 'usual';
  const rest = { r, after, limit, values: false, bytesMax: undefined, timeoutMs, onUnmet } as const;
  return askPage(service, { ...bounds, namespace, ...rest }, asked.session);
}

function refuse(
  context: HttpContext,
  reply: FastifyReply,
  { redirects, target }: Asked,
  reason: Refusal,
): FastifyReply {
  const isAsked = redirects && isBetterAskedElsewhere(reason.code);
  const location = isAsked ? locationOf(reason, target) : undefined;
  if (location === undefined) return replyProblem(context, reply, reason);
  return redirectTo(context, reply, location);
}

/**
 * Some deletes are done, and no outcome is unknown: the client continues at the end of the page.
 */
function isProgress({ deleted, stoppedAt, reason }: RangeOutcome): boolean {
  return (deleted > 0 || stoppedAt > 0) && reason !== undefined && isDefinite(reason.code);
}

function send(
  context: HttpContext,
  reply: FastifyReply,
  { policy, bounds, after, session }: Asked,
  page: Listed,
  { deleted, stoppedAt, reason }: RangeOutcome,
): FastifyReply {
  const goesOn = reason === undefined ? page.after : (page.items[stoppedAt - 1]?.key ?? after);
  const isOver = reason === undefined && goesOn === '';
  const { token } = session;
  if (isFault(token)) return replyProblem(context, reply, token);
  dataHeaders(context, reply, policy.consistency, token, page);
  return sendJson(reply, { deleted, cursor: isOver ? null : formatCursor(bounds, goesOn) });
}
