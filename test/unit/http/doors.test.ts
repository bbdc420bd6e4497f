// Requests that are refused before anything else is checked, on every route alike: those of pages
// of other web sites, and those for hosts that are not this replica's. Requests are sent as bytes,
// as a browser would send them.

import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createHostDoor } from '../../../src/http/guard/host-door.ts';
import { parseTokens } from '../../../src/api/token.ts';
import { type Harness, type HarnessOptions, repliesIn, startHarness } from './harness.ts';

const TOKEN = 'admin-0123456789abcdef';
const parsed = parseTokens([
  { name: 'a', sha256: createHash('sha256').update(TOKEN).digest('hex'), roles: { '*': 'admin' } },
]);
const tokens = parsed.ok ? parsed.tokens : [];

const ROUTES = [
  'GET /v1/kv/bench/k',
  'HEAD /v1/kv/bench/k',
  'PUT /v1/kv/bench/k',
  'DELETE /v1/kv/bench/k',
  'GET /v1/kv/bench',
  'POST /v1/batch/bench',
  'POST /v1/cluster/replicas',
  'POST /v1/cluster/replicas/eu-1/drain',
  'POST /v1/cluster/replicas/us-1/forget?force',
  'GET /v1/cluster',
  'GET /v1/namespaces',
  'GET /metrics',
  'GET /readyz',
  'GET /docs/json',
  'OPTIONS /v1/kv/bench/k',
  'GET /nowhere',
] as const;

