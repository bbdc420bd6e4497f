// GET /openapi.json, generated from the schemas of the routes and completed with the data path, and its page /docs.

import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifySchema } from 'fastify';
import { Type } from 'typebox';
import { tablePath } from '../access-hook.ts';
import type { App } from '../app-type.ts';
import type { HttpContext } from '../context.ts';
import { freeze } from '../frozen.ts';
import { KEY_PATHS } from '../key-document.ts';
import { completePaths, components, type Originals, type Paths } from '../openapi.ts';
import { TAGS } from '../openapi-notes.ts';
import { replyJson } from '../reply.ts';
import { ProblemShape, RootShape } from '../../api/shapes.ts';

const TOKEN = 'token';
const SECURITY_SCHEMES = { [TOKEN]: { type: 'http', scheme: 'bearer' } } as const;

export async function documentRoutes(app: App, context: HttpContext): Promise<void> {
  const originals = new Map<string, FastifySchema>();
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Conit',
        description: 'Multi-region key-value store with a consistency dial on each namespace',
        version: context.version,
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: serversOf(context),
      tags: [...TAGS],
      components: { securitySchemes: SECURITY_SCHEMES },
      security: [{ [TOKEN]: [] }, {}],
    },
    transform: ({ schema, url }) => {
      originals.set(operationIdOf(schema), schema);
      return { schema: namedKey(schema), url: tablePath(url) };
    },
    transformObject: (document) =>
      'openapiObject' in document
        ? complete(document.openapiObject as OpenApi, originals)
        : document.swaggerObject,
  });
  const json = freeze('application/json', () => JSON.stringify(app.swagger()));
  const yaml = freeze('application/x-yaml', () => app.swagger({ yaml: true }));
  // The page's own routes would write the document anew for each request.
  app.addHook('preHandler', (request, reply, done) => {
    const { url } = request.routeOptions;
    if (url === '/docs/json') void json.send(context, reply);
    else if (url === '/docs/yaml') void yaml.send(context, reply);
    else done();
  });
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true });
  const schema = {
    operationId: 'openapi',
    summary: 'This document',
    querystring: Type.Object({}, { additionalProperties: false }),
    response: { 200: Type.Object({}, { additionalProperties: true }), default: ProblemShape },
  };
  app.get('/openapi.json', { schema }, async (_request, reply) => {
    return json.send(context, reply);
  });
  const root = {
    operationId: 'root',
    summary: 'What this is, and where it is described',
    querystring: Type.Object({}, { additionalProperties: false }),
    response: { 200: RootShape, default: ProblemShape },
  };
  app.get('/', { schema: root }, async (_request, reply) => {
    const { version } = context;
    const paths = { docs: '/docs', openapi: '/openapi.json' };
    return replyJson(context, reply, { name: 'conit', version, ...paths });
  });
}

type OpenApi = Readonly<Record<string, unknown>> & { readonly paths: Paths };

function complete(document: OpenApi, originals: Originals): OpenApi {
  const paths = completePaths({ ...KEY_PATHS, ...document.paths }, originals);
  const all = { ...components(), securitySchemes: SECURITY_SCHEMES };
  return { ...document, paths: paths as Paths, components: all };
}

/** First that which served the document, because it can be reached. */
function serversOf({ advertised }: HttpContext): { url: string; description: string }[] {
  const here = { url: '/', description: 'The replica that served this document' };
  return advertised === ''
    ? [here]
    : [here, { url: advertised, description: 'Its advertised URL' }];
}

function operationIdOf(schema: FastifySchema): string {
  return (schema as { readonly operationId?: string }).operationId ?? '';
}

/** What fastify calls `*` is the key. */
function namedKey(schema: FastifySchema): FastifySchema {
  const { properties = {} } = (schema.params ?? {}) as Parameters;
  const { '*': key, ...others } = properties;
  if (key === undefined) return schema;
  const required = [...Object.keys(others), 'key'];
  return { ...schema, params: { type: 'object', properties: { ...others, key }, required } };
}

interface Parameters {
  readonly properties?: Readonly<Record<string, unknown>>;
}
