// What the OpenAPI document says of each operation besides its parameters: a description, the
// request body, and the answers of a successful operation. Every operation can answer with a
// problem as well.

import type { HeaderName } from './headers.ts';
import { PROBLEM_TYPE } from './problems.ts';
import type { RouteId } from './routes.ts';
import { type Shape, text } from './shape.ts';
import {
  BatchResultsShape,
  BatchShape,
  ClusterShape,
  EnvelopeShape,
  ExplainShape,
  JobShape,
  ListShape,
  NamespaceShape,
  NamespacesShape,
  PlaceShape,
  ProblemShape,
  RangeDeletedShape,
  ReadyShape,
  ReplicaShape,
  RootShape,
  RouteShape,
  WriteStatusShape,
} from './shapes.ts';

export const JSON_TYPE = 'application/json';
export const JSON_LINES_TYPE = 'application/x-ndjson';
export const ENVELOPE_TYPE = 'application/vnd.conit.record+json';

export const TAGS = [
  { name: 'Values', description: 'One key at a time: raw bytes in, raw bytes out' },
  { name: 'Many keys', description: 'Lists and batches' },
  {
    name: 'Insight',
    description: 'Which replicas hold a write or a key, and how fresh an answer is',
  },
  {
    name: 'Cluster',
    description: 'The members, which of them answer, and jobs that change them',
  },
  { name: 'Namespaces', description: 'The policies in force' },
  { name: 'Operations', description: 'For supervisors, load balancers and Prometheus' },
] as const;

type Tag = (typeof TAGS)[number]['name'];

/** By media type. */
type Content = { readonly [type: string]: object };

export interface AnswerRow {
  readonly about: string;
  readonly headers: readonly HeaderName[];
  readonly content?: Content;
}

export interface Operation {
  readonly tag: Tag;
  readonly summary: string;
  readonly about: string;
  /** A body of any bytes, or JSON of a shape. */
  readonly body?: 'bytes' | Shape<unknown>;
  /** By status. */
  readonly answers: { readonly [status: number]: AnswerRow };
  /** It may redirect a client that asks for it (307). */
  readonly redirects?: boolean;
}

const ANY_BYTES: Content = { '*/*': {} };

const PAGE: readonly HeaderName[] = [
  'Conit-Consistency',
  'Conit-Session',
  'Conit-Staleness',
  'Conit-Unmet',
  'Server-Timing',
  'Vary',
];
const WRITTEN: readonly HeaderName[] = [
  'Conit-Version',
  'Conit-Served-By',
  'Conit-Consistency',
  'Conit-Acks',
  'Conit-Session',
  'Conit-Superseded-By',
  'Server-Timing',
];
const STORED: readonly HeaderName[] = [...WRITTEN, 'ETag', 'Last-Modified'];
const VALUE: readonly HeaderName[] = [
  'ETag',
  'Conit-Version',
  'Conit-Served-By',
  'Conit-Consistency',
  'Conit-Session',
  'Conit-Staleness',
  'Conit-Unmet',
  'Conit-Expires',
  'Last-Modified',
  'Accept-Ranges',
  'Server-Timing',
  'Vary',
];
const FACTS: readonly HeaderName[] = [
  'Conit-Version',
  'Conit-Acks',
  'Conit-Session',
  'Conit-Superseded-By',
];

const WRITE_PROBLEMS = {
  409: problem('Another request with the idempotency key is in progress'),
  412: problem('The precondition does not hold', FACTS),
  422: problem('The idempotency key was used for another request'),
  503: problem('Nothing happened, and trying again can help', FACTS),
  504: problem('The outcome is unknown: `indeterminate`, with dot and acks', FACTS),
  507: problem('The disk is almost full', FACTS),
};

