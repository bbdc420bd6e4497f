// The OpenAPI document compared with the server, in both directions: everything that it describes
// for a route is accepted and can be answered, and everything else is refused or has no effect.
// Every reply is also compared with the document (harness.ts).

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PROBLEMS, type ProblemCode } from '../../../src/api/problems.ts';
import { type RouteId, ROUTES } from '../../../src/api/routes.ts';
import { formatCursor } from '../../../src/http/form/cursor.ts';
import type { Command } from '../../../src/model/command.ts';
import { type FaultCode, FAULTS } from '../../../src/model/fault.ts';
import type { Reply } from '../../../src/model/reply.ts';
import type { Status } from '../../../src/model/status.ts';
import { type Answer, type Ask, type Harness, json, problemOf, startHarness } from './harness.ts';

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly schema: { readonly type?: string; readonly enum?: readonly string[] };
}

interface Operation {
  readonly operationId: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: object;
  readonly responses: { readonly [status: string]: object };
}

type Id = Exclude<RouteId, 'docs'>;
interface Asked extends Ask {
  readonly path: string;
}

let harness: Harness;
let operations: ReadonlyMap<string, Operation>;
const PUT_ONE = JSON.stringify({ ops: [{ op: 'put', key: 'k', value: 'v' }] });
const SA = JSON.stringify({ id: 'sa-1', region: 'sa', peer: '10.0.3.7:7071' });
const JSON_HEADERS = { 'Content-Type': 'application/json' };

/** A request of each route with what it needs, and no more. */
const PLAIN: { readonly [Name in Id]: Asked } = {
  get: { path: '/v1/kv/bench/k' },
  put: { path: '/v1/kv/bench/k', method: 'PUT', body: 'v' },
  patch: { path: '/v1/kv/bench/k', method: 'PATCH' },
  delete: { path: '/v1/kv/bench/k', method: 'DELETE' },
  touch: { path: '/v1/kv/bench/k?ttl=1h', method: 'POST' },
  list: { path: '/v1/kv/bench' },
  'delete-range': { path: '/v1/kv/bench?prefix=a', method: 'DELETE' },
  batch: { path: '/v1/batch/bench', method: 'POST', headers: JSON_HEADERS, body: PUT_ONE },
  'write-status': { path: '/v1/writes/eu-1.1.1' },
  explain: { path: '/v1/explain/bench/k' },
  cluster: { path: '/v1/cluster' },
  replica: { path: '/v1/cluster/replicas/us-1' },
  route: { path: '/v1/route' },
  join: { path: '/v1/cluster/replicas', method: 'POST', headers: JSON_HEADERS, body: SA },
  forget: { path: '/v1/cluster/replicas/us-1/forget', method: 'POST' },
  drain: { path: '/v1/cluster/replicas/eu-1/drain', method: 'POST' },
  resume: { path: '/v1/cluster/replicas/eu-1/resume', method: 'POST' },
  resync: { path: '/v1/cluster/replicas/eu-1/resync', method: 'POST' },
  job: { path: '/v1/jobs/JOB' },
  namespaces: { path: '/v1/namespaces' },
  namespace: { path: '/v1/namespaces/bench' },
  livez: { path: '/livez' },
  readyz: { path: '/readyz' },
  metrics: { path: '/metrics' },
  openapi: { path: '/openapi.json' },
  root: { path: '/' },
};
const IDS = ROUTES.flatMap(({ id }) => (id === 'docs' ? [] : [id]));

const range = { namespace: 'bench', prefix: '', start: '', end: '', delimiter: '', reverse: false };
const CURSORS: { readonly [id: string]: string } = {
  list: formatCursor(range, 'a'),
  'delete-range': formatCursor({ ...range, prefix: 'a' }, 'a'),
};

/** A valid value of each parameter, and an invalid one if there is one. */
const VALUES: { readonly [name: string]: readonly [right: string, wrong?: string] } = {
  r: ['1', '4'],
  w: ['majority', 'most'],
  timeout: ['2s', '2'],
  t: ['500ms', '500'],
  ttl: ['1h', '-1s'],
  consistency: ['eventual', 'weak'],
  session: ['ryw,mr', 'ryw,mine'],
  onUnmet: ['forward', 'sometimes'],
  redirect: ['false', 'no'],
  envelope: ['true', 'yes'],
  prefix: ['a', 'x'.repeat(1025)],
  start: ['a', 'x'.repeat(1025)],
  end: ['b', 'x'.repeat(1025)],
  reverse: ['true', 'yes'],
  limit: ['2', '1001'],
  delimiter: ['/', 'x'.repeat(17)],
  cursor: ['', 'x'],
  values: ['inline', 'all'],
  all: ['false', 'yes'],
  region: ['eu', 'E U'],
  ns: ['bench'],
  force: ['false', 'yes'],
  grace: ['1s', '1'],
  verbose: ['true'],
  maxLag: ['1h', '1'],
  op: ['read', 'write'],
};
/** Known to the API and not built, or unknown. */
const OTHERS = ['t', 'n', 'proof', 'wait', 'watch', 'nonsense', '__proto__', 'R', 'key'];

