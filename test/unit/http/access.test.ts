// Every route with every role, generated from the route table: a route without a policy cannot
// pass.

import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HttpLimits } from '../../../src/api/limits.ts';
import { type Access, methodsAt, type Role, type Route, ROUTES } from '../../../src/api/routes.ts';
import { createThrottle } from '../../../src/http/guard/throttle.ts';
import { parseTokens } from '../../../src/api/token.ts';
import { type Answer, type Harness, json, problemOf, startHarness } from './harness.ts';
import type { Reply } from '../../../src/model/reply.ts';

const ROLES = {
  'reads-bench': { bench: 'read' },
  'writes-bench': { bench: 'write' },
  'admin-of-bench': { bench: 'admin' },
  'reads-ordered': { ordered: 'read' },
  'reads-all': { '*': 'read' },
  'writes-all': { '*': 'write' },
  'admin-of-all': { '*': 'admin' },
  metrics: { '*': 'metrics' },
  'reads-all-but-bench': { '*': 'write', bench: 'read' },
} as const satisfies Record<string, Record<string, Role>>;

type Name = keyof typeof ROLES;
const names = Object.keys(ROLES) as Name[];
const secretOf = (name: string) => `${name}-${'0123456789abcdef'.repeat(2)}`;
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const document = names.map((name) => ({
  name,
  sha256: sha256(secretOf(name)),
  roles: ROLES[name],
}));

let harness: Harness;

beforeAll(async () => {
  const parsed = parseTokens(document);
  if (!parsed.ok) throw new Error(parsed.problems.join());
  harness = await startHarness({
    tokens: parsed.tokens,
    limits: { authFailuresMax: 0 },
    twin: true,
  });
});
afterAll(() => harness.stop());

const call = (
  route: Route,
  authorization?: string,
  namespace = 'bench',
  method = route.method as string,
) => {
  const path = route.path
    .replace('{ns}', namespace)
    .replace('{key}', 'some/key')
    .replace('{dot}', 'eu-1.1.1')
    .replace('{id}', 'us-1');
  const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
  const body = route.id === 'batch' ? '{"ops":[{"op":"get","key":"k"}]}' : undefined;
  if (body !== undefined) headers['content-type'] = 'application/json';
  return harness.ask(path, { method, headers, ...(body === undefined ? {} : { body }) });
};

/** Written a second time, apart from the code that decides it. */
function mayCall(access: Access, roles: Readonly<Record<string, Role>>): boolean {
  const order: Role[] = ['read', 'write', 'admin'];
  const covers = (granted: Role | undefined, role: Role) =>
    granted !== undefined &&
    (role === 'metrics'
      ? granted === 'metrics' || granted === 'admin'
      : order.indexOf(granted) >= order.indexOf(role));
  if (access.kind === 'open') return true;
  if (access.kind === 'cluster') return covers(roles['*'], access.role);
  if (access.kind === 'somewhere') return Object.values(roles).some((r) => covers(r, access.role));
  return covers(roles['bench'] ?? roles['*'], access.role);
}

const isRefused = ({ status }: Answer) => status === 401 || status === 403;

