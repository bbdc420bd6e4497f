// GET /v1/kv/{ns}: the keys of a namespace in byte order, a page at a time, as one JSON document or as lines of JSON.

import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { pathTo } from '../../api/routes.ts';
import type { Listed } from '../../model/command.ts';
import type { Policy } from '../../model/policy.ts';
import { prefersFirst } from '../accept.ts';
import type { App } from '../app-type.ts';
import type { HttpContext } from '../context.ts';
import { formatCursor, type ListQuery, readCursor } from '../cursor.ts';
import { textFromBytes } from '../key-text.ts';
import { locationOf, type OnUnmet, readUnmet } from '../elsewhere.ts';
import { checkLevel, invalid, isFault } from '../parameter.ts';
import { askPage, limitParameter, RANGE_PARAMETERS, readLimit } from '../page.ts';
import { percentEncode } from '../percent.ts';
import { policyOf } from '../policy-of.ts';
import type { Refusal } from '../problem.ts';
import { recordView } from '../record-view.ts';
import { dataHeaders, redirectTo, replyProblem, sendJson } from '../reply.ts';
import { wholeStaleness } from '../reply-head.ts';
import { ListShape, type ListView, ProblemShape } from '../../api/shapes.ts';
import { readTimeLeft } from '../time-left.ts';

const LIMIT_DEFAULT = 100;
const JSON_LINES = 'application/x-ndjson';

const QuerySchema = Type.Object(
  {
    ...RANGE_PARAMETERS,
    reverse: Type.Union([Type.Literal(''), Type.Literal('true'), Type.Literal('false')], {
      default: 'false',
    }),
    limit: limitParameter('Items and prefixes', LIMIT_DEFAULT),
    delimiter: Type.String({
      maxLength: 16,
      default: '',
      description: 'Keys that share what comes before it, behind the prefix, become one prefix',
    }),
    cursor: Type.Optional(Type.String({ description: 'Of the page before' })),
    values: Type.Union([Type.Literal('none'), Type.Literal('inline')], { default: 'none' }),
    r: Type.Optional(
      Type.String({
        description:
          'Replicas that are compared: a number, majority, all, local or each; the policy says how many otherwise',
      }),
    ),
    consistency: Type.Optional(Type.String()),
    timeout: Type.Optional(Type.String({ description: 'As in 500ms' })),
    onUnmet: Type.Optional(
      Type.String({
        description: 'Where this replica is too far behind: forward, redirect or fail',
      }),
    ),
    redirect: Type.Optional(Type.String({ description: 'Short for onUnmet=redirect' })),
  },
  { additionalProperties: false },
);

type Query = Static<typeof QuerySchema>;

export function listRoutes(app: App, context: HttpContext): void {
  const schema = {
    operationId: 'list',
    summary: 'Lists the keys of a namespace',
    params: Type.Object({ ns: Type.String() }),
    querystring: QuerySchema,
    response: { 200: ListShape, default: ProblemShape },
  };
  app.get('/v1/kv/:ns', { schema }, async (request, reply) => {
    const { params, query, headers, url } = request;
    const policy = policyOf(context, params.ns);
    if (isFault(policy)) return replyProblem(context, reply, policy);
    const page = await readPage(context, request, policy, query);
    if (isFault(page)) return sendRefusal(context, reply, { query, page, target: url });
    return sendPage(context, reply, { policy, query, page, accept: headers.accept });
  });
}

interface Refused {
  readonly query: Query;
  readonly page: Refusal;
  readonly target: string;
}

function sendRefusal(
  context: HttpContext,
  reply: FastifyReply,
  { query, page, target }: Refused,
): FastifyReply {
  const isAsked = unmetOf(query) === 'redirect';
  const location = isAsked ? locationOf(page, target) : undefined;
  if (location === undefined) return replyProblem(context, reply, page);
  return redirectTo(context, reply, location);
}

function unmetOf({ onUnmet, redirect }: Query): OnUnmet | Refusal {
  if (onUnmet !== undefined && redirect !== undefined)
    return invalid('redirect', 'and onUnmet say the same twice');
  if (redirect !== undefined) return readUnmet('redirect', redirect);
  return onUnmet === undefined ? 'forward' : readUnmet('onUnmet', onUnmet);
}

