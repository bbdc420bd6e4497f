// The OpenAPI description of the data path, whose requests no schema of fastify sees. The tests hold it against the
// route table and against what the server does. Forms and descriptions of parameters that several routes take are those of
// openapi-notes.ts.

import { ENVELOPE_TYPE } from './accept.ts';
import { headersOf, named, type Operation, type Parameter, type Response } from './openapi.ts';
import type { HeaderName } from './openapi-headers.ts';
import { PROBLEM_TYPE } from '../api/problems.ts';
import { ROUTES, type RouteId, routeOf } from '../api/routes.ts';
import { EnvelopeShape, ProblemShape } from '../api/shapes.ts';

const { path: PATH } = routeOf('get');

const inPath = [known('path', 'ns'), known('path', 'key')];
const ifMatch = header(
  'If-Match',
  'Only if the value is at one of these versions; `*`: if there is one',
);
const ifNoneMatch = header(
  'If-None-Match',
  'Only if it is at none of them; `*`: only if no value is there',
);
const ifUnmodifiedSince = header(
  'If-Unmodified-Since',
  'Only if it was not written after that second, or is not there',
);
const looked = {
  ...known('query', 'r'),
  description: 'Replicas that are asked for the key before the conditions are checked; 1: this one',
};
const elsewhere = [known('query', 'onUnmet'), known('query', 'redirect')];

const conditions = [ifMatch, ifNoneMatch, ifUnmodifiedSince];
const digests = [
  header('Content-Digest', 'Of the body, checked (RFC 9530): sha-256 and sha-512'),
  header('Repr-Digest', 'The same; a body is the whole representation'),
  header('Content-MD5', 'The same in the old form (RFC 1864)'),
];
const writeHeaders = [
  ...conditions,
  known('header', 'Idempotency-Key'),
  header(
    'Prefer',
    '`respond-async`: answer 202 rather than wait for copies; of a DELETE also `return=representation`',
  ),
  header('Conit-Tags', 'Up to 16 tags'),
  header('Conit-Weight', 'The weight of the write'),
];

const bytes = { '*/*': { schema: {} } };
const written: readonly HeaderName[] = [
  'Conit-Version',
  'Conit-Served-By',
  'Conit-Consistency',
  'Conit-Acks',
  'Conit-Superseded-By',
  'Server-Timing',
];
const put: readonly HeaderName[] = [...written, 'ETag', 'Last-Modified'];
const partial: readonly HeaderName[] = [...put, 'Location', 'Preference-Applied'];
const value: readonly HeaderName[] = [
  'ETag',
  'Conit-Version',
  'Conit-Served-By',
  'Conit-Consistency',
  'Conit-Staleness',
  'Conit-Expires',
  'Last-Modified',
  'Accept-Ranges',
  'Server-Timing',
  'Vary',
];

const OPERATIONS: Readonly<Partial<Record<RouteId, Operation>>> = {
  get: {
    summary: 'Reads a value',
    parameters: [
      ...inPath,
      known('query', 'r'),
      known('query', 'consistency'),
      known('query', 'timeout'),
      ...elsewhere,
      known('query', 'envelope'),
      ...conditions,
      header('If-Modified-Since', 'Only if it was written after that second'),
    ],
    responses: {
      200: {
        description: 'The value as it was put, with its content type, or the envelope',
        headers: headersOf(value),
        content: { ...bytes, [ENVELOPE_TYPE]: { schema: named(EnvelopeShape) } },
      },
      304: { description: 'The client has this version', headers: headersOf(value) },
      404: problem('No such key, or no such namespace', ['Conit-Consistency', 'Conit-Staleness']),
      412: problem('The value is at another version'),
    },
  },
  put: {
    summary: 'Writes a value',
    parameters: [
      ...inPath,
      known('query', 'w'),
      looked,
      known('query', 'timeout'),
      known('query', 'ttl'),
      known('query', 'redirect'),
      ...writeHeaders,
      ...digests,
    ],
    requestBody: { description: 'The value', content: bytes },
    responses: {
      201: { description: 'Created', headers: headersOf(put) },
      202: { description: 'Stored, with fewer copies than asked for', headers: headersOf(partial) },
      204: { description: 'Replaced', headers: headersOf(put) },
      ...writeProblems(),
      413: problem('The value is too large'),
    },
  },
  touch: {
    summary: 'Gives a value a new deadline',
    parameters: [
      ...inPath,
      known('query', 'ttl'),
      known('query', 'w'),
      known('query', 'timeout'),
      ...writeHeaders,
    ],
    responses: {
      202: { description: 'Stored, with fewer copies than asked for', headers: headersOf(partial) },
      204: { description: 'Done; the value has a new version', headers: headersOf(put) },
      404: problem('No such key, or no such namespace'),
      ...writeProblems(),
    },
  },
  patch: {
    summary: 'Not built yet',
    parameters: inPath,
    responses: { 501: problem('Not built yet') },
  },
  delete: {
    summary: 'Deletes a value, whatever is here: it may still be on its way',
    parameters: [
      ...inPath,
      known('query', 'w'),
      looked,
      known('query', 'timeout'),
      known('query', 'redirect'),
      ...writeHeaders,
    ],
    responses: {
      200: {
        description: 'Deleted; the value that was here, as `Prefer: return=representation` asks',
        headers: headersOf([...written, 'Preference-Applied']),
        content: { '*/*': { schema: {} } },
      },
      202: {
        description: 'Stored, with fewer copies than asked for',
        headers: headersOf([...written, 'Location', 'Preference-Applied']),
      },
      204: { description: 'Deleted', headers: headersOf(written) },
      404: problem('No such namespace'),
      ...writeProblems(),
    },
  },
};

/** For the `paths` of the document. */
export const KEY_PATHS = { [PATH]: operationsByMethod() };

function operationsByMethod(): Record<string, Operation> {
  const routes = ROUTES.filter((route) => route.path === PATH);
  return Object.fromEntries(
    routes.flatMap(({ id, method }) => {
      const operation = OPERATIONS[id];
      return operation === undefined
        ? []
        : [[method.toLowerCase(), { operationId: id, ...operation }]];
    }),
  );
}

/** Described where all parameters of its name are. */
function known(where: string, name: string): Parameter {
  return { name, in: where };
}

function header(name: string, description: string): Parameter {
  return { name, in: 'header', description };
}

function problem(description: string, more: readonly HeaderName[] = []): Response {
  return {
    description,
    headers: headersOf(['Conit-Served-By', 'Retry-After', ...more]),
    content: { [PROBLEM_TYPE]: { schema: named(ProblemShape) } },
  };
}

function writeProblems(): Readonly<Record<string, Response>> {
  const facts: readonly HeaderName[] = ['Conit-Version', 'Conit-Acks', 'Conit-Superseded-By'];
  return {
    409: problem('Another request with the idempotency key is under way'),
    412: problem('The precondition does not hold', facts),
    422: problem('The idempotency key was used for another request'),
    503: problem('Nothing happened, and trying again can help', facts),
    504: problem('The outcome is unknown: `indeterminate`, with dot and acks', facts),
    507: problem('The disk is almost full', facts),
  };
}