describe.each(ROUTES.map((route) => [`${route.method} ${route.path}`, route] as const))(
  '%s',
  (_, route) => {
    const isOpen = route.access.kind === 'open';

    it.each([
      ['no token', undefined],
      ['a wrong token', `Bearer ${secretOf('nobody')}`],
      ['a token in Basic', `Basic ${secretOf('admin-of-all')}`],
      ['a digest for a token', `Bearer ${sha256(secretOf('admin-of-all'))}`],
      ['a token with more behind', `Bearer ${secretOf('admin-of-all')}x`],
      ['two tokens', `Bearer ${secretOf('nobody')} ${secretOf('admin-of-all')}`],
      ['nothing', 'Bearer '],
    ])('with %s', async (_name, authorization) => {
      const answer = await call(route, authorization);
      expect(answer.status === 401).toBe(!isOpen);
      if (!isOpen) expect(answer.headers['www-authenticate']).toBe('Bearer realm="conit"');
    });

    it.each(names)('with the token %s', async (name) => {
      const answer = await call(route, `bearer ${secretOf(name)}`);
      expect(answer.status).not.toBe(401);
      expect(answer.status === 403).toBe(!mayCall(route.access, ROLES[name]));
      if (route.method === 'GET') {
        const head = await call(route, `Bearer ${secretOf(name)}`, 'bench', 'HEAD');
        expect(head.status === 403).toBe(answer.status === 403);
      }
    });

    it('answers the same for a namespace that is forbidden and one that is absent', async () => {
      if (route.access.kind !== 'namespace') return;
      const facts = async (namespace: string) => {
        const answer = await call(route, `Bearer ${secretOf('reads-ordered')}`, namespace);
        const { instance: _instance, ...rest } = json(answer);
        return [answer.status, rest, Object.keys(answer.headers)];
      };
      expect(await facts('nowhere')).toEqual(await facts('bench'));
    });
  },
);

describe('access', () => {
  const bearer = (name: Name) => ({ authorization: `Bearer ${secretOf(name)}` });

  it('is refused in the same words to callers without a token and to those without the role', async () => {
    const stranger = json(await harness.ask('/v1/kv/bench/k'));
    const unprivileged = json(
      await harness.ask('/v1/kv/bench/k', { headers: bearer('reads-ordered') }),
    );
    expect({ ...unprivileged, type: '', status: 0, instance: '' }).toEqual({
      ...stranger,
      type: '',
      status: 0,
      instance: '',
    });
  });

  it.each(['%62ench', 'bench%00', 'BENCH', 'bench%2fx', 'b%65nch'])(
    'to a namespace written as %s cannot be gained by its spelling',
    async (spelling) => {
      for (const path of [
        `/v1/kv/${spelling}/k`,
        `/v1/kv/${spelling}`,
        `/v1/explain/${spelling}/k`,
      ]) {
        const answer = await harness.ask(path, { headers: bearer('reads-ordered') });
        expect(answer.status).toBe(403);
      }
    },
  );

  it('to write in a batch takes the role for each namespace', async () => {
    const batch = (name: Name, op: string) =>
      harness.ask('/v1/batch/bench', {
        method: 'POST',
        headers: { ...bearer(name), 'content-type': 'application/json' },
        body: JSON.stringify({
          ops: [
            { op: 'get', key: 'k' },
            { op, key: 'k' },
          ],
        }),
      });
    for (const op of ['put', 'delete']) {
      for (const name of ['reads-bench', 'reads-all', 'reads-all-but-bench'] as const) {
        expect((await batch(name, op)).status).toBe(403);
      }
      expect((await batch('writes-bench', op)).status).toBe(200);
    }
    expect((await batch('reads-bench', 'get')).status).toBe(200);
  });

  it('to the list of namespaces shows only those that the caller may read', async () => {
    const seen = async (name: Name) => {
      const { namespaces } = json(await harness.ask('/v1/namespaces', { headers: bearer(name) }));
      return (namespaces as { name: string }[]).map((namespace) => namespace.name);
    };
    expect(await seen('reads-bench')).toEqual(['bench']);
    expect(await seen('reads-all')).toHaveLength(4);
  });

  it('needs no token for the documents, nor for anything below them', async () => {
    for (const path of ['/docs', '/docs/', '/docs/json', '/openapi.json']) {
      expect(isRefused(await harness.ask(path))).toBe(false);
    }
  });
});