async function readPage(
  context: HttpContext,
  request: FastifyRequest,
  policy: Policy,
  query: Query,
): Promise<Listed | Refusal> {
  const level = query.consistency === undefined ? undefined : checkLevel(query.consistency, policy);
  if (level !== undefined) return level;
  const unmet = unmetOf(query);
  if (isFault(unmet)) return unmet;
  const timeoutMs = readTimeLeft(context, request, query.timeout, policy);
  if (isFault(timeoutMs)) return timeoutMs;
  const r = query.r === undefined ? undefined : context.quorums.read('r', query.r);
  if (isFault(r)) return r;
  const bounds = boundsOf(policy, query);
  const after = query.cursor === undefined ? '' : readCursor(bounds, query.cursor);
  if (isFault(after)) return after;
  const limit = readLimit(query.limit);
  if (isFault(limit)) return limit;
  const { namespace } = policy;
  const onUnmet = unmet === 'forward' ? unmet : 'fail';
  const values = query.values === 'inline';
  const rest = { r, after, limit, values, bytesMax: undefined, timeoutMs, onUnmet } as const;
  const page = await askPage(context.service, { ...bounds, namespace, ...rest });
  if (isFault(page) || !values) return page;
  return fit(page, query, context.limits.listBytesMax);
}

function boundsOf({ namespace }: Policy, query: Query): ListQuery {
  const { prefix, start, end, delimiter } = query;
  return { namespace, prefix, start, end, delimiter, reverse: isReverse(query) };
}

function isReverse({ reverse }: Query): boolean {
  return reverse !== 'false';
}

/** Ends the page before its values outgrow the bound; the next one goes on behind the last that is left. */
function fit(listed: Listed, query: Query, bytesMax: number): Listed {
  let bytes = 0;
  const cut = listed.items.findIndex((record, index) => {
    bytes += record.value.length;
    return index > 0 && bytes > bytesMax;
  });
  const last = listed.items[cut - 1];
  if (last === undefined) return listed;
  const isBefore = (prefix: string) => (isReverse(query) ? prefix > last.key : prefix < last.key);
  return {
    ...listed,
    items: listed.items.slice(0, cut),
    prefixes: listed.prefixes.filter(isBefore),
    after: last.key,
  };
}

interface Answer {
  readonly policy: Policy;
  readonly query: Query;
  readonly page: Listed;
  readonly accept: string | undefined;
}

function sendPage(
  context: HttpContext,
  reply: FastifyReply,
  { policy, query, page, accept }: Answer,
): FastifyReply {
  const bounds = boundsOf(policy, query);
  const cursor = page.after === '' ? null : formatCursor(bounds, page.after);
  const view = viewOf(context, page, query, cursor);
  dataHeaders(context, reply, policy.consistency, page);
  reply.header('Vary', context.varyAccept);
  if (cursor !== null) reply.header('Link', `<${linkTo(bounds, query, cursor)}>; rel="next"`);
  if (!prefersFirst(accept, JSON_LINES, 'application/json')) return sendJson(reply, view);
  return reply.type(JSON_LINES).send(Buffer.from(linesOf(view), 'utf8'));
}

function viewOf(
  { self }: HttpContext,
  page: Listed,
  { values }: Query,
  cursor: string | null,
): ListView {
  const texts = page.prefixes.map(textFromBytes);
  const binary = page.prefixes.filter((_, index) => texts[index] === undefined);
  const prefixesBase64 = binary.map((prefix) => Buffer.from(prefix, 'latin1').toString('base64'));
  return {
    items: page.items.map((record) => recordView(record, values === 'inline')),
    prefixes: texts.filter((text) => text !== undefined),
    ...(prefixesBase64.length === 0 ? {} : { prefixesBase64 }),
    cursor,
    asOf: {
      replica: page.heldBy?.id ?? self.id,
      time: new Date().toISOString(),
      stalenessMs: wholeStaleness(page.stalenessMs),
    },
  };
}

/** One item or prefix a line; the last line holds what concerns the page. */
function linesOf({ items, prefixes, prefixesBase64 = [], cursor, asOf }: ListView): string {
  const lines: unknown[] = [
    ...items,
    ...prefixes.map((prefix) => ({ prefix })),
    ...prefixesBase64.map((prefixBase64) => ({ prefixBase64 })),
    { cursor, asOf },
  ];
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}

function linkTo(bounds: ListQuery, query: Query, cursor: string): string {
  const { limit, values, r = '', consistency = '', timeout = '' } = query;
  const { namespace, prefix, start, end, delimiter } = bounds;
  const reverse = bounds.reverse ? 'true' : '';
  const inline = values === 'inline' ? values : '';
  const size = Number(limit) === LIMIT_DEFAULT ? '' : limit;
  const onUnmet = query.onUnmet ?? (unmetOf(query) === 'redirect' ? 'redirect' : '');
  const parameters = { prefix, start, end, reverse, delimiter, limit: size, values: inline };
  const all = Object.entries({ ...parameters, r, consistency, timeout, onUnmet, cursor });
  const given = all.filter(([, value]) => value !== '');
  const text = given.map(([name, value]) => `${name}=${percentEncode(value)}`).join('&');
  return `${pathTo('list', { ns: namespace })}?${text}`;
}
