// The OpenAPI description of the data path, whose requests no schema of fastify sees. The tests hold it against the
// route table and against what the server does.

import { ENVELOPE_TYPE } from './accept.ts';
import { ROUTES, type RouteId } from './route-table.ts';
import { EnvelopeSchema, ProblemSchema } from './schema.ts';

const PATH = '/v1/kv/{ns}/{key}';

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly description: string;
  readonly schema: { readonly type: 'string' };
}

const path = [
  parameter('path', 'ns', 'The namespace'),
  parameter(
    'path',
    'key',
    'The rest of the path: 1 to 1024 bytes of UTF-8, slashes allowed, no segment . or ..',
  ),
];
const timeout = parameter('query', 'timeout', 'How long to wait for replicas, as in 500ms');
const w = parameter('query', 'w', 'Durable copies: a number, majority, all, local or each');
const ifMatch = parameter('header', 'If-Match', 'Only if the value is at one of these versions');
const ifNoneMatch = parameter(
  'header',
  'If-None-Match',
  'Only if it is not; `*`: if none is there',
);

const writeHeaders = [
  ifMatch,
  ifNoneMatch,
  parameter('header', 'Idempotency-Key', 'The same key and request take effect once'),
  parameter('header', 'Prefer', '`respond-async`: answer 202 rather than wait for copies'),
  parameter('header', 'Conit-Tags', 'Up to 16 tags'),
  parameter('header', 'Conit-Weight', 'The weight of the write'),
];

const bytes = { 'application/octet-stream': { schema: {} } };
const problem = problemResponse('A problem');

const OPERATIONS: Readonly<Partial<Record<RouteId, object>>> = {
  get: {
    summary: 'Reads a value',
    parameters: [
      ...path,
      parameter('query', 'r', 'Replicas to ask: a number, majority, all, local or each'),
      parameter('query', 'consistency', 'A level that the namespace must at least give'),
      timeout,
      ifNoneMatch,
      ifMatch,
      parameter('query', 'envelope', 'The value and its metadata as JSON'),
      parameter('header', 'Accept', '`application/vnd.conit.record+json` asks for the envelope'),
    ],
    responses: {
      200: {
        description: 'The value as it was put, with its content type, or the envelope',
        headers: valueHeaders(),
        content: {
          '*/*': { schema: {} },
          [ENVELOPE_TYPE]: { schema: EnvelopeSchema },
        },
      },
      304: { description: 'The client has this version' },
      404: problemResponse('No such key, or no such namespace'),
      412: problemResponse('The value is at another version'),
      default: problem,
    },
  },
  put: {
    summary: 'Writes a value',
    parameters: [
      ...path,
      w,
      timeout,
      parameter('query', 'ttl', 'Lifetime from now, as in 10s'),
      ...writeHeaders,
      parameter('header', 'Content-Digest', 'RFC 9530, sha-256 and sha-512'),
    ],
    requestBody: { content: bytes },
    responses: {
      201: { description: 'Created', headers: writtenHeaders() },
      204: { description: 'Replaced', headers: writtenHeaders() },
      202: { description: 'Stored, with fewer copies than asked for', headers: writtenHeaders() },
      ...writeProblems(),
      413: problemResponse('The value is too large'),
    },
  },
  patch: {
    summary: 'Not built yet',
    parameters: path,
    responses: { 501: problemResponse('Not built yet'), default: problem },
  },
  delete: {
    summary: 'Deletes a value',
    parameters: [...path, w, timeout, ...writeHeaders],
    responses: {
      204: { description: 'Deleted', headers: writtenHeaders() },
      202: { description: 'Stored, with fewer copies than asked for', headers: writtenHeaders() },
      404: problemResponse('No such key, or no such namespace'),
      ...writeProblems(),
    },
  },
};

/** For the `paths` of the document. */
export const KEY_PATHS = { [PATH]: operationsByMethod() };

function operationsByMethod(): Record<string, object> {
  const routes = ROUTES.filter((route) => route.path === PATH);
  return Object.fromEntries(
    routes.map(({ id, method }) => [method.toLowerCase(), { operationId: id, ...OPERATIONS[id] }]),
  );
}

function parameter(where: Parameter['in'], name: string, description: string): Parameter {
  return { name, in: where, required: where === 'path', description, schema: { type: 'string' } };
}

function problemResponse(description: string) {
  return { description, content: { 'application/problem+json': { schema: ProblemSchema } } };
}

function writeProblems() {
  return {
    412: problemResponse('The precondition does not hold'),
    422: problemResponse('The idempotency key was used for another request'),
    503: problemResponse('Nothing happened, and trying again can help'),
    504: problemResponse('The outcome is unknown: `indeterminate`, with dot and acks'),
    507: problemResponse('The disk is almost full'),
    default: problem,
  };
}

function valueHeaders() {
  return headers({
    ETag: 'The version, in quotes',
    'Conit-Version': 'The dot of the write',
    'Conit-Served-By': 'The replica and its region',
    'Conit-Consistency': 'The level that was given',
    'Conit-Staleness': 'ms, a proved upper bound, or unknown',
    'Last-Modified': 'When the write was accepted',
  });
}

function writtenHeaders() {
  return headers({
    ETag: 'The version, in quotes; not of a delete',
    'Conit-Version': 'The dot of the write',
    'Conit-Served-By': 'The replica and its region',
    'Conit-Consistency': "The namespace's level",
    'Conit-Acks': 'Durable copies known, of all replicas, as in 2/3',
  });
}

function headers(descriptions: Readonly<Record<string, string>>) {
  return Object.fromEntries(
    Object.entries(descriptions).map(([name, description]) => [
      name,
      { description, schema: { type: 'string' } },
    ]),
  );
}
