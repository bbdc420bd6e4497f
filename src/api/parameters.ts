// Every parameter of every route: its place, its OpenAPI text, and its reader. A row that is not
// built is refused by its name. The parsers of the data path (http/) take exactly these parameters,
// which a test compares with the server; all other routes are parsed by `readQuery` alone.

import { LIST_LIMIT_MAX } from '../model/command.ts';
import type { Fault } from '../model/fault.ts';
import { KEY_BYTES_MAX } from '../model/id.ts';
import { type Level, LEVELS } from '../model/level.ts';
import { type Policy, TIMEOUT_MS_MAX } from '../model/policy.ts';
import type { QuorumSpec } from '../model/quorum.ts';
import { GUARANTEES, type Guarantees } from '../model/guarantees.ts';
import {
  checkLevel,
  DURATION_PATTERN,
  invalid,
  QUORUM_WORDS,
  type QuorumDoor,
  readDuration,
  readFlag,
  readGuarantees,
  readText,
  readBound,
  readTimeout,
  readTtl,
  readUnmet,
  readWhole,
  readWord,
  refuseParameter,
  UNMET,
} from './readers.ts';
import type { RouteId } from './routes.ts';

/** The context in which a value is parsed. */
interface Scope {
  readonly quorums: QuorumDoor;
  /** The namespace in the path. */
  readonly policy: Policy | undefined;
}

interface About {
  readonly about: string;
  /** The schema of the value in OpenAPI. */
  readonly schema: object;
}

interface Parameter<T> extends About {
  readonly read: (name: string, text: string, scope: Scope) => T | Fault;
}

const NOT_BUILT = 'not built';

type Row = Parameter<unknown> | typeof NOT_BUILT;
type Rows = { readonly [name: string]: Row };

const TEXT = { type: 'string' };
const FLAG = { type: 'boolean', default: false };
const DURATION = { type: 'string', pattern: DURATION_PATTERN, examples: ['500ms', '10s', '5m'] };
const QUORUM = {
  anyOf: [
    { type: 'integer', minimum: 1 },
    { type: 'string', enum: [...QUORUM_WORDS] },
  ],
};
const LAG_MS_MAX = 86_400_000;
const GRACE_MS_MAX = 3_600_000;
const DELIMITER_LENGTH_MAX = 16;
export const LIST_LIMIT_DEFAULT = 100;

const plain = (about: string, schema: object = TEXT): Parameter<string> => {
  return { about, schema, read: (_, text) => text };
};
const flag = (about: string): Parameter<boolean> => ({ about, schema: FLAG, read: readFlag });
const duration = (about: string, msMax: number, most: string): Parameter<number> => {
  return { about, schema: DURATION, read: (name, text) => readDuration(name, text, msMax, most) };
};
const quorum = (about: string): Parameter<QuorumSpec> => {
  return { about, schema: QUORUM, read: (name, text, { quorums }) => quorums.read(name, text) };
};
const bounded = (about: string, lengthMax: number): Parameter<string> => {
  const schema = { type: 'string', maxLength: lengthMax, default: '' };
  return { about, schema, read: (name, text) => readText(name, text, lengthMax) };
};

const r = quorum('Replicas to ask: a number, majority, all, local or each');
const asked = quorum(
  'Replicas that are asked for the key before the conditions are checked; 1: this one',
);
const compared = quorum('Replicas that are compared; the policy says how many otherwise');
const w = quorum('Durable copies: a number, majority, all, local or each');
const timeout: Parameter<number> = {
  about: `How long to wait for replicas, with its unit, at most ${TIMEOUT_MS_MAX / 3_600_000} h`,
  schema: DURATION,
  read: (_, text) => readTimeout(text),
};
const ttl: Parameter<number> = {
  about: 'Lifetime from now, with its unit',
  schema: DURATION,
  read: (_, text) => readTtl(text),
};
const consistency: Parameter<Level> = {
  about: 'A level; that of the namespace must be at least as strong',
  schema: { type: 'string', enum: LEVELS.toReversed() },
  read: (name, text, { policy }) =>
    policy === undefined
      ? invalid(name, 'needs a namespace')
      : (checkLevel(text, policy) ?? (text as Level)),
};
const onUnmet = {
  about:
    'What to do if this replica is too far behind, or does not show what the session has seen: ask another (forward), pull what the session has seen and wait for it (wait, pull), answer without it and say so in Conit-Unmet (stale), answer 307 (redirect) or 503 (fail). Otherwise another answers for a replica that is too far behind, and the session is waited for',
  schema: { type: 'string', enum: [...UNMET] },
  read: readUnmet,
};
const session: Parameter<Guarantees> = {
  about:
    'The guarantees of the session: ryw, mr, mw and wfr in a list, or none; otherwise those of the policy, usually all four',
  schema: { type: 'string', default: GUARANTEES.join(',') },
  read: readGuarantees,
};
const redirect = { about: 'The short form of onUnmet=redirect', schema: FLAG, read: readUnmet };
const envelope: Parameter<boolean> = {
  about: 'The value and its metadata as JSON',
  schema: { type: 'boolean' },
  read: readFlag,
};
const limit = (about: string, byDefault: number): Parameter<number> => {
  const schema = { type: 'integer', minimum: 1, maximum: LIST_LIMIT_MAX, default: byDefault };
  return { about, schema, read: (name, text) => readWhole(name, text, LIST_LIMIT_MAX) };
};
const values: Parameter<'none' | 'inline'> = {
  about: 'With the values, or keys and metadata only',
  schema: { type: 'string', enum: ['none', 'inline'], default: 'none' },
  read: (name, text) => readWord(name, text, ['none', 'inline']),
};
const op: Parameter<'read'> = {
  about: 'Ready for reads, even if the disk is almost full',
  schema: { type: 'string', enum: ['read'] },
  read: (name, text) => readWord(name, text, ['read']),
};
const range = {
  prefix: bounded('Only keys that begin with this text', KEY_BYTES_MAX),
  start: bounded('The first key, included', KEY_BYTES_MAX),
  end: bounded('The last key, excluded', KEY_BYTES_MAX),
};
const cursor = plain('The cursor of the page before');

