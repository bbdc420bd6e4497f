// Serves a route of the route table with fastify. It accepts exactly the path, query and body that
// api/ describes; the handler only decides what the request means.

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type BodyOf, operationOf } from '../../api/operations.ts';
import { type QueryOf, readQuery } from '../../api/parameters.ts';
import { type PathOf, type RouteId, routeOf } from '../../api/routes.ts';
import type { Policy } from '../../model/policy.ts';
import { type HttpContext, policyOf } from '../context.ts';
import { isFault, refusal } from '../problem.ts';
import { replyProblem } from './reply.ts';

/** The fastify application as its routes and hooks see it. */
export type App = FastifyInstance<Server, IncomingMessage, ServerResponse>;

/** A request whose path, query and body are valid for its route. */
export interface RouteCall<Id extends RouteId> {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  /** Without the key, because fastify does not keep its bytes. */
  readonly path: Omit<PathOf<Id>, 'key'>;
  readonly query: QueryOf<Id>;
  readonly body: BodyOf<Id>;
  /** The namespace in the path. */
  readonly policy: 'ns' extends keyof PathOf<Id> ? Policy : undefined;
}

const NO_BODY = refusal('bad-request', 'this request takes no body; nothing happened');

export function addRoute<Id extends RouteId>(
  app: App,
  context: HttpContext,
  id: Id,
  handler: (call: RouteCall<Id>) => FastifyReply | Promise<FastifyReply>,
): void {
  const { method, path } = routeOf(id);
  const body = operationOf(id)?.body;
  const url = path.replace('{key}', '*').replace(/\{(\w+)\}/g, ':$1');
  const schema = body === undefined ? {} : { body };
  app.route({ method, url, schema, handler: answer });

  async function answer(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const inPath = request.params as RouteCall<Id>['path'] & { readonly ns?: string };
    const policy = inPath.ns === undefined ? undefined : policyOf(context, inPath.ns);
    if (isFault(policy)) return replyProblem(context, reply, policy);
    if (body === undefined && request.body !== undefined && request.body !== null)
      return replyProblem(context, reply, NO_BODY);
    const { quorums } = context;
    const query = readQuery(id, request.query as Parameters<typeof readQuery>[1], {
      quorums,
      policy,
    });
    if (isFault(query)) return replyProblem(context, reply, query);
    const { body: given } = request;
    return handler({ request, reply, path: inPath, query, body: given, policy } as RouteCall<Id>);
  }
}