/** By route. The page of the documentation is for people and is not described. */
const OPERATIONS = {
  get: {
    tag: 'Values',
    summary: 'Reads a value',
    about:
      'Returns the value byte for byte with its own content type, whatever `Accept` says. `?envelope`, or an `Accept` that names `application/vnd.conit.record+json`, asks for a JSON document with the metadata.',
    answers: {
      200: {
        about: 'The value as it was put, with its content type, or the envelope',
        headers: VALUE,
        content: { ...ANY_BYTES, [ENVELOPE_TYPE]: EnvelopeShape },
      },
      304: { about: 'The client has this version', headers: VALUE },
      404: problem('No such key, or no such namespace', [
        'Conit-Consistency',
        'Conit-Session',
        'Conit-Staleness',
        'Conit-Unmet',
      ]),
      412: problem('The value is at another version', ['Conit-Session', 'Conit-Unmet']),
    },
    redirects: true,
  },
  put: {
    tag: 'Values',
    summary: 'Writes a value',
    about:
      'Writes the body under the key. A success says how many durable copies there are, at least `w`; any 4xx, 503 and 507 says that nothing happened; 504 that the outcome is unknown.',
    body: 'bytes',
    answers: {
      201: { about: 'Created', headers: STORED },
      202: partly(STORED),
      204: { about: 'Replaced', headers: STORED },
      ...WRITE_PROBLEMS,
      413: problem('The value is too large'),
    },
    redirects: true,
  },
  patch: {
    tag: 'Values',
    summary: 'Not built yet',
    about: 'Not built yet: answered 501.',
    answers: { 501: problem('Not built yet') },
  },
  touch: {
    tag: 'Values',
    summary: 'Gives a value a new deadline',
    about:
      'Gives the value at this replica a new deadline, `ttl` from now, without sending it again: the same bytes, content type, tags and weight under a new version.',
    answers: {
      202: partly(STORED),
      204: { about: 'Done; the value has a new version', headers: STORED },
      404: problem('No such key, or no such namespace', ['Conit-Session']),
      ...WRITE_PROBLEMS,
    },
    redirects: true,
  },
  delete: {
    tag: 'Values',
    summary: 'Deletes a value, even if this replica does not have it yet',
    about: 'Deletes the value. A success says how many durable copies of the delete there are.',
    answers: {
      200: {
        about:
          'Deleted; the value that this replica had, if `Prefer: return=representation` asks for it',
        headers: [...WRITTEN, 'Preference-Applied'],
        content: ANY_BYTES,
      },
      202: partly(WRITTEN),
      204: { about: 'Deleted', headers: WRITTEN },
      404: problem('No such namespace'),
      ...WRITE_PROBLEMS,
    },
    redirects: true,
  },
  list: {
    tag: 'Many keys',
    summary: 'Lists the keys of a namespace',
    about:
      'Keys in byte order, a page at a time. `cursor` of a page asks for the next one; it is null at the end.',
    answers: {
      200: done(ListShape, [...PAGE, 'Link'], {
        [JSON_LINES_TYPE]: text(
          'A line of JSON for each item, then for each prefix, and a last one with cursor and asOf',
        ),
      }),
    },
    redirects: true,
  },
  batch: {
    tag: 'Many keys',
    summary: 'Several operations, each independent or all together',
    about:
      'Puts, gets and deletes, each answered like a single request, in their order. With `atomic`, puts and deletes happen together or not at all, at every replica: a problem says that nothing was written, and which `item` is the cause; only after 504 `outcome-unknown` the whole batch may still be written.',
    body: BatchShape,
    answers: {
      200: done(BatchResultsShape, PAGE),
      412: problem('A precondition of an atomic batch does not hold', ['Conit-Session']),
      504: problem('The outcome of an atomic batch is unknown', ['Conit-Session']),
    },
  },
  'delete-range': {
    tag: 'Many keys',
    summary: 'Deletes the keys of a range',
    about:
      'Deletes the versions that it finds in a range of keys, a page at a time; a key that gets a newer version meanwhile keeps it. `cursor` asks for the next page; it is null at the end. A success says that each of the deletes has `w` durable copies.',
    answers: { 200: done(RangeDeletedShape, PAGE) },
    redirects: true,
  },
  'write-status': {
    tag: 'Insight',
    summary: 'How far a write has replicated',
    about: 'How far a write is known to have replicated, and which replicas hold it.',
    answers: { 200: done(WriteStatusShape) },
  },
  explain: {
    tag: 'Insight',
    summary: 'The version of a key at every replica',
    about:
      'Versions, never values: what each replica holds under a key, what it lacks, and why a tombstone is still kept.',
    answers: { 200: done(ExplainShape) },
  },
  cluster: {
    tag: 'Cluster',
    summary: 'All replicas with their state, lag and round trip',
    about: 'All replicas with state, lag and round trip, as the replica that answers sees them.',
    answers: { 200: done(ClusterShape) },
  },
  replica: {
    tag: 'Cluster',
    summary: 'One replica',
    about: 'The same for one replica.',
    answers: { 200: done(ReplicaShape) },
  },
  route: {
    tag: 'Cluster',
    summary: 'Addresses of the replicas, the nearest first, with state and lag',
    about:
      'Replicas that answer come first, among them the requested region, then the shortest round trip.',
    answers: { 200: done(RouteShape) },
  },
  join: {
    tag: 'Cluster',
    summary: 'Adds a replica, or gives a member another address',
    about: 'A job that ends when a majority of the present members has agreed.',
    body: PlaceShape,
    answers: job(),
  },
  forget: {
    tag: 'Cluster',
    summary: 'Removes a lost replica for good',
    about: 'A job that removes a lost replica for good. Writes that only it held are lost.',
    answers: job(),
  },
  drain: {
    tag: 'Cluster',
    summary:
      'This replica accepts no more clients; the job is done when all accepted requests are answered',
    about:
      'Clients are refused, with the replicas to ask instead; the replica goes on replicating. Only the replica itself does it.',
    answers: job(),
  },
  resume: {
    tag: 'Cluster',
    summary: 'This replica accepts clients again',
    about: 'Ends a drain. Only the replica itself does it.',
    answers: job(),
  },
  resync: {
    tag: 'Cluster',
    summary:
      'Compares with every peer now; the job is done when nothing is missing and every namespace is served',
    about:
      'Compares with every peer now; the job is done when nothing is missing and every namespace is served.',
    answers: job(),
  },
  job: {
    tag: 'Cluster',
    summary: 'The progress of a job, at the replica that was asked for it',
    about: 'The progress of a job, at the replica that was asked for it.',
    answers: { 200: done(JobShape, ['Preference-Applied']) },
  },
  namespaces: {
    tag: 'Namespaces',
    summary: 'The namespaces and their policies',
    about: 'Every namespace that the caller may read.',
    answers: { 200: done(NamespacesShape) },
  },
  namespace: {
    tag: 'Namespaces',
    summary: 'The policy of a namespace',
    about: 'The compiled policy, with every default filled in.',
    answers: { 200: done(NamespaceShape) },
  },
  livez: {
    tag: 'Operations',
    summary: 'The process runs',
    about: 'The process runs; it never looks at peers or lag.',
    answers: { 200: doneInText() },
  },
  readyz: {
    tag: 'Operations',
    summary: 'The replica serves, and a quorum can be reached',
    about: 'Whether a load balancer may send clients here. 503 names the first check that fails.',
    answers: { 200: done(ReadyShape) },
  },
  metrics: {
    tag: 'Operations',
    summary: 'Prometheus metrics',
    about: 'The text exposition of Prometheus.',
    answers: { 200: doneInText() },
  },
  openapi: {
    tag: 'Operations',
    summary: 'This document',
    about: 'OpenAPI 3.1. It is constant while the process runs.',
    answers: {
      200: done({ type: 'object', properties: {}, additionalProperties: true }, ['ETag', 'Vary']),
      304: { about: 'The client has this document', headers: ['Conit-Served-By', 'ETag'] },
    },
  },
  root: {
    tag: 'Operations',
    summary: 'The version, and where the API is described',
    about: 'The version, and where the API is described.',
    answers: { 200: done(RootShape) },
  },
} as const satisfies { readonly [Id in Exclude<RouteId, 'docs'>]: Operation };