const OWN = 'localhost:7070';
const FOREIGN = [
  ['another site', ['Origin: http://evil.example']],
  ['another site, over TLS', ['Origin: https://evil.example']],
  ['no origin of its own', ['Origin: null']],
  ['another port of this host', ['Origin: http://localhost:8080']],
  ['the port of another scheme', ['Origin: http://localhost']],
  ['another name of this machine', ['Origin: http://127.0.0.1:7070']],
  ['a name that begins alike', ['Origin: http://localhost:7070.evil.example']],
  ['an origin with a user', ['Origin: http://localhost:7070@evil.example']],
  ['an origin with a path', ['Origin: http://localhost:7070/']],
  ['an empty origin', ['Origin:']],
  ['an extension', ['Origin: chrome-extension://abcdefghijklmnop']],
  ['a form', ['Origin: http://evil.example', 'Sec-Fetch-Site: cross-site']],
  ['an image', ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: no-cors', 'Sec-Fetch-Dest: image']],
  ['a script of a neighbour', ['Sec-Fetch-Site: same-site', 'Sec-Fetch-Dest: script']],
  ['a frame', ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: iframe']],
  ['a redirect through here', ['Origin: http://localhost:7070', 'Sec-Fetch-Site: cross-site']],
  ['metadata of no known kind', ['Sec-Fetch-Site: somewhere']],
  ['metadata in capitals', ['sEC-fETCH-sITE: cross-site']],
] as const;

let harness: Harness | undefined;
const start = async (options: HarnessOptions = {}): Promise<Harness> => {
  harness = await startHarness(options);
  return harness;
};
afterEach(async () => {
  await harness?.stop();
  harness = undefined;
});

const bytes = (line: string, headers: readonly string[], host: string = OWN): string =>
  `${[`${line} HTTP/1.1`, `Host: ${host}`, 'Connection: close', ...headers].join('\r\n')}\r\n\r\n`;
/** For a completed write, whether it created or replaced. */
const DONE = { code: undefined };
const send = async (at: Harness, line: string, headers: readonly string[], host?: string) => {
  const [reply] = repliesIn(await at.raw(bytes(line, headers, host)));
  return reply;
};

describe('a request of a page of another site', () => {
  let server: Harness;
  let guarded: Harness;
  beforeAll(async () => {
    server = await startHarness();
    guarded = await startHarness({ tokens });
  });
  afterAll(async () => {
    await server.stop();
    await guarded.stop();
  });

  it.each(ROUTES)('is refused at %s, and reaches no handler', async (line) => {
    const before = server.service.commands.length;
    for (const [name, headers] of FOREIGN) {
      const reply = await send(server, line, headers);
      const code = line.startsWith('HEAD') ? undefined : 'cross-site';
      expect([name, reply]).toEqual([name, { status: 403, code }]);
    }
    expect(server.service.commands).toHaveLength(before);
  });

  it('is refused even with a token', async () => {
    for (const [, headers] of FOREIGN) {
      const all = [...headers, `Authorization: Bearer ${TOKEN}`];
      expect(await send(guarded, 'POST /v1/cluster/replicas/eu-1/drain', all)).toMatchObject({
        code: 'cross-site',
      });
    }
  });

  it.each([
    ['Origin', ['Origin: http://localhost:7070', 'Origin: http://evil.example']],
    ['Sec-Fetch-Site', ['Sec-Fetch-Site: none', 'Sec-Fetch-Site: cross-site']],
    ['Referer', ['Referer: http://localhost:7070/', 'Referer: http://evil.example/']],
  ])('that sends %s twice is malformed', async (_name, headers) => {
    expect(await send(server, 'POST /v1/batch/bench', headers)).toMatchObject({ status: 400 });
  });

  it('that only its Referer shows may not write', async () => {
    const referer = ['Referer: http://evil.example/page'];
    expect(await send(server, 'PUT /v1/kv/bench/k', referer)).toMatchObject({ code: 'cross-site' });
    expect(await send(server, 'PUT /v1/kv/bench/k', ['Referer: x'])).toMatchObject({ status: 403 });
    expect(await send(server, 'PUT /v1/kv/bench/k', [`Referer: http://${OWN}/docs`])).toMatchObject(
      {
        status: 201,
      },
    );
    expect(await send(server, 'GET /readyz', referer)).toMatchObject({ status: 200 });
  });

  it('opens the documents in a tab, and nothing else', async () => {
    const visit = [
      'Sec-Fetch-Site: cross-site',
      'Sec-Fetch-Mode: navigate',
      'Sec-Fetch-Dest: document',
    ];
    for (const path of ['/docs', '/docs/', '/openapi.json', '/openapi.json?x=1', '/']) {
      expect(await send(server, `GET ${path}`, visit)).not.toMatchObject({ status: 403 });
      expect(await send(server, `POST ${path}`, visit)).toMatchObject({ status: 403 });
    }
    for (const path of ['/v1/cluster', '/docsx', '/v1/kv/bench/docs', '//docs', '/metrics']) {
      expect(await send(server, `GET ${path}`, visit)).toMatchObject({ status: 403 });
    }
  });

  it.each([
    ['a program', []],
    ['a page of this server', [`Origin: http://${OWN}`, 'Sec-Fetch-Site: same-origin']],
    ['a page of this server behind TLS', [`Origin: https://${OWN}`]],
    [
      'the address bar',
      ['Sec-Fetch-Site: none', 'Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document'],
    ],
  ])('is not what %s sends', async (_name, headers) => {
    expect(await send(server, 'PUT /v1/kv/bench/k', headers)).toMatchObject(DONE);
    expect(await send(server, 'GET /v1/cluster', headers)).toMatchObject({ status: 200 });
  });

  it('is compared with the default port in mind', async () => {
    const pairs = [
      ['localhost', 'http://localhost'],
      ['localhost:80', 'http://localhost'],
      ['localhost', 'https://localhost'],
      ['localhost:443', 'https://localhost'],
      ['LocalHost', 'http://localhost'],
      ['[::1]:80', 'http://[::1]'],
    ] as const;
    for (const [host, origin] of pairs)
      expect(await send(server, 'PUT /v1/kv/bench/k', [`Origin: ${origin}`], host)).toMatchObject(
        DONE,
      );
  });

  it('is refused on the bare socket as well, if it sends an absolute target', async () => {
    const line = `POST http://${OWN}/v1/cluster/replicas/eu-1/drain`;
    expect(await send(server, line, ['Origin: http://evil.example'])).toMatchObject({
      status: 403,
    });
    expect(await send(server, 'POST http://evil.example/v1/cluster', [])).toMatchObject({
      status: 400,
    });
  });
});

describe('the host of a request', () => {
  it.each(ROUTES)('must be a name of this replica at %s', async (line) => {
    const server = await start();
    for (const host of [
      'evil.example',
      'evil.example:7070',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
    ]) {
      const reply = await send(server, line, [], host);
      const code = line.startsWith('HEAD') ? undefined : 'unknown-host';
      expect([host, reply]).toEqual([host, { status: 421, code }]);
    }
    expect(server.service.commands).toHaveLength(0);
  });

  it('is checked with tokens, in absolute targets, and in HTTP/1.0', async () => {
    const server = await start({ tokens });
    const rebound = ['Origin: http://evil.example:7070', `Authorization: Bearer ${TOKEN}`];
    expect(await send(server, 'PUT /v1/kv/bench/k', rebound, 'evil.example:7070')).toMatchObject({
      status: 421,
    });
    expect(await send(server, 'GET http://evil.example/livez', [], 'evil.example')).toMatchObject({
      status: 421,
    });
    const old = (host: string) => server.raw(`GET /livez HTTP/1.0\r\n${host}\r\n`);
    expect(repliesIn(await old(''))[0]?.status).toBe(200);
    expect(repliesIn(await old('Host: evil.example\r\n'))[0]?.status).toBe(421);
  });

  it.each([
    'u@localhost',
    'localhost/x',
    'localhost:port',
    'localhost:99999',
    '[::1',
    '%6cocalhost',
    'a b',
  ])('is malformed as %s', async (host) => {
    const server = await start();
    expect(await send(server, 'GET /livez', [], host)).toMatchObject({ status: 400 });
  });

  it('is refused with the setting that would accept it', async () => {
    const server = await start();
    expect(await server.raw(bytes('GET /livez', [], 'db.example.com'))).toContain('CONIT_HOSTS');
    await server.stop();
    const open = await start({ hosts: ['db.example.com', '*.internal.example'] });
    for (const host of [
      'db.example.com',
      'DB.example.com.:443',
      'a.internal.example',
      'a.b.internal.example',
    ])
      expect(await send(open, 'GET /livez', [], host)).toMatchObject({ status: 200 });
    for (const host of ['x.db.example.com', 'internal.example', 'evilinternal.example'])
      expect(await send(open, 'GET /livez', [], host)).toMatchObject({ status: 421 });
  });
});

describe('the check of the host', () => {
  const check = (
    host: string,
    listening = '127.0.0.1',
    urls: string[] = [],
    hosts: string[] = [],
  ) => {
    const door = createHostDoor({ urls, hosts });
    door.listensOn(listening, listening);
    return door.check(host);
  };

  it.each([
    'localhost',
    'LOCALHOST:7070',
    'localhost.',
    'a.localhost',
    '127.0.0.1',
    '127.8.9.10:1',
    '[::1]:7070',
    '[0:0:0:0:0:0:0:1]',
    '[::ffff:127.0.0.1]',
    'eu-1:7070',
    'conit_backend',
    '0x7f.1',
    '2130706433',
  ])('accepts %s, wherever the server listens', (host) => {
    expect(check(host)).toBe('taken');
    expect(check(host, '10.0.0.5')).toBe('taken');
  });

  it.each(['10.0.0.5', '192.168.1.7:7070', '[fe80::1]', '0.0.0.0:7070'])(
    'accepts the address %s only if others can reach it',
    (host) => {
      expect(check(host)).toBe('unknown');
      expect(check(host, '0.0.0.0')).toBe('taken');
      expect(check(host, '::')).toBe('taken');
      expect(check(host, '10.1.1.1')).toBe('taken');
    },
  );

  it.each([
    'example.com',
    'eu-1.example',
    'localhost..',
    '127.0.0.1.nip.io',
    'evil.example.',
    'xn--d1acufc.com',
  ])('refuses %s', (host) => {
    expect(check(host)).toBe('unknown');
    expect(check(host, '0.0.0.0')).toBe('unknown');
  });

  it('accepts the name that it listens on, the hosts of its URLs, and what is configured', () => {
    expect(check('db.internal.example:1', 'db.internal.example')).toBe('taken');
    expect(check('db.example.com', '127.0.0.1', ['https://db.example.com'])).toBe('taken');
    expect(check('db.example.org', '127.0.0.1', ['https://db.example.com'])).toBe('unknown');
    expect(check('anything.example', '127.0.0.1', [], ['*'])).toBe('taken');
    expect(check('any@thing.example', '127.0.0.1', [], ['*'])).toBe('malformed');
    expect(check('[2001:db8::1]', '127.0.0.1', [], ['[2001:DB8:0:0::1]'])).toBe('taken');
  });
});

describe('a configured origin', () => {
  const ORIGIN = 'https://console.example.com';
  const page = [`Origin: ${ORIGIN}`, 'Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: cors'];
  const headersOf = (text: string) => {
    const lines = text.split('\r\n\r\n')[0]?.split('\r\n').slice(1) ?? [];
    return new Map(
      lines.map((line) => [
        line.slice(0, line.indexOf(':')).toLowerCase(),
        line.slice(line.indexOf(':') + 2),
      ]),
    );
  };

  it('is accepted, and every answer says so, also a refusal', async () => {
    const server = await start({ tokens, origins: [ORIGIN] });
    for (const line of ROUTES.filter((route) => !route.startsWith('OPTIONS'))) {
      for (const more of [[], [`Authorization: Bearer ${TOKEN}`]]) {
        const text = await server.raw(bytes(line, [...page, ...more]));
        const headers = headersOf(text);
        expect(repliesIn(text)[0]).not.toMatchObject({ code: 'cross-site' });
        expect([line, headers.get('access-control-allow-origin')]).toEqual([line, ORIGIN]);
        expect(headers.get('vary')).toMatch(/\bOrigin\b/);
        expect(headers.get('access-control-expose-headers')).toContain('Conit-Version');
        expect(headers.has('access-control-allow-credentials')).toBe(false);
      }
    }
  });

  it('keeps Vary: Accept if the answer depends on that', async () => {
    const server = await start({ origins: [ORIGIN] });
    const text = await server.raw(bytes('GET /v1/kv/bench', page));
    expect(headersOf(text).get('vary')).toBe('Accept, Origin');
  });

  it('may send a preflight without a token', async () => {
    const server = await start({ tokens, origins: [ORIGIN] });
    const preflight = [
      ...page,
      'Access-Control-Request-Method: PUT',
      'Access-Control-Request-Headers: authorization,if-match',
      'Access-Control-Request-Private-Network: true',
    ];
    for (const path of ['/v1/kv/bench/k', '/v1/batch/bench', '/v1/cluster/replicas/eu-1/drain']) {
      const text = await server.raw(bytes(`OPTIONS ${path}`, preflight));
      const headers = headersOf(text);
      expect(repliesIn(text)[0]?.status).toBe(204);
      expect(headers.get('access-control-allow-origin')).toBe(ORIGIN);
      expect(headers.get('access-control-allow-methods')).toContain('DELETE');
      expect(headers.get('access-control-allow-headers')).toBe('authorization,if-match');
      expect(headers.get('access-control-allow-private-network')).toBe('true');
      expect(headers.get('access-control-max-age')).toBe('600');
      expect(headers.get('vary')).toContain('Origin');
    }
    expect(server.service.commands).toHaveLength(0);
    const odd = [
      ...page,
      'Access-Control-Request-Method: PUT',
      'Access-Control-Request-Headers: a b',
    ];
    expect(
      headersOf(await server.raw(bytes('OPTIONS /', odd))).has('access-control-allow-headers'),
    ).toBe(false);
  });

  it('does not admit others', async () => {
    const server = await start({ origins: [ORIGIN] });
    for (const origin of [
      'http://console.example.com',
      `${ORIGIN}:8443`,
      `${ORIGIN}.evil.example`,
      'null',
    ]) {
      const text = await server.raw(
        bytes('OPTIONS /v1/kv/bench/k', [
          `Origin: ${origin}`,
          'Access-Control-Request-Method: PUT',
        ]),
      );
      expect(repliesIn(text)[0]).toEqual({ status: 403, code: 'cross-site' });
      expect(headersOf(text).has('access-control-allow-origin')).toBe(false);
    }
  });
});

describe('a document', () => {
  it.each(['/openapi.json', '/docs/json', '/docs/yaml'])(
    'at %s is made once, and not sent to a client that has it',
    async (path) => {
      const server = await start({ tokens });
      const first = await server.ask(path);
      const { etag = '' } = first.headers;
      expect([first.status, first.headers['cache-control']]).toEqual([200, 'no-cache']);
      expect(first.body.length).toBeGreaterThan(10_000);
      const again = await server.ask(path, { headers: { 'if-none-match': `"x", ${etag}` } });
      expect([again.status, again.body.length, again.headers.etag]).toEqual([304, 0, etag]);
      const other = await server.ask(path, { headers: { 'if-none-match': '"x"' } });
      expect(other.body.equals(first.body)).toBe(true);
    },
  );
});

describe('every answer', () => {
  it('keeps a browser from sniffing a type, and from embedding it elsewhere', async () => {
    const server = await start();
    await server.ask('/v1/kv/bench/k', { method: 'PUT', body: 'x' });
    for (const path of [
      '/v1/kv/bench/k',
      '/v1/kv/bench/none',
      '/v1/kv/bench',
      '/docs/',
      '/docs/static/swagger-ui.css',
      '/openapi.json',
      '/metrics',
      '/livez',
      '/nowhere',
      '/v1/cluster',
    ]) {
      const { headers } = await server.ask(path);
      expect([path, headers['x-content-type-options']]).toEqual([path, 'nosniff']);
      expect([path, headers['cross-origin-resource-policy']]).toEqual([path, 'same-origin']);
    }
    expect(await server.raw('GET / HTTP/9\r\n\r\n')).toContain(
      'Cross-Origin-Resource-Policy: same-origin',
    );
  });
});