describe('the name of a namespace', () => {
  const bearer = (name: Name) => ({ authorization: `Bearer ${secretOf(name)}` });
  const ROUTES_WITH_NS = ['/readyz?ns=', '/readyz?verbose&ns=', '/v1/route?ns='] as const;

  it.each(ROUTES_WITH_NS)(
    'is not revealed by %s to a caller that may not read it',
    async (path) => {
      const facts = async (ns: string, headers: Record<string, string>) => {
        const answer = await harness.ask(path + ns, { headers });
        const { instance: _instance, ...rest } = json(answer);
        return [answer.status, rest, Object.keys(answer.headers)];
      };
      for (const headers of [{}, bearer('reads-ordered'), { authorization: 'Bearer wrong' }]) {
        const absent = await facts('nowhere', headers);
        expect([401, 403]).toContain(absent[0]);
        for (const ns of ['bench', 'BENCH', '__proto__', '%62ench', ''])
          expect(await facts(ns, headers)).toEqual(absent);
      }
      const readable = await harness.ask(`${path}ordered`, { headers: bearer('reads-ordered') });
      expect([200, 503]).toContain(readable.status);
      const absent = await harness.ask(`${path}nowhere`, { headers: bearer('reads-all') });
      expect(problemOf(absent)).toBe('namespace-not-found');
    },
  );

  it('needs no token for /readyz without a namespace', async () => {
    expect([200, 503]).toContain((await harness.ask('/readyz?verbose')).status);
  });

  it('is left out of what the cluster reports about other replicas', async () => {
    const { service } = harness;
    const health = (namespace: string) => ({ namespace, state: 'stale', answers: false, forMs: 1 });
    const both = [health('bench'), health('ordered')];
    service.hold = (command) => {
      if (command.kind !== 'status') return;
      const onReply = (reply: Reply): void => {
        if (reply.kind !== 'status') return;
        const peers = reply.peers.map((peer) => ({ ...peer, namespaces: both }));
        command.client.onReply({
          ...reply,
          self: { ...reply.self, namespaces: both },
          peers,
        } as unknown as Reply);
      };
      service.hold = undefined;
      service.submit({ ...command, client: { onReply } });
    };
    const hold = service.hold;
    for (const path of ['/v1/cluster', '/v1/cluster/replicas/eu-1', '/v1/cluster/replicas/us-1']) {
      service.hold = hold;
      const answer = await harness.ask(path, { headers: bearer('reads-ordered') });
      expect(answer.status).toBe(200);
      expect(answer.body.toString()).not.toContain('bench');
      service.hold = hold;
      const whole = await harness.ask(path, { headers: bearer('reads-all') });
      expect(whole.body.toString()).toContain('ordered');
    }
    service.hold = undefined;
  });
});

