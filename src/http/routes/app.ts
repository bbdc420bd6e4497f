// The fastify application: everything that is not on the data path. Bodies are parsed strictly
// (json.ts), schemas refuse members that they do not name, every route must be in the route table,
// and every error is answered with a problem.

import type { IncomingHttpHeaders } from 'node:http';
import Fastify, { type FastifyRequest, type FastifyServerFactory } from 'fastify';
import { routeAt } from '../../api/routes.ts';
import { guardAccess, tablePath } from './access-hook.ts';
import { CROWDED } from '../guard/arriving.ts';
import type { App } from './add-route.ts';
import { compressReplies } from './compress.ts';
import { connectionOf } from '../guard/connection.ts';
import type { HttpContext } from '../context.ts';
import { type Digests, digestsOf, refuseDigests } from '../form/digest.ts';
import { answerErrors } from './error-hook.ts';
import { parseJsonInPieces } from '../json.ts';
import { BAD_PATH } from '../data/key-target.ts';
import { createParserErrorHandler } from '../guard/parser-error.ts';
import { refusal } from '../problem.ts';
import { queryObject } from '../form/query.ts';
import { RefusedError, replyProblem, setHeaders } from './reply.ts';
import { SHIELD } from '../form/reply-head.ts';
import { noteWaits } from '../guard/time-left.ts';
import { batchRoutes } from './batch.ts';
import { clusterRoutes } from './cluster.ts';
import { deleteRangeRoutes } from './delete-range.ts';
import { documentRoutes } from './document.ts';
import { explainRoutes } from './explain.ts';
import { healthRoutes } from './health.ts';
import { jobRoutes } from './jobs.ts';
import { listRoutes } from './list.ts';
import { memberRoutes } from './members.ts';
import { namespaceRoutes } from './namespaces.ts';
import { routeRoutes } from './route.ts';
import { writeStatusRoutes } from './write-status.ts';

const PARAMETER_LENGTH_MAX = 4096;
const JSON_TYPE = /^application\/json(?:\s*;\s*charset="?utf-8"?)?$/i;

/** `serverFactory` makes the server behind which fastify runs. */
export async function createApp(
  context: HttpContext,
  serverFactory: FastifyServerFactory,
): Promise<App> {
  const app: App = Fastify({
    serverFactory,
    clientErrorHandler: createParserErrorHandler(context),
    frameworkErrors(_error, _request, reply) {
      replyProblem(context, reply, BAD_PATH);
    },
    logger: false,
    bodyLimit: context.limits.batchBytesMax,
    forceCloseConnections: false,
    return503OnClosing: false,
    routerOptions: {
      maxParamLength: PARAMETER_LENGTH_MAX,
      querystringParser: (query) => queryObject(query),
    },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: true } },
  });
  readBodies(app, context);
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  answerErrors(app, context);
  app.addHook('onRequest', (_request, reply, done) => {
    setHeaders(reply, SHIELD);
    done();
  });
  noteWaits(app);
  guardAccess(app, context);
  meterRequests(app, context);
  compressReplies(app);
  countReplies(app, context);
  await documentRoutes(app, context);
  for (const routes of ROUTES) routes(app, context);
  await app.ready();
  return app;
}

/** Measures requests under the names of their operations in the table of routes. */
function meterRequests(app: App, { meter, namespaces }: HttpContext): void {
  if (meter === undefined) return;
  app.addHook('onResponse', (request, reply, done) => {
    const { url } = request.routeOptions;
    const route = url === undefined ? undefined : routeAt(request.method, tablePath(url));
    const { ns = '' } = request.params as { readonly ns?: string };
    const level = namespaces.get(ns)?.consistency ?? '';
    meter.observe(route?.id ?? 'other', level, reply.statusCode, reply.elapsedTime / 1000);
    done();
  });
}

/** Small replies are written in one piece, or their connection bounds them. */
const COUNTED_BYTES_MIN = 16 * 1024;

function countReplies(app: App, { memory }: HttpContext): void {
  app.addHook('onSend', (request, reply, payload, done) => {
    connectionOf(request.raw.socket)?.answering(reply.raw);
    const bytes = Buffer.isBuffer(payload) ? payload.length : 0;
    if (bytes >= COUNTED_BYTES_MIN) memory.owe(reply.raw, bytes);
    done(null, payload);
  });
}

const ROUTES = [
  batchRoutes,
  clusterRoutes,
  deleteRangeRoutes,
  explainRoutes,
  healthRoutes,
  jobRoutes,
  listRoutes,
  memberRoutes,
  namespaceRoutes,
  routeRoutes,
  writeStatusRoutes,
];

function readBodies(app: App, { arriving, limits }: HttpContext): void {
  app.removeAllContentTypeParsers();
  app.addHook('preParsing', ({ raw }, _reply, payload, done) => {
    // The reader of this body answers with the error raised here, and drops what has arrived.
    arriving.watch(raw, limits.batchBytesMax, () => raw.emit('error', new RefusedError(CROWDED)));
    done(null, payload);
  });
  app.addContentTypeParser(
    '*',
    { parseAs: 'buffer' },
    async (request: FastifyRequest, body: Buffer) => {
      // One empty chunk is no body, whatever its content type.
      if (body.length === 0) return undefined;
      if (!JSON_TYPE.test(request.headers['content-type'] ?? ''))
        throw new RefusedError(refusal('unsupported-media-type', 'the body must be JSON'));
      const digests = digestsOf(digestHeaders(request.headers));
      const wrong = digests === undefined ? undefined : refuseDigests(digests, body);
      if (wrong !== undefined) throw new RefusedError(wrong);
      const json = await parseJsonInPieces(body, limits.jsonDepthMax, limits.valueBytesMax);
      if (json.ok) return json.value;
      throw new RefusedError(
        refusal(json.isTooLarge ? 'content-too-large' : 'bad-request', json.reason),
      );
    },
  );
}

function digestHeaders(headers: IncomingHttpHeaders): Digests {
  const textOf = (name: string) => headers[name] && [headers[name]].flat().join(', ');
  return {
    contentDigest: textOf('content-digest'),
    reprDigest: textOf('repr-digest'),
    digest: textOf('digest'),
    contentMd5: textOf('content-md5'),
  };
}