/** The type of the JSON that a route takes. */
export type BodyOf<Id extends RouteId> = Id extends keyof typeof OPERATIONS
  ? (typeof OPERATIONS)[Id] extends { readonly body: Shape<infer T> }
    ? T
    : undefined
  : undefined;

export function operationOf(id: RouteId): Operation | undefined {
  return id === 'docs' ? undefined : OPERATIONS[id];
}

function done(shape: object, more: readonly HeaderName[] = [], others: Content = {}): AnswerRow {
  const content = { [JSON_TYPE]: shape, ...others };
  return { about: 'Done', headers: ['Conit-Served-By', ...more], content };
}

function doneInText(): AnswerRow {
  return { about: 'Done', headers: ['Conit-Served-By'], content: { 'text/plain': text() } };
}

function partly(headers: readonly HeaderName[]): AnswerRow {
  const about = 'Stored, with fewer copies than asked for';
  return { about, headers: [...headers, 'Location', 'Preference-Applied'] };
}

function job(): Operation['answers'] {
  const ended = done(JobShape, ['Location', 'Preference-Applied']);
  return { 200: ended, 202: { ...ended, about: 'Begun; the job shows its progress' } };
}

function problem(about: string, more: readonly HeaderName[] = []): AnswerRow {
  const content = { [PROBLEM_TYPE]: ProblemShape };
  return { about, headers: ['Conit-Served-By', 'Retry-After', ...more], content };
}