beforeAll(async () => {
  harness = await startHarness();
  const { paths } = json(await harness.ask('/openapi.json')) as {
    paths: { [path: string]: { [method: string]: Operation } };
  };
  const all = Object.values(paths).flatMap((methods) => Object.values(methods));
  operations = new Map(all.map((operation) => [operation.operationId, operation]));
});
beforeEach(async () => {
  harness.service.hold = undefined;
  await harness.ask('/v1/kv/bench/k', { method: 'PUT', body: 'v' });
  harness.service.commands.length = 0;
});
afterAll(() => harness.stop());

const operationOf = (id: string): Operation => operations.get(id) as Operation;
const documented = (id: string, where: Parameter['in']): readonly string[] =>
  operationOf(id)
    .parameters.filter((parameter) => parameter.in === where)
    .map(({ name }) => name);

/** Sends the plain request with the additions in `more`. */
async function ask(id: Id, query = '', more: Ask = {}): Promise<Answer> {
  const { path, ...plain } = PLAIN[id];
  const at = path.includes('JOB') ? path.replace('JOB', await jobId()) : path;
  const joint = at.includes('?') ? '&' : '?';
  const headers = { ...plain.headers, ...more.headers };
  return harness.ask(query === '' ? at : `${at}${joint}${query}`, { ...plain, ...more, headers });
}

async function jobId(): Promise<string> {
  const answer = await harness.ask('/v1/cluster/replicas/us-1/forget', { method: 'POST' });
  return String(answer.headers.location).split('/').at(-1) ?? '';
}

/** The parameter and its value; a parameter of the plain request keeps its value. */
const pair = (id: Id, name: string, value: string): string =>
  PLAIN[id].path.includes(`?${name}=`) ? '' : `${name}=${encodeURIComponent(value)}`;
const right = (id: Id, name: string): string =>
  name === 'cursor' ? (CURSORS[id] ?? '') : (VALUES[name]?.[0] ?? '');

const REFUSED = ['invalid-parameter', 'not-built', 'bad-request'];
const codeOf = (answer: Answer): string => (answer.status < 400 ? 'none' : problemOf(answer));

describe.each(IDS)('%s, as it is described,', (id) => {
  it('accepts the query parameters that it lists, each read and each once', async () => {
    for (const name of documented(id, 'query')) {
      const query = pair(id, name, right(id, name));
      const [, wrong] = VALUES[name] ?? [];
      expect([name, VALUES[name] !== undefined]).toEqual([name, true]);
      expect([name, REFUSED.includes(codeOf(await ask(id, query)))]).toEqual([name, false]);
      const twice = await ask(id, `${name}=${right(id, name)}&${name}=${right(id, name)}`);
      expect([name, codeOf(twice)]).toEqual([name, 'invalid-parameter']);
      if (wrong === undefined || query === '') continue;
      const answer = await ask(id, pair(id, name, wrong));
      expect([name, codeOf(answer)]).toEqual([name, 'invalid-parameter']);
    }
  });

  it('accepts no others', async () => {
    const listed = documented(id, 'query');
    const others = [...Object.keys(VALUES), ...OTHERS].filter((name) => !listed.includes(name));
    for (const name of others) {
      const answer = await ask(id, `${name}=${right(id, name) || '1'}`);
      expect([name, REFUSED.slice(0, 2).includes(codeOf(answer))]).toEqual([name, true]);
    }
  });

  it('reads the headers that it lists and no others', async () => {
    const listed = documented(id, 'header');
    for (const [name, value] of Object.entries(TELLING)) {
      const hasEffect = await changes(id, name, value);
      expect([name, hasEffect]).toEqual([name, listed.includes(name)]);
    }
    expect(listed.filter((name) => TELLING[name] === undefined)).toEqual([]);
  });

  it('accepts a body only where it says so', async () => {
    const takesBody = operationOf(id).requestBody !== undefined;
    const { body = '{"grace":"1h"}' } = PLAIN[id];
    const length = String(Buffer.byteLength(body));
    const headers = { ...JSON_HEADERS, 'Content-Length': length };
    const answer = await ask(id, '', { headers, body });
    // What is not built is refused, whatever else the request has.
    if (id === 'patch') expect(codeOf(answer)).toBe('not-built');
    else expect(codeOf(answer) === 'bad-request').toBe(!takesBody);
  });
});

/** For each header a value that makes a difference if the header is used. */
const TELLING: { readonly [name: string]: string } = {
  'If-Match': '"eu-1.1.999"',
  'If-None-Match': '*',
  'If-Unmodified-Since': 'Thu, 01 Jan 1970 00:00:00 GMT',
  'If-Modified-Since': 'Thu, 31 Dec 2099 23:59:59 GMT',
  'Idempotency-Key': 'a b',
  Prefer: 'respond-async, wait=x, return=representation',
  'Conit-Session': 'forged',
  'Conit-Tags': 'a b',
  'Conit-Weight': 'heavy',
  'Content-Digest': 'sha-256=:AAAA:',
  'Repr-Digest': 'sha-256=:AAAA:',
  Digest: 'SHA-256=AAAA',
  'Content-MD5': 'AAAA',
};

