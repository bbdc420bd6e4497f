// What the OpenAPI document says of each operation beside its schemas, and of each parameter.

import { TIMEOUT_MS_MAX } from '../model/policy.ts';
import { LIST_LIMIT_MAX } from '../model/command.ts';
import type { HeaderName } from './openapi-headers.ts';

export const TAGS = [
  { name: 'Values', description: 'One key at a time: raw bytes in, raw bytes out' },
  { name: 'Many keys', description: 'Lists and batches' },
  {
    name: 'Insight',
    description: 'Where a write or a key has arrived, and how fresh an answer is',
  },
  {
    name: 'Cluster',
    description: 'Who belongs to the cluster, who answers, and jobs that change it',
  },
  { name: 'Namespaces', description: 'The policies in force' },
  { name: 'Operations', description: 'For supervisors, load balancers and Prometheus' },
] as const;

type Tag = (typeof TAGS)[number]['name'];

export interface Note {
  readonly tag: Tag;
  readonly description: string;
  /** Headers of its successes beside those of all. */
  readonly headers?: readonly HeaderName[];
  /** Request headers beside those that its schema names. */
  readonly takes?: readonly string[];
  /** It may send a client that asks for it elsewhere. */
  readonly redirects?: boolean;
  /** Who has it already is told so. */
  readonly isKept?: boolean;
  /** Media type of its success, where that is not JSON. */
  readonly type?: string;
}

const READ: readonly HeaderName[] = [
  'Conit-Consistency',
  'Conit-Staleness',
  'Server-Timing',
  'Vary',
];
const JOB: readonly HeaderName[] = ['Location', 'Preference-Applied'];

/** By operation. One that is missing here is described by its summary alone. */
export const NOTES: Readonly<Record<string, Note>> = {
  get: {
    tag: 'Values',
    description:
      'Answers the value byte for byte with its own content type, whatever `Accept` says. `?envelope`, or an `Accept` that names `application/vnd.conit.record+json`, asks for a JSON document with the metadata.',
    redirects: true,
  },
  put: {
    tag: 'Values',
    description:
      'Writes the body under the key. A success says how many durable copies there are, at least `w`; any 4xx, 503 and 507 says that nothing happened; 504 that the outcome is unknown.',
    redirects: true,
  },
  patch: { tag: 'Values', description: 'Not built yet: answered 501.' },
  touch: {
    tag: 'Values',
    description:
      'Gives the value that is at this replica a new deadline, `ttl` from now, without sending it again: the same bytes, content type, tags and weight under a new version.',
  },
  delete: {
    tag: 'Values',
    description:
      'Deletes the value. A success says how many durable copies of the delete there are.',
    redirects: true,
  },
  list: {
    tag: 'Many keys',
    description:
      'Keys in byte order, a page at a time. `cursor` of a page asks for the next one; it is null at the end.',
    headers: [...READ, 'Link'],
    redirects: true,
  },
  batch: {
    tag: 'Many keys',
    description:
      'Puts, gets and deletes, each answered as it would be alone, in their order. With `atomic`, puts and deletes that happen together or not at all, at every replica: a problem says that nothing was written, and which `item` was in the way; only 504 `outcome-unknown` leaves open whether all of it will be.',
    headers: READ,
    takes: ['Idempotency-Key', 'Prefer'],
  },
  'delete-range': {
    tag: 'Many keys',
    description:
      'Deletes the versions that it sees in a range of keys, a page at a time; a key that has a newer version by then keeps it. `cursor` asks for the next page; it is null at the end. A success says that each of the deletes has `w` durable copies.',
    headers: READ,
    takes: ['Idempotency-Key'],
    redirects: true,
  },
  'write-status': {
    tag: 'Insight',
    description: 'The rungs of the ladder that a write is known to have reached, and who holds it.',
  },
  explain: {
    tag: 'Insight',
    description:
      'Versions, never values: what each replica holds under a key, what it lacks, and what keeps a tombstone.',
  },
  cluster: {
    tag: 'Cluster',
    description:
      'All replicas with state, lag and round trip, as the replica that answers sees them.',
  },
  replica: { tag: 'Cluster', description: 'The same of one replica.' },
  route: {
    tag: 'Cluster',
    description: 'Where to ask: replicas that answer first, then the region, then the round trip.',
  },
  join: {
    tag: 'Cluster',
    description: 'A job that ends when a majority of the present members has agreed.',
    headers: JOB,
    takes: ['Prefer'],
  },
  forget: {
    tag: 'Cluster',
    description: 'A job that takes a lost replica out for good. What only it held is lost.',
    headers: JOB,
    takes: ['Prefer'],
  },
  drain: {
    tag: 'Cluster',
    description:
      'Clients are refused, with the replicas to ask instead; the replica goes on replicating. Only the replica itself does it.',
    headers: JOB,
    takes: ['Prefer'],
  },
  resume: {
    tag: 'Cluster',
    description: 'Ends a drain. Only the replica itself does it.',
    headers: JOB,
    takes: ['Prefer'],
  },
  resync: {
    tag: 'Cluster',
    description: 'Compares with every peer now; done when nothing is missing and all is served.',
    headers: JOB,
    takes: ['Prefer'],
  },
  job: {
    tag: 'Cluster',
    description: 'How far a job has come, at the replica that was asked for it.',
    headers: ['Preference-Applied'],
    takes: ['Prefer'],
  },
  namespaces: { tag: 'Namespaces', description: 'Every namespace that the caller may read.' },
  namespace: {
    tag: 'Namespaces',
    description: 'The policy as it is compiled, every default filled in.',
  },
  livez: {
    tag: 'Operations',
    description: 'The process runs; it never looks at peers or lag.',
    type: 'text/plain',
  },
  readyz: {
    tag: 'Operations',
    description:
      'Whether a load balancer may send clients here. 503 names the first check that fails.',
  },
  metrics: {
    tag: 'Operations',
    description: 'The text exposition of Prometheus.',
    type: 'text/plain',
  },
  openapi: {
    tag: 'Operations',
    description: 'OpenAPI 3.1. It is the same as long as the process runs.',
    headers: ['ETag', 'Vary'],
    takes: ['If-None-Match'],
    isKept: true,
  },
  root: { tag: 'Operations', description: 'The version, and where the API is described.' },
};