describe('failed authentications', () => {
  const startGuarded = (limits: Partial<HttpLimits>) => {
    const parsed = parseTokens(document);
    return startHarness({ tokens: parsed.ok ? parsed.tokens : [], limits });
  };
  const RIGHT = secretOf('reads-all');

  it('never block a right token, whatever else comes from its address', async () => {
    const other = await startGuarded({ authFailuresMax: 3, authFailuresPerAddressMax: 5 });
    const ask = (token: string, path = '/v1/kv/bench/k') =>
      other.ask(path, { headers: { authorization: `Bearer ${token}` } });
    for (let i = 0; i < 40; i++) {
      expect([401, 429]).toContain((await ask(`guess-${i}`)).status);
      expect([401, 429]).toContain((await ask('always-the-same')).status);
      for (const path of ['/v1/kv/bench/k', '/v1/cluster'])
        expect([200, 404]).toContain((await ask(RIGHT, path)).status);
    }
    expect((await ask(secretOf('metrics'), '/metrics')).status).toBe(200);
    expect((await other.ask('/livez')).status).toBe(200);
    await other.stop();
  });

  it('with the same credentials are slowed down, on both fronts', async () => {
    const other = await startGuarded({ authFailuresMax: 3 });
    const ask = (authorization: string, path = '/v1/kv/bench/k') =>
      other.ask(path, { headers: { authorization } });
    for (let i = 0; i < 3; i++) expect((await ask('Bearer wrong')).status).toBe(401);
    for (const path of ['/v1/kv/bench/k', '/v1/cluster']) {
      const blocked = await ask('Bearer wrong', path);
      expect([blocked.status, problemOf(blocked)]).toEqual([429, 'too-many-failures']);
      expect(Number(blocked.headers['retry-after'])).toBeGreaterThan(0);
      expect((await ask('Bearer another', path)).status).toBe(401);
    }
    expect((await ask(`Basic ${RIGHT}`)).status).toBe(401);
    await other.stop();
  });

  it('of one address are slowed down, whatever is wrong with them', async () => {
    const other = await startGuarded({ authFailuresPerAddressMax: 5, authAddressForgetMs: 60_000 });
    const ask = (token: string) =>
      other.ask('/v1/kv/bench/k', { headers: { authorization: `Bearer ${token}` } });
    for (let i = 0; i < 5; i++) expect((await ask(`guess-${i}`)).status).toBe(401);
    expect((await ask('guess-5')).status).toBe(429);
    expect((await ask(RIGHT)).status).toBe(404);
    await other.stop();
  });

  it('do not include requests without a token', async () => {
    const other = await startGuarded({ authFailuresMax: 1, authFailuresPerAddressMax: 1 });
    for (let i = 0; i < 5; i++) expect((await other.ask('/v1/kv/bench/k')).status).toBe(401);
    await other.stop();
  });

  it('are forgotten one by one, and their table is bounded', () => {
    const throttle = createThrottle({ burst: 2, forgetMs: 100, keysMax: 3 });
    throttle.fail('a', 0);
    expect(throttle.waitMs('a', 0)).toBe(0);
    throttle.fail('a', 0);
    expect(throttle.waitMs('a', 0)).toBe(100);
    expect(throttle.waitMs('a', 60)).toBe(40);
    expect(throttle.waitMs('a', 100)).toBe(0);
    expect(throttle.waitMs('b', 0)).toBe(0);
    for (const address of ['b', 'c', 'd']) throttle.fail(address, 0);
    expect(throttle.waitMs('a', 0)).toBe(0);
  });
});

describe('a tokens file', () => {
  const entry = { name: 'a', sha256: sha256('a'), roles: { '*': 'read' } };

  it('gives the tokens that it names', () => {
    const parsed = parseTokens([entry]);
    expect(parsed.ok && parsed.tokens[0]?.roles.get('*')).toBe('read');
  });

  it.each([
    ['an object', {}],
    ['no entries', []],
    ['a string', ['x']],
    ['no name', [{ ...entry, name: '' }]],
    ['a token in the clear', [{ ...entry, sha256: 'secret-token' }]],
    ['an unknown member', [{ ...entry, role: 'admin' }]],
    ['an unknown role', [{ ...entry, roles: { '*': 'root' } }]],
    ['no role', [{ ...entry, roles: {} }]],
    ['a scope that is no namespace', [{ ...entry, roles: { 'Bench/': 'read' } }]],
    ['metrics of one namespace', [{ ...entry, roles: { bench: 'metrics' } }]],
    ['the same token twice', [entry, { ...entry, name: 'b' }]],
    ['the same name twice', [entry, { ...entry, sha256: sha256('b') }]],
  ])('with %s is refused', (_, tokens) => {
    const parsed = parseTokens(tokens);
    expect(parsed.ok).toBe(false);
    if (!parsed.ok) expect(parsed.problems.join()).not.toContain('secret-token');
  });
});

describe('the route table', () => {
  it('names each route once', () => {
    const places = ROUTES.map(({ method, path }) => `${method} ${path}`);
    expect(new Set(places).size).toBe(places.length);
    expect(new Set(ROUTES.map(({ id }) => id)).size).toBe(ROUTES.length);
  });

  it('knows the methods of a path', () => {
    expect(methodsAt('/v1/kv/bench/a/b')).toEqual([
      'GET',
      'HEAD',
      'PUT',
      'PATCH',
      'DELETE',
      'POST',
    ]);
    expect(methodsAt('/v1/batch/x')).toEqual(['POST']);
    expect(methodsAt('/nowhere')).toEqual([]);
  });
});