/**
 * The header changes the answer or what the replica is asked. A refusal of the header itself does
 * not count.
 */
async function changes(id: Id, name: string, value: string): Promise<boolean> {
  await harness.ask('/v1/kv/bench/k', { method: 'PUT', body: 'v' });
  const before = outcome(await ask(id));
  await harness.ask('/v1/kv/bench/k', { method: 'PUT', body: 'v' });
  const answer = await ask(id, '', { headers: { [name]: value } });
  if (codeOf(answer) === 'bad-request') {
    expect(String(json(answer)['detail']).toLowerCase()).toContain(name.toLowerCase());
    return false;
  }
  return outcome(answer) !== before;
}

function outcome(answer: Answer): string {
  const command = harness.service.commands.at(-1);
  const asked =
    command?.kind === 'write'
      ? [command.conditions.length, command.tags, command.weight, command.respondAsync]
      : [];
  return JSON.stringify([answer.status, codeOf(answer), asked]);
}

const failing = (code: FaultCode) => (command: Command) => {
  const alternates = [{ id: 'us-1' as never, url: 'http://us.example.org' }];
  command.client.onReply({ kind: 'failed', fault: { code, detail: 'as asked', alternates } });
};

/**
 * Answers like the reference, but with the replica's status in `says`, and holds other commands
 * back if a test requests it.
 */
function standIn(says: Partial<Status['self']>, keepsOthers: boolean): void {
  const hold = (command: Command): void => {
    if (command.kind !== 'status' && keepsOthers) return;
    harness.service.hold = undefined;
    const replies: Reply[] = [];
    harness.service.submit({ ...command, client: { onReply: (reply) => replies.push(reply) } });
    harness.service.hold = hold;
    for (const reply of replies)
      command.client.onReply(
        reply.kind === 'status' ? { ...reply, self: { ...reply.self, ...says } } : reply,
      );
  };
  harness.service.hold = hold;
}

/** How to get each success that the document lists; a plain request if nothing is given. */
const WAYS: { readonly [answer: string]: () => Promise<Answer> } = {
  'get 304': () => ask('get', '', { headers: { 'If-None-Match': '*' } }),
  'put 201': () => harness.ask('/v1/kv/bench/fresh', { method: 'PUT', body: 'v' }),
  'put 202': () => ask('put', '', { headers: { Prefer: 'respond-async' } }),
  'touch 202': () => ask('touch', '', { headers: { Prefer: 'respond-async' } }),
  'delete 200': () => ask('delete', '', { headers: { Prefer: 'return=representation' } }),
  'delete 202': () => ask('delete', '', { headers: { Prefer: 'respond-async' } }),
  'batch 412': () => atomicWith('precondition-failed'),
  'batch 504': () => atomicWith('outcome-unknown'),
  'openapi 304': () => ask('openapi', '', { headers: { 'If-None-Match': '*' } }),
  'resync 202': () => (standIn({ state: 'catching-up' }, true), ask('resync')),
  'drain 202': () => (standIn({ state: 'draining', graceMs: 1000 }, true), ask('drain')),
  'drain 200': () => (standIn({ state: 'draining' }, false), ask('drain')),
};

function atomicWith(code: FaultCode): Promise<Answer> {
  harness.service.hold = failing(code);
  return ask('batch', '', { body: PUT_ONE.replace('{', '{"atomic":true,') });
}

describe.each(IDS)('%s answers', (id) => {
  it('with every status that is described', async () => {
    const statuses = Object.keys(operationOf(id).responses).filter(
      (status) => status !== 'default',
    );
    for (const status of statuses) {
      const answer = await answerWith(id, Number(status));
      expect([status, answer.status]).toEqual([status, Number(status)]);
      harness.service.hold = undefined;
      await harness.ask('/v1/kv/bench/k', { method: 'PUT', body: 'v' });
    }
    expect(statuses.length).toBeGreaterThan(0);
  });
});

function answerWith(id: Id, status: number): Promise<Answer> {
  const way = WAYS[`${id} ${status}`];
  if (way !== undefined) return way();
  if (status === 307) harness.service.hold = failing('replica-stale');
  else if (status === 202) standIn({}, true);
  else if (status >= 400) harness.service.hold = failing(faultOf(status));
  return ask(id, status === 307 ? 'redirect' : '');
}

/** The fault that is answered. */
function faultOf(status: number): FaultCode {
  const codes = Object.keys(FAULTS) as (FaultCode & ProblemCode)[];
  return codes.find((code) => PROBLEMS[code].status === status) ?? 'overloaded';
}
