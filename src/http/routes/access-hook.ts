// Connects the fastify routes with the route table: a route that is not in the table stops the
// start, and the caller's role is checked before a route's handler runs.

import type { FastifyRequest, RouteOptions } from 'fastify';
import { assert } from '../../base/assert.ts';
import type { App } from './add-route.ts';
import { type Caller, callerFor } from '../guard/auth.ts';
import { connectionOf } from '../guard/connection.ts';
import type { HttpContext } from '../context.ts';
import { answerUnrouted } from './error-hook.ts';
import { isFault, type Refusal } from '../problem.ts';
import { replyProblem } from './reply.ts';
import { type Route, routeAt } from '../../api/routes.ts';

const callers = new WeakMap<FastifyRequest, Caller>();
const DOCS_PATH = '/docs';

/** The caller, for a handler with further checks. */
export function callerOf(request: FastifyRequest): Caller {
  return callers.get(request) ?? 'anyone';
}

export function guardAccess(app: App, context: HttpContext): void {
  app.addHook('onRoute', (options) => {
    if (tableRoute(options) !== undefined) return;
    throw new Error(`the route ${String(options.method)} ${options.url} is not in the route table`);
  });
  app.addHook('onRequest', (request, reply, done) => {
    // Runs before the body is checked: for a path without a route, a fault of the body is not
    // reported.
    if (request.is404) {
      answerUnrouted(context, request, reply);
      return;
    }
    const reason = refuse(context, request);
    if (reason === undefined) done();
    else replyProblem(context, reply, reason);
  });
}

/** Fastify's path in the form of OpenAPI and the route table. */
export function tablePath(url: string): string {
  if (url === DOCS_PATH || url.startsWith(`${DOCS_PATH}/`)) return DOCS_PATH;
  return url.replace(/:(\w+)/g, '{$1}').replace('*', '{key}');
}

function tableRoute({ method, url }: Pick<RouteOptions, 'method' | 'url'>): Route | undefined {
  const routes = [method].flat().map((name) => routeAt(name, tablePath(url)));
  return routes.every((route) => route?.front === 'fastify') ? routes[0] : undefined;
}

function refuse(context: HttpContext, request: FastifyRequest): Refusal | undefined {
  const { url, method } = request.routeOptions;
  if (url === undefined) return undefined;
  const route = tableRoute({ method, url });
  assert(route !== undefined, 'access: a route that is not in the table');
  return denyAccess(context, request, route);
}

function denyAccess(
  context: HttpContext,
  request: FastifyRequest,
  { access }: Route,
): Refusal | undefined {
  if (access.kind === 'open') return undefined;
  const { authorization } = request.headers;
  const address = connectionOf(request.raw.socket)?.address ?? '';
  const { ns = '' } = request.params as { readonly ns?: string };
  const caller = callerFor(context.auth, { authorization, address }, access, ns);
  if (isFault(caller)) return caller;
  callers.set(request, caller);
  return undefined;
}