interface About {
  readonly description?: string;
  readonly schema: object;
}

const duration = {
  type: 'string',
  pattern: '^[1-9][0-9]{0,9}(ms|s|m|h|d)$',
  examples: ['500ms', '10s', '5m'],
};
const quorum = {
  anyOf: [
    { type: 'integer', minimum: 1 },
    { type: 'string', enum: ['majority', 'all', 'local', 'each'] },
  ],
};
const flag = { type: 'boolean', default: false };

/** Forms of parameters that the routes take as text, by name. */
export const PARAMETERS: Readonly<Record<string, About>> = {
  r: { description: 'Replicas to ask: a number, majority, all, local or each', schema: quorum },
  w: { description: 'Durable copies: a number, majority, all, local or each', schema: quorum },
  timeout: {
    description: `How long to wait for replicas, with its unit, at most ${TIMEOUT_MS_MAX / 3_600_000} h`,
    schema: duration,
  },
  ttl: { description: 'Lifetime from now, with its unit', schema: duration },
  maxLag: { description: 'Staleness must be proved to lie within that', schema: duration },
  limit: {
    description: 'Items and prefixes of a page',
    schema: { type: 'integer', minimum: 1, maximum: LIST_LIMIT_MAX, default: 100 },
  },
  reverse: { description: 'The last key first', schema: flag },
  verbose: { description: 'With every check', schema: flag },
  all: { description: 'The whole namespace, where no other parameter bounds it', schema: flag },
  force: { description: 'Even while the replica is connected', schema: flag },
  envelope: { description: 'The value and its metadata as JSON', schema: { type: 'boolean' } },
  redirect: { description: 'Short for onUnmet=redirect', schema: flag },
  values: {
    description: 'With the values, or keys and metadata only',
    schema: { type: 'string', enum: ['none', 'inline'], default: 'none' },
  },
  onUnmet: {
    description:
      'What to do where this replica is not fit to answer: ask another (forward), answer 307 (redirect) or 503 (fail)',
    schema: { type: 'string', enum: ['forward', 'redirect', 'fail'], default: 'forward' },
  },
  consistency: {
    description: 'A level that the namespace must at least give',
    schema: { type: 'string', enum: ['eventual', 'fifo', 'causal', 'sequential', 'strict'] },
  },
  ns: { description: 'The namespace', schema: { type: 'string' } },
  id: { description: 'The id of a replica, or of a job', schema: { type: 'string' } },
  dot: {
    description: 'The version that a write was answered with, as in eu-1.7.1042',
    schema: { type: 'string' },
  },
  key: {
    description:
      'The rest of the path, percent-encoded: 1 to 1024 bytes of UTF-8, no segment . or ..; slashes may be escaped or not',
    schema: { type: 'string' },
  },
  Prefer: {
    description:
      '`respond-async`: answer 202 rather than wait; `wait=N`: wait for the end of a job for N seconds',
    schema: { type: 'string' },
  },
  'Idempotency-Key': {
    description: 'The same key and request take effect once',
    schema: { type: 'string' },
  },
};
