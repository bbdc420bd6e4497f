// Turns the refusals of fastify itself into problems: bodies that do not match a schema, unknown
// paths, methods that a path does not support. An error that is a bug of ours is reported, and the
// client gets only its instance.

import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import type { App } from './add-route.ts';
import { dropHeaders, INTERNAL, reportBug } from '../data/break-off.ts';
import type { HttpContext } from '../context.ts';
import { type Refusal, refusal } from '../problem.ts';
import { endConnection, RefusedError, replyProblem } from './reply.ts';
import { methodsAt, routeAt } from '../../api/routes.ts';

type Validation = NonNullable<FastifyError['validation']>[number];

const NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;

export function answerErrors(app: App, context: HttpContext): void {
  app.setErrorHandler((error: FastifyError, _request, reply) => {
    const reason = refusalOf(error);
    if (reason !== undefined) return replyProblem(context, reply, reason);
    return replyInternal(context, reply, error);
  });
  app.setNotFoundHandler((request, reply) => answerUnrouted(context, request, reply));
}

function replyInternal(context: HttpContext, reply: FastifyReply, error: unknown): FastifyReply {
  const instance = reportBug(context, error);
  // The failed answer may have left a header that cannot be written.
  for (const name of Object.keys(reply.getHeaders())) reply.removeHeader(name);
  dropHeaders(reply.raw);
  endConnection(reply);
  return replyProblem(context, reply, INTERNAL, [], { instance });
}

/** 404, or 405 if the path supports other methods. */
export function answerUnrouted(
  context: HttpContext,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const path = request.url.split('?', 1)[0] as string;
  const methods = methodsAt(path);
  if (methods.length === 0 || routeAt(request.method, path) !== undefined) {
    return replyProblem(
      context,
      reply,
      refusal('route-not-found', 'there is no route at this path'),
    );
  }
  const allow = methods.join(', ');
  const reason = refusal('method-not-allowed', `this path takes ${allow}`);
  return replyProblem(context, reply, reason, ['Allow', allow]);
}

function refusalOf(error: FastifyError): Refusal | undefined {
  if (error instanceof RefusedError) return error.reason;
  const [first] = error.validation ?? [];
  if (first !== undefined) {
    return refusal('invalid-parameter', describe(first, error.validationContext));
  }
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return refusal('content-too-large', 'the body is too large');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return refusal('unsupported-media-type', 'the body must be JSON');
    default:
      return error.statusCode !== undefined && error.statusCode < 500
        ? refusal('bad-request', 'the request is malformed')
        : undefined;
  }
}

// Says where and what, but repeats nothing of the request except a harmless name.
function describe({ instancePath, message, params }: Validation, where = 'request'): string {
  const at = /^[/A-Za-z0-9_.-]{0,80}$/.test(instancePath) ? instancePath : '';
  const extra = params['additionalProperty'];
  if (extra === undefined) return `${where}${at} ${message ?? 'is not acceptable'}`;
  const isHarmless = typeof extra === 'string' && NAME.test(extra);
  return `${where}${at} takes no ${isHarmless ? `"${extra}"` : 'member of this name'}`;
}
