// The OpenAPI document, made from the tables of api/: routes, parameters, operations, shapes,
// headers. Schemas with a name are written once, under `components`; errors are problems; and each
// GET has its HEAD.

import { REPLY_HEADERS, type HeaderName } from '../../api/headers.ts';
import { type AnswerRow, type Operation, operationOf, TAGS } from '../../api/operations.ts';
import { type Documented, documentedAt } from '../../api/parameters.ts';
import { PROBLEM_TYPE } from '../../api/problems.ts';
import { type Route, ROUTES } from '../../api/routes.ts';
import { SHAPES } from '../../api/shapes.ts';

type Json = { readonly [name: string]: unknown };

const TOKEN = 'token';

/** `advertised` is the URL at which clients reach this replica, or ''. */
export function openApi(version: string, advertised: string): Json {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Conit',
      description: 'Multi-region key-value store with a consistency dial on each namespace',
      version,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    components: components(),
    paths: paths(),
    servers: servers(advertised),
    security: [{ [TOKEN]: [] }, {}],
    tags: [...TAGS],
  };
}

/** The replica that served the document comes first, because it can be reached. */
function servers(advertised: string): readonly Json[] {
  const here = { url: '/', description: 'The replica that served this document' };
  if (advertised === '') return [here];
  return [here, { url: advertised, description: 'Its advertised URL' }];
}

function paths(): Json {
  const byPath = new Map<string, { [method: string]: Json }>();
  for (const route of ROUTES) {
    const operation = operationOf(route.id);
    if (operation === undefined) continue;
    const methods = byPath.get(route.path) ?? {};
    methods[route.method.toLowerCase()] = describe(route, operation);
    if (route.method === 'GET') methods['head'] = describeHead(route, operation);
    byPath.set(route.path, methods);
  }
  return Object.fromEntries(byPath);
}

function describe({ id, path, access }: Route, operation: Operation): Json {
  const { tag, summary, about, body } = operation;
  return {
    operationId: id,
    tags: [tag],
    summary,
    description: about,
    parameters: documentedAt(id, path).map(parameter),
    ...(body === undefined ? {} : { requestBody: requestBody(body) }),
    responses: { ...responses(operation, answer), default: ref('responses', 'Problem') },
    ...(access.kind === 'open' ? { security: [] } : {}),
  };
}

/** The same answer without content. */
function describeHead(route: Route, operation: Operation): Json {
  const get = describe(route, operation);
  return {
    ...get,
    operationId: `${route.id}-head`,
    summary: `${operation.summary}: its headers`,
    responses: { ...responses(operation, bareAnswer), default: HEAD_PROBLEM },
  };
}

function responses({ answers, redirects }: Operation, show: (answer: AnswerRow) => Json): Json {
  const shown = Object.entries(answers).map(([status, one]) => [status, show(one)]);
  const elsewhere = redirects === true ? { 307: ref('responses', 'Elsewhere') } : {};
  return { ...(Object.fromEntries(shown) as Json), ...elsewhere };
}

function answer({ about, headers, content }: AnswerRow): Json {
  const bare = bareAnswer({ about, headers });
  return content === undefined ? bare : { ...bare, content: contentOf(content) };
}

function bareAnswer({ about, headers }: Pick<AnswerRow, 'about' | 'headers'>): Json {
  return { description: about, headers: headersOf(headers) };
}

const HEAD_PROBLEM = bareAnswer({
  about: 'A problem; HEAD shows its status only',
  headers: ['Conit-Served-By', 'Retry-After', 'Allow', 'WWW-Authenticate'],
});

function parameter({ name, in: where, about, schema }: Documented): Json {
  return { name, in: where, required: where === 'path', description: about, schema };
}

function requestBody(body: NonNullable<Operation['body']>): Json {
  if (body === 'bytes') return { description: 'The value', content: { '*/*': { schema: {} } } };
  return { required: true, content: contentOf({ 'application/json': body }) };
}

function contentOf(content: NonNullable<AnswerRow['content']>): Json {
  const shown = Object.entries(content).map(([type, schema]) => [type, { schema: named(schema) }]);
  return Object.fromEntries(shown) as Json;
}

function headersOf(names: readonly HeaderName[]): Json {
  return Object.fromEntries(names.map((name) => [name, ref('headers', name)]));
}

function components(): Json {
  const schemas = Object.entries(SHAPES).map(([name, shape]) => [name, withNamedParts(shape)]);
  const headers = Object.entries(REPLY_HEADERS).map(([name, description]) => [
    name,
    { description, schema: { type: 'string' } },
  ]);
  return {
    schemas: Object.fromEntries(schemas) as Json,
    headers: Object.fromEntries(headers) as Json,
    responses: {
      Problem: answer({
        about: 'What went wrong, whether it may have happened, and what to do next',
        headers: ['Conit-Served-By', 'Retry-After', 'Allow', 'WWW-Authenticate', 'Location'],
        content: { [PROBLEM_TYPE]: SHAPES.Problem },
      }),
      Elsewhere: bareAnswer({
        about: 'Another replica can answer, and the request asked for a redirect',
        headers: ['Location', 'Conit-Served-By'],
      }),
    },
    securitySchemes: { [TOKEN]: { type: 'http', scheme: 'bearer' } },
  };
}

const NAMES: ReadonlyMap<unknown, string> = new Map(
  Object.entries(SHAPES).map(([name, shape]) => [shape, name]),
);

/** A reference if the schema has a name, otherwise the schema with references inside. */
function named(schema: object): object {
  const name = NAMES.get(schema);
  return name === undefined ? withNamedParts(schema) : ref('schemas', name);
}

function withNamedParts(schema: object): object {
  if (Array.isArray(schema)) return schema.map(namedPart);
  return Object.fromEntries(Object.entries(schema).map(([name, part]) => [name, namedPart(part)]));
}

function namedPart(part: unknown): unknown {
  return typeof part === 'object' && part !== null ? named(part) : part;
}

function ref(kind: string, name: string): Json {
  return { $ref: `#/components/${kind}/${name}` };
}