const t: Parameter<number> = {
  about:
    'How stale the answer may be at most, with its unit: 503 bound-unmet if the replica cannot prove it in time; otherwise that of the policy, if it has one',
  schema: DURATION,
  read: (_, text) => readBound(text),
};
/** A proof of freshness, and bounds on order and value. */
const bounds = { n: NOT_BUILT, proof: NOT_BUILT } as const;

/** The parameters in the query, by route and name. */
const QUERY = {
  get: {
    r,
    consistency,
    timeout,
    onUnmet,
    redirect,
    session,
    envelope,
    t,
    ...bounds,
    w: NOT_BUILT,
    wait: NOT_BUILT,
  },
  put: { w, r: asked, timeout, ttl, redirect, session },
  patch: {},
  delete: { w, r: asked, timeout, redirect, session },
  touch: { ttl, w, r: asked, timeout, redirect, session },
  list: {
    ...range,
    reverse: flag('The last key first'),
    limit: limit('Items and prefixes of a page', LIST_LIMIT_DEFAULT),
    delimiter: bounded(
      'Keys that are equal up to the first delimiter after the prefix become one prefix',
      DELIMITER_LENGTH_MAX,
    ),
    cursor,
    values,
    r: compared,
    consistency,
    timeout,
    onUnmet,
    redirect,
    session,
    t,
    ...bounds,
    w: NOT_BUILT,
    wait: NOT_BUILT,
  },
  'delete-range': {
    ...range,
    all: flag('The whole namespace; not with prefix, start or end'),
    limit: limit('Keys of a page', LIST_LIMIT_MAX),
    cursor,
    w,
    r,
    consistency,
    timeout,
    redirect,
    session,
    t: NOT_BUILT,
    ...bounds,
  },
  batch: {
    w,
    r,
    consistency,
    timeout,
    session,
    t: NOT_BUILT,
    ...bounds,
    onUnmet: NOT_BUILT,
    redirect: NOT_BUILT,
    wait: NOT_BUILT,
  },
  'write-status': { watch: NOT_BUILT },
  explain: { timeout },
  cluster: {},
  replica: {},
  route: {
    region: plain('Its replicas come first'),
    ns: plain('The state is that of this namespace'),
  },
  join: { timeout },
  forget: { timeout, force: flag('Even while the replica is connected') },
  drain: {
    grace: duration(
      'For this time clients are still answered, while /readyz already answers 503',
      GRACE_MS_MAX,
      '1 hour',
    ),
  },
  resume: {},
  resync: {},
  job: {},
  namespaces: {},
  namespace: {},
  livez: {},
  readyz: {
    // A prober may write any value.
    verbose: { ...flag('With every check'), read: (_: string, text: string) => text !== 'false' },
    maxLag: duration('Staleness must be proved to be at most this', LAG_MS_MAX, '1 day'),
    op,
    ns: plain(
      "With this namespace's r and w, and its state here; with tokens, for callers that may read it",
    ),
  },
  metrics: {},
  openapi: {},
  docs: {},
  root: {},
} as const satisfies { readonly [Id in RouteId]: Rows };

/** The parameters in the query of a route; `undefined` for absent ones. */
export type QueryOf<Id extends RouteId> = {
  readonly [Name in keyof (typeof QUERY)[Id] as (typeof QUERY)[Id][Name] extends string
    ? never
    : Name]: (typeof QUERY)[Id][Name] extends { readonly read: (...given: never) => infer T }
    ? Exclude<T, Fault> | undefined
    : never;
};

