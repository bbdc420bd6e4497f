// Completes the OpenAPI document that fastify's schemas give: what generators of clients need and no schema of a route
// says. Each operation gets its tag, description and headers (openapi-notes.ts); schemas that have a name stand once, under
// `components`; errors are problems; what has a default is optional; and each GET has its HEAD.

import type { FastifySchema } from 'fastify';
import { HEADERS, type HeaderName } from './openapi-headers.ts';
import { NOTES, PARAMETERS } from './openapi-notes.ts';
import { PROBLEM_TYPE } from '../api/problems.ts';
import { ROUTES } from '../api/routes.ts';
import { SHAPES } from '../api/shapes.ts';

export interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema?: object;
}

export interface Response {
  readonly description: string;
  readonly headers?: object;
  readonly content?: Readonly<Record<string, { readonly schema?: object }>>;
}

export interface Operation {
  readonly operationId?: string;
  readonly summary?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: object;
  readonly responses: Readonly<Record<string, Response>>;
}

export type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>;

/** What the schemas of the routes said before they were turned into OpenAPI, by operation. */
export type Originals = ReadonlyMap<string, FastifySchema>;

const PROBLEM = ref('responses', 'Problem');
const ELSEWHERE = ref('responses', 'Elsewhere');

export function completePaths(paths: Paths, originals: Originals): Record<string, object> {
  return Object.fromEntries(
    Object.entries(paths).map(([path, methods]) => [path, completeMethods(methods, originals)]),
  );
}

const KEPT: Response = {
  description: 'The client has this document',
  headers: headersOf(['Conit-Served-By', 'ETag']),
};

function completeMethods(methods: Readonly<Record<string, Operation>>, originals: Originals) {
  const complete = Object.entries(methods).map(([method, operation]) => [
    method,
    completeOperation(operation, originals.get(operation.operationId ?? '')),
  ]);
  const all = Object.fromEntries(complete) as Record<string, Operation>;
  return all['get'] === undefined ? all : { ...all, head: headOf(all['get']) };
}

function completeOperation(operation: Operation, original: FastifySchema | undefined): object {
  const { operationId = '', summary = '', parameters = [] } = operation;
  const note = NOTES[operationId] ?? { tag: 'Operations', description: summary };
  const isOpen = ROUTES.some(({ id, access }) => id === operationId && access.kind === 'open');
  const more = (note.takes ?? []).map((name) => ({ name, in: 'header', required: false }));
  const body = original?.body ?? undefined;
  return {
    operationId,
    tags: [note.tag],
    summary,
    description: note.description,
    parameters: [...parameters, ...more].map(completeParameter),
    ...(operation.requestBody === undefined
      ? {}
      : { requestBody: body === undefined ? operation.requestBody : jsonBody(body) }),
    responses: {
      ...successes(operation, original, note.headers ?? [], note.type),
      ...(note.isKept === true ? { 304: KEPT } : {}),
      ...(note.redirects === true ? { 307: ELSEWHERE } : {}),
      default: PROBLEM,
    },
    ...(isOpen ? { security: [] } : {}),
  };
}

function completeParameter({ name, description, schema, ...rest }: Parameter): object {
  const known = PARAMETERS[name];
  const about = known?.description ?? description;
  return {
    name,
    in: rest.in,
    required: rest.in === 'path',
    ...(about === undefined ? {} : { description: about }),
    schema: known?.schema ?? schema ?? { type: 'string' },
  };
}

function jsonBody(schema: object): object {
  return { required: true, content: { 'application/json': { schema: named(schema) } } };
}

function successes(
  operation: Operation,
  original: FastifySchema | undefined,
  names: readonly HeaderName[],
  type = 'application/json',
): object {
  const schemas = (original?.response ?? {}) as Readonly<Record<string, object>>;
  const found = Object.entries(operation.responses).filter(([status]) => status !== 'default');
  const complete = found.map(([status, response]) => {
    const schema = schemas[status];
    if (response.content === undefined || schema === undefined) return [status, response];
    const content = { [type]: { schema: named(schema) }, ...LINES[operation.operationId ?? ''] };
    const description = status === '202' ? 'Begun; the job says how far it has come' : 'Done';
    return [status, { description, headers: headersOf(['Conit-Served-By', ...names]), content }];
  });
  return Object.fromEntries(complete) as object;
}

/** Other forms of an answer. */
const LINES: Readonly<Record<string, object>> = {
  list: {
    'application/x-ndjson': {
      schema: {
        type: 'string',
        description:
          'A line of JSON for each item, then for each prefix, and a last one with cursor and asOf',
      },
    },
  },
};

export function headersOf(names: readonly HeaderName[]): object {
  return Object.fromEntries(names.map((name) => [name, ref('headers', name)]));
}

const HEAD_PROBLEM: Response = {
  description: 'A problem, of which a HEAD shows the status',
  headers: headersOf(['Conit-Served-By', 'Retry-After', 'Allow', 'WWW-Authenticate']),
};

/** The same without content. */
function headOf(get: Operation): object {
  const responses = Object.entries(get.responses).map(([status, response]) => {
    if (status === 'default') return [status, HEAD_PROBLEM];
    const { description, headers = {} } = response;
    return [status, '$ref' in response ? response : { description, headers }];
  });
  return {
    ...get,
    operationId: `${get.operationId}-head`,
    summary: `${get.summary}: its headers`,
    responses: Object.fromEntries(responses) as object,
  };
}

/** For `components` of the document. */
export function components(): object {
  const schemas = Object.entries(SHAPES).map(([name, schema]) => [name, withNamedParts(schema)]);
  const headers = Object.entries(HEADERS).map(([name, description]) => [
    name,
    { description, schema: { type: 'string' } },
  ]);
  return {
    schemas: Object.fromEntries(schemas) as object,
    headers: Object.fromEntries(headers) as object,
    responses: {
      Problem: {
        description: 'What went wrong, whether it may have happened, and what to do next',
        headers: headersOf([
          'Conit-Served-By',
          'Retry-After',
          'Allow',
          'WWW-Authenticate',
          'Location',
        ]),
        content: { [PROBLEM_TYPE]: { schema: ref('schemas', 'Problem') } },
      },
      Elsewhere: {
        description: 'Another replica answers, where the request asked for a redirect',
        headers: headersOf(['Location', 'Conit-Served-By']),
      },
    },
  };
}

const NAMES: ReadonlyMap<string, string> = new Map(
  Object.entries(SHAPES).map(([name, schema]) => [JSON.stringify(schema), name]),
);

/** A reference where the schema has a name, else itself with references inside. */
export function named(schema: object): object {
  const name = NAMES.get(JSON.stringify(schema));
  return name === undefined ? withNamedParts(schema) : ref('schemas', name);
}

function withNamedParts(schema: object): object {
  if (Array.isArray(schema)) return schema.map((part) => namedPart(part));
  return Object.fromEntries(Object.entries(schema).map(([name, part]) => [name, namedPart(part)]));
}

function namedPart(part: unknown): unknown {
  return typeof part === 'object' && part !== null ? named(part) : part;
}

function ref(kind: string, name: string): Response & { readonly $ref: string } {
  return { $ref: `#/components/${kind}/${name}` } as Response & { readonly $ref: string };
}
