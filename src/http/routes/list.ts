// GET /v1/kv/{ns}: the keys of a namespace in byte order, in pages, as a JSON document or JSON
// lines.

import type { FastifyReply, FastifyRequest } from 'fastify';
import { addRoute, type App } from './add-route.ts';
import { LIST_LIMIT_DEFAULT, type QueryOf } from '../../api/parameters.ts';
import { JSON_LINES_TYPE, JSON_TYPE } from '../../api/operations.ts';
import { pathTo } from '../../api/routes.ts';
import type { Policy } from '../../model/policy.ts';
import { latestOf } from '../../model/record.ts';
import type { Listed } from '../../model/reply.ts';
import { prefersFirst } from '../form/accept.ts';
import type { HttpContext } from '../context.ts';
import { formatCursor, type ListQuery, readCursor } from '../form/cursor.ts';
import { textFromBytes } from '../form/key-text.ts';
import { invalid, type UnmetWord, unmetOf } from '../../api/readers.ts';
import { locationOf } from '../form/elsewhere.ts';
import { isFault, type Refusal } from '../problem.ts';
import { askPage } from './page.ts';
import { percentEncode } from '../form/percent.ts';
import { recordView } from '../form/record-view.ts';
import { dataHeaders, redirectTo, replyProblem, sendJson, setHeaders } from './reply.ts';
import { wholeStaleness } from '../form/reply-head.ts';
import { type ListView } from '../../api/shapes.ts';
import { type ClientSession, openSession } from '../session/client-session.ts';
import { readTimeLeft } from '../guard/time-left.ts';

type Query = QueryOf<'list'>;

export function listRoutes(app: App, context: HttpContext): void {
  addRoute(app, context, 'list', async ({ request, reply, query, policy }) => {
    const session = openSession(context, request, query.session ?? policy.session);
    if (isFault(session)) return replyProblem(context, reply, session);
    const page = await readPage(context, request, { policy, query, session });
    if (isFault(page)) return sendRefusal(context, reply, { query, page, target: request.url });
    const { accept } = request.headers;
    return sendPage(context, reply, { policy, query, session, page, accept });
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
  const isAsked = unmetWordOf(query) === 'redirect';
  const location = isAsked ? locationOf(page, target) : undefined;
  if (location === undefined) return replyProblem(context, reply, page);
  return redirectTo(context, reply, location);
}

function unmetWordOf({ onUnmet, redirect }: Query): UnmetWord | undefined | Refusal {
  if (onUnmet !== undefined && redirect !== undefined)
    return invalid('redirect', 'and onUnmet mean the same; send one of them');
  return redirect ?? onUnmet;
}

async function readPage(
  context: HttpContext,
  request: FastifyRequest,
  { policy, query, session }: Omit<Answer, 'page' | 'accept'>,
): Promise<Listed | Refusal> {
  const unmet = unmetWordOf(query);
  if (isFault(unmet)) return unmet;
  const timeoutMs = readTimeLeft(context, request, query.timeout, policy);
  if (isFault(timeoutMs)) return timeoutMs;
  const bounds = boundsOf(policy, query);
  const after = query.cursor === undefined ? '' : readCursor(bounds, query.cursor);
  if (isFault(after)) return after;
  const { r, limit = LIST_LIMIT_DEFAULT, t: boundMs = policy.boundMs } = query;
  const { namespace } = policy;
  const onUnmet = unmetOf(unmet);
  const values = query.values === 'inline';
  const rest = { r, after, limit, values, bytesMax: undefined, timeoutMs, boundMs, onUnmet };
  const ask = () => askPage(context.service, { ...bounds, namespace, ...rest }, session);
  let page = await ask();
  if (unmet === 'stale' && isFault(page) && session.waive(page)) page = await ask();
  if (isFault(page) || !values) return page;
  return fit(page, query, context.limits.listBytesMax);
}

function boundsOf({ namespace }: Policy, query: Query): ListQuery {
  const { prefix = '', start = '', end = '', delimiter = '', reverse = false } = query;
  return { namespace, prefix, start, end, delimiter, reverse };
}

/** Ends the page before its values exceed the bound; the next one begins after the last item. */
function fit(listed: Listed, query: Query, bytesMax: number): Listed {
  let bytes = 0;
  const cut = listed.items.findIndex((record, index) => {
    bytes += latestOf(record).value.length;
    return index > 0 && bytes > bytesMax;
  });
  const last = listed.items[cut - 1];
  if (last === undefined) return listed;
  const isBefore = (prefix: string) =>
    query.reverse === true ? prefix > last.key : prefix < last.key;
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
  readonly session: ClientSession;
  readonly page: Listed;
  readonly accept: string | undefined;
}

function sendPage(
  context: HttpContext,
  reply: FastifyReply,
  { policy, query, session, page, accept }: Answer,
): FastifyReply {
  const bounds = boundsOf(policy, query);
  const cursor = page.after === '' ? null : formatCursor(bounds, page.after);
  const view = viewOf(context, page, query, cursor);
  const { token } = session;
  if (isFault(token)) return replyProblem(context, reply, token);
  dataHeaders(context, reply, policy.consistency, token, page);
  setHeaders(reply, session.unmetHead);
  reply.header('Vary', context.varyAccept);
  if (cursor !== null) reply.header('Link', `<${linkTo(bounds, query, cursor)}>; rel="next"`);
  if (!prefersFirst(accept, JSON_LINES_TYPE, JSON_TYPE)) return sendJson(reply, view);
  return reply.type(JSON_LINES_TYPE).send(Buffer.from(linesOf(view), 'utf8'));
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

/** One item or prefix a line; the last line describes the page. */
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
  const { r = '', consistency = '' } = query;
  const { namespace, prefix, start, end, delimiter } = bounds;
  const reverse = bounds.reverse ? 'true' : '';
  const inline = query.values === 'inline' ? query.values : '';
  const limit = (query.limit ?? LIST_LIMIT_DEFAULT) === LIST_LIMIT_DEFAULT ? '' : query.limit;
  const timeout = query.timeout === undefined ? '' : `${query.timeout}ms`;
  const onUnmet = query.onUnmet ?? (query.redirect === 'redirect' ? 'redirect' : '');
  const parameters = { prefix, start, end, reverse, delimiter, limit, values: inline };
  const all = Object.entries({ ...parameters, r, consistency, timeout, onUnmet, cursor });
  const given = all.filter(([, value]) => value !== '');
  const text = given.map(([name, value]) => `${name}=${percentEncode(String(value))}`).join('&');
  return `${pathTo('list', { ns: namespace })}?${text}`;
}