/** A repeated name is a list. */
type Given = { readonly [name: string]: string | readonly string[] | undefined };

export function readQuery<Id extends RouteId>(
  id: Id,
  given: Given,
  scope: Scope,
): QueryOf<Id> | Fault {
  const rows: Rows = QUERY[id];
  const read: { [name: string]: unknown } = {};
  for (const name of Object.keys(given)) {
    const row = Object.hasOwn(rows, name) ? rows[name] : undefined;
    if (row === undefined || row === NOT_BUILT || typeof given[name] !== 'string')
      return refuseParameter(name, notBuiltAt(id), takenAt(id));
  }
  for (const [name, row] of Object.entries(rows)) {
    const text = given[name];
    if (row === NOT_BUILT || typeof text !== 'string') continue;
    const value = row.read(name, text, scope);
    if (isFaultValue(value)) return value;
    read[name] = value;
  }
  return read as QueryOf<Id>;
}

function isFaultValue(value: unknown): value is Fault {
  return typeof value === 'object' && value !== null && 'code' in value;
}

/** The names that a route accepts. */
export function takenAt(id: RouteId): readonly string[] {
  return namesAt(id, (row) => row !== NOT_BUILT);
}

/** The names that a route knows and refuses, because they are not built yet. */
export function notBuiltAt(id: RouteId): readonly string[] {
  return namesAt(id, (row) => row === NOT_BUILT);
}

function namesAt(id: RouteId, isMeant: (row: Row) => boolean): readonly string[] {
  const rows: Rows = QUERY[id];
  return Object.keys(rows).filter((name) => isMeant(rows[name] as Row));
}

/** The parameters in a path, by name. */
const PATH: { readonly [name: string]: string } = {
  ns: 'The namespace',
  id: 'The id of a replica, or of a job',
  dot: 'The version in the answer to the write, such as eu-1.7.1042',
  key: 'The rest of the path, percent-encoded: 1 to 1024 bytes of UTF-8, no segment . or ..; slashes may be escaped or not',
};

type Headers = { readonly [name: string]: string };

const conditions: Headers = {
  'If-Match': 'Only if the value is at one of these versions; `*`: if there is one',
  'If-None-Match': 'Only if it is at none of them; `*`: only if there is no value',
  'If-Unmodified-Since': 'Only if it was not written after that second, or does not exist',
};
const sessional: Headers = {
  'Conit-Session': 'The token of an earlier reply of any replica; without it a session begins',
};
const once: Headers = { 'Idempotency-Key': 'Requests with the same key take effect once' };
const asynchronous: Headers = { Prefer: '`respond-async`: answer 202 without waiting for copies' };
const waiting: Headers = { Prefer: '`wait=N`: wait for the end of the job for N seconds' };
const digests: Headers = {
  'Content-Digest': 'Digest of the body, checked (RFC 9530): sha-256 and sha-512',
  'Repr-Digest': 'The same; a body is the whole representation',
  Digest: 'The same in the form of RFC 3230: sha-256, sha-512 and md5',
  'Content-MD5': 'The same in the old form (RFC 1864)',
};
const written: Headers = {
  ...conditions,
  ...once,
  ...sessional,
  ...asynchronous,
  'Conit-Tags': 'Up to 16 tags',
  'Conit-Weight': 'The weight of the write',
  ...digests,
};

/** The headers that a route uses, besides those that every route uses. */
const HEADERS: { readonly [Id in RouteId]?: Headers } = {
  get: {
    ...conditions,
    ...sessional,
    'If-Modified-Since': 'Only if it was written after that second',
  },
  list: sessional,
  put: written,
  delete: {
    ...written,
    Prefer: `${asynchronous['Prefer']}; \`return=representation\`: answer the value that this replica had`,
  },
  touch: written,
  'delete-range': { ...once, ...sessional },
  batch: { ...once, ...sessional, ...asynchronous, ...digests },
  join: { ...waiting, ...digests },
  forget: waiting,
  drain: waiting,
  resume: waiting,
  resync: waiting,
  job: waiting,
  openapi: { 'If-None-Match': 'Only if the document is none of these' },
};

export interface Documented extends About {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
}

/** Everything that OpenAPI lists for a route. */
export function documentedAt(id: RouteId, path: string): readonly Documented[] {
  const rows: Rows = QUERY[id];
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']): Documented => {
    return { name, in: 'path', about: PATH[name] ?? '', schema: TEXT };
  });
  const inQuery = Object.entries(rows).flatMap(([name, row]): Documented[] => {
    return row === NOT_BUILT ? [] : [{ name, in: 'query', about: row.about, schema: row.schema }];
  });
  const inHead = Object.entries(HEADERS[id] ?? {}).map(([name, about]): Documented => {
    return { name, in: 'header', about, schema: TEXT };
  });
  return [...inPath, ...inQuery, ...inHead];
}
