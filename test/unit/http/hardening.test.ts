// The rows H1 to H15 of the security matrix, sent as bytes: what a correct client library would
// never send.

import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Harness, problemOf, repliesIn, startHarness } from './harness.ts';

let harness: Harness;

beforeAll(async () => {
  harness = await startHarness({ twin: true });
});
afterAll(() => harness.stop());

/** Lines of a request; `body` follows the empty line. */
const request = (lines: readonly string[], body = '') => `${lines.join('\r\n')}\r\n\r\n${body}`;
const replies = async (bytes: string) => repliesIn(await harness.raw(bytes));
const targets = [
  ['the data path', '/v1/kv/bench/h'],
  ['fastify', '/v1/kv/bench'],
] as const;
const good = 'GET /v1/kv/bench/smuggled HTTP/1.1\r\nHost: a\r\n\r\n';
const sent = (key: string) =>
  harness.service.commands.filter((command) => 'key' in command && command.key === key);

describe.each(targets)('on %s', (_, target) => {
  const get = (...headers: string[]) => request([`GET ${target} HTTP/1.1`, 'Host: a', ...headers]);

  it('a plain request is served', async () => {
    const [reply] = await replies(get());
    expect([200, 404]).toContain(reply?.status);
  });

  it.each([
    ['H1 two lengths', get('Content-Length: 1', 'Content-Length: 2')],
    ['H1 a list of lengths', get('Content-Length: 1, 1')],
    ['H1 a length that is none', get('Content-Length: +1')],
    ['H1 length and coding', get('Content-Length: 5', 'Transfer-Encoding: chunked')],
    ['H1 space before the colon', get('X : y')],
    ['H1 a folded header', get('X: y\r\n z')],
    ['H1 a bare LF', `GET ${target} HTTP/1.1\nHost: a\n\n`],
    ['H1 a bare CR', `GET ${target} HTTP/1.1\rHost: a\r\r`],
    ['H1 HTTP/0.9', `GET ${target}\r\n\r\n`],
    ['H1 junk', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\r\n\r\n'],
    ['H1 a NUL in a header', get('X: a\0b')],
    ['H2 two hosts', get('Host: b')],
    ['H2 the same host twice', get('Host: a')],
    ['H2 no host', `GET ${target} HTTP/1.1\r\n\r\n`],
    ['H2 an empty host', `GET ${target} HTTP/1.1\r\nHost:\r\n\r\n`],
    ['H2 a host with a path', `GET ${target} HTTP/1.1\r\nHost: a/b\r\n\r\n`],
    ['H2 a host with a user', `GET ${target} HTTP/1.1\r\nHost: u@a\r\n\r\n`],
    ['H3 an unknown coding', get('Transfer-Encoding: xchunked')],
    ['H3 a coding behind chunked', get('Transfer-Encoding: chunked, gzip')],
    ['H3 a coding before chunked', get('Transfer-Encoding: gzip, chunked')],
    ['H3 chunked twice', get('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')],
    ['H3 chunked in HTTP/1.0', request([`GET ${target} HTTP/1.0`, 'Transfer-Encoding: chunked'])],
    ['a body where there is none', `${get('Content-Length: 3')}abc`],
  ])('%s: one 400, and the connection ends', async (_name, bytes) => {
    const before = sent('smuggled').length;
    const found = await replies(bytes + good);
    expect(found).toHaveLength(1);
    expect(found[0]).toEqual({ status: 400, code: 'bad-request' });
    expect(sent('smuggled')).toHaveLength(before);
  });

  it.each(['HTTP/2.0', 'HTTP/3.7'])(
    'H1 %s is another version: one 505, and the connection ends',
    async (version) => {
      const before = sent('smuggled').length;
      const bytes = `GET ${target} ${version}\r\nHost: a\r\n\r\n`;
      expect(await replies(bytes + good)).toEqual([{ status: 505, code: 'version-not-supported' }]);
      expect(sent('smuggled')).toHaveLength(before);
    },
  );

  it.each(['"', '#', '<', '>', '#"'])(
    'H1 a target with %s is refused: one 400, and the connection ends',
    async (byte) => {
      for (const url of [`${target}${byte}x`, `${target}?x=${byte}`]) {
        const found = await replies(`GET ${url} HTTP/1.1\r\nHost: a\r\n\r\n${good}`);
        expect([url, found]).toEqual([url, [{ status: 400, code: 'bad-request' }]]);
      }
    },
  );

  // RFC 9112 section 3 lets a server part the line at any number of spaces.
  it('several spaces in the request line count as one', async () => {
    for (const line of [`GET  ${target} HTTP/1.1`, `GET ${target}  HTTP/1.1`]) {
      const [reply] = await replies(request([line, 'Host: a']));
      expect([200, 404]).toContain(reply?.status);
    }
  });

  it('H14 an upgrade is answered, and the connection ends: the requests behind it are not lost in silence', async () => {
    const upgrade = get('Connection: Upgrade', 'Upgrade: websocket');
    const before = sent('smuggled').length;
    const text = await harness.raw(get() + upgrade + good);
    expect(repliesIn(text)).toHaveLength(2);
    expect(text.match(/^Connection: .*$/gim)).toEqual([
      'Connection: keep-alive',
      'Connection: close',
    ]);
    expect(sent('smuggled')).toHaveLength(before);
  });

  it('H14 an upgrade with an unknown expectation ends the connection, too', async () => {
    const upgrade = get('Connection: Upgrade', 'Upgrade: websocket', 'Expect: a-miracle');
    const text = await harness.raw(upgrade + good);
    expect(repliesIn(text)).toEqual([{ status: 417, code: 'expectation-failed' }]);
    expect(text).toMatch(/^Connection: close\r$/m);
  });

  it('H4 a header of 20 KB is refused', async () => {
    expect(await replies(get(`X: ${'y'.repeat(20_000)}`))).toEqual([
      { status: 431, code: 'headers-too-large' },
    ]);
  });

  it('H4 3000 headers are refused', async () => {
    const many = Array.from({ length: 3000 }, (_unused, i) => `X${i % 10}:`);
    expect(await replies(get(...many))).toEqual([{ status: 431, code: 'headers-too-large' }]);
    const few = Array.from({ length: 200 }, (_unused, i) => `X${i}: y`);
    expect(await replies(get(...few))).toEqual([{ status: 431, code: 'headers-too-large' }]);
  });

  it('H4 a target of 64 KB or 13 KB is refused', async () => {
    const long = (bytes: number) =>
      `GET ${target}?${'x'.repeat(bytes)} HTTP/1.1\r\nHost: a\r\n\r\n`;
    expect(await replies(long(64_000))).toEqual([{ status: 431, code: 'headers-too-large' }]);
    expect(await replies(long(13_000))).toEqual([{ status: 414, code: 'uri-too-long' }]);
  });

  it('H5 a content coding is refused', async () => {
    const found = await replies(get('Content-Encoding: gzip'));
    expect(found).toEqual([{ status: 415, code: 'unsupported-media-type' }]);
    const [identity] = await replies(get('Content-Encoding: identity'));
    expect([200, 404]).toContain(identity?.status);
  });

  it('H14 an absolute target is served for this host only', async () => {
    const absolute = (url: string) => replies(request([`GET ${url} HTTP/1.1`, 'Host: a:7070']));
    const [own] = await absolute(`http://A:7070${target}`);
    expect([200, 404]).toContain(own?.status);
    for (const url of [
      `http://b${target}`,
      `http://u@a:7070${target}`,
      'ftp://a:7070/',
      'a:7070',
    ]) {
      expect((await absolute(url))[0]?.status).toBe(400);
    }
  });

  it.each(['TRACE', 'PATCHY', 'OPTIONS', 'BREW'])(
    'H14 the method %s is refused',
    async (method) => {
      const text = await harness.raw(request([`${method} ${target} HTTP/1.1`, 'Host: a']));
      expect(repliesIn(text)).toEqual([{ status: 405, code: 'method-not-allowed' }]);
      expect(text).toMatch(/\r\nAllow: [A-Z, ]+\r\n/i);
    },
  );

  it('H14 an unknown expectation is refused', async () => {
    expect(await replies(get('Expect: a-miracle'))).toEqual([
      { status: 417, code: 'expectation-failed' },
    ]);
  });

  it('H15 errors show neither a stack nor the request', async () => {
    const secret = 'Bearer canary-token-canary-token';
    const text = await harness.raw(
      request([`GET ${target}?%3Ccanary%3E=1 HTTP/1.1`, 'Host: a', `Authorization: ${secret}`]),
    );
    expect(text).toContain('400 Bad Request');
    expect(text.toLowerCase()).not.toContain('canary');
    expect(text).not.toMatch(/ {4}at |node_modules|\.ts:/);
    expect(text.length).toBeLessThan(1500);
  });
});

describe('bodies', () => {
  const put = (headers: readonly string[], body = '') =>
    request(['PUT /v1/kv/bench/body HTTP/1.1', 'Host: a', ...headers], body);

  it('H5 over the limit are refused before they are sent', async () => {
    const large = 1024 * 1024 + 1;
    expect(await replies(put([`Content-Length: ${large}`]))).toEqual([
      { status: 413, code: 'value-too-large' },
    ]);
    const batch = request([
      'POST /v1/batch/bench HTTP/1.1',
      'Host: a',
      'Content-Type: application/json',
      `Content-Length: ${17 * 1024 * 1024}`,
    ]);
    expect(await replies(batch)).toEqual([{ status: 413, code: 'content-too-large' }]);
  });

  it('H5 sent in full over the limit still get their answer', async () => {
    const large = Buffer.alloc(3 * 1024 * 1024);
    const answer = await harness.ask('/v1/kv/bench/body', { method: 'PUT', body: large });
    expect([answer.status, problemOf(answer)]).toEqual([413, 'value-too-large']);
  });

  it('H5 in endless chunks are refused at the limit', async () => {
    const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`;
    const found = await replies(put(['Transfer-Encoding: chunked'], chunk.repeat(18)));
    expect(found).toEqual([{ status: 413, code: 'value-too-large' }]);
  });

  it('H5 in chunks of one byte are accepted', async () => {
    const chunks = '1\r\nx\r\n'.repeat(2000);
    const found = await replies(put(['Transfer-Encoding: chunked'], `${chunks}0\r\n\r\n`));
    expect(found[0]?.status).toBe(201);
    expect((await harness.ask('/v1/kv/bench/body')).body).toHaveLength(2000);
  });

  it('H5 with endless chunk extensions are refused', async () => {
    const found = await replies(put(['Transfer-Encoding: chunked'], `1;${'x'.repeat(100_000)}`));
    expect(found).toEqual([{ status: 413, code: 'content-too-large' }]);
  });

  it('H5 that are gzip bombs are refused without decompression', async () => {
    const bomb = gzipSync(Buffer.alloc(1_000_000));
    const headers = { 'Content-Encoding': 'gzip' };
    const ask = { method: 'PUT', headers, body: bomb };
    const answer = await harness.ask('/v1/kv/bench/body', ask);
    expect(answer.status).toBe(415);
    expect(answer.headers['accept-encoding']).toBe('identity');
  });

  it('that break off leave nothing in memory', async () => {
    await harness.raw(put(['Content-Length: 10'], 'half').replace('body', 'half'), 50);
    expect(sent('half')).toEqual([]);
  });

  it('with a broken chunk are refused as a whole', async () => {
    const found = await replies(put(['Transfer-Encoding: chunked'], '3\r\nabc\r\nzz\r\n'));
    expect(found).toEqual([{ status: 400, code: 'bad-request' }]);
  });

  it('that are empty and expect 100-continue get it once', async () => {
    const rest = 'Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n';
    for (const path of ['/v1/kv/bench', '/v1/kv/bench/none', '/livez']) {
      const text = await harness.raw(
        `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${rest}`,
      );
      expect([path, text.match(/HTTP\/1\.1 \d+/g)?.[0]]).toEqual([path, 'HTTP/1.1 100']);
      expect([path, text.match(/HTTP\/1\.1 100/g)?.length]).toEqual([path, 1]);
    }
  });

  it('that expect 100-continue get it only if they are wanted', async () => {
    const text = await harness.raw(put(['Content-Length: 2', 'Expect: 100-continue'], 'ok'));
    expect(text).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 (201|204) /);
    const large = await harness.raw(put(['Content-Length: 9999999', 'Expect: 100-continue']));
    expect(large).toMatch(/^HTTP\/1\.1 413 /);
    const unknown = await harness.raw(
      request([
        'PUT /v1/kv/nope/x HTTP/1.1',
        'Host: a',
        'Content-Length: 2',
        'Expect: 100-continue',
      ]),
    );
    expect(unknown).toMatch(/^HTTP\/1\.1 404 /);
  });

  it('that are written in part are refused', async () => {
    const found = await replies(put(['Content-Length: 1', 'Content-Range: bytes 0-0/9'], 'x'));
    expect(found).toEqual([{ status: 400, code: 'bad-request' }]);
  });

  it('with a repeated header that may come once are refused', async () => {
    for (const name of ['Content-Type', 'Idempotency-Key', 'Conit-Weight', 'Authorization']) {
      const found = await replies(put([`${name}: 1`, `${name}: 1`, 'Content-Length: 0']));
      expect(found).toEqual([{ status: 400, code: 'bad-request' }]);
    }
  });
});

describe('tunnels and upgrades', () => {
  it('H14 CONNECT is refused', async () => {
    const text = await harness.raw(request(['CONNECT a:443 HTTP/1.1', 'Host: a:443']));
    expect(repliesIn(text)).toEqual([{ status: 405, code: 'method-not-allowed' }]);
  });

  it('H14 the preface of HTTP/2 is refused as another version', async () => {
    expect(await replies('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')).toEqual([
      { status: 505, code: 'version-not-supported' },
    ]);
  });

  it('an upgrade is not taken up', async () => {
    const lines = ['GET /livez HTTP/1.1', 'Host: a', 'Connection: Upgrade', 'Upgrade: websocket'];
    expect((await replies(request(lines)))[0]?.status).toBe(200);
  });
});

/** A connection that the server leaves open is given up after this time. */
const QUIET_MS = 40_000;

describe('time and numbers', () => {
  const slow = async (limits: object, bytes: string, quietMs = QUIET_MS) => {
    const other = await startHarness({ limits: { connectionsCheckMs: 30, ...limits } });
    const begunMs = performance.now();
    const text = await other.raw(bytes, quietMs);
    const tookMs = performance.now() - begunMs;
    await other.stop();
    return { replies: repliesIn(text), tookMs };
  };

  it('H6 headers that do not arrive end the connection in time', async () => {
    const limits = { headersTimeoutMs: 100, requestTimeoutMs: 200 };
    const { replies: found, tookMs } = await slow(limits, 'GET / HTTP/1.1\r\nHost: a\r\nX');
    expect(found).toEqual([{ status: 408, code: 'request-timeout' }]);
    expect(tookMs).toBeLessThan(QUIET_MS);
  });

  it('H6 a body that does not arrive ends the connection in time', async () => {
    const bytes = request(['PUT /v1/kv/bench/x HTTP/1.1', 'Host: a', 'Content-Length: 9'], 'x');
    const limits = { headersTimeoutMs: 100, requestTimeoutMs: 100 };
    const { replies: found, tookMs } = await slow(limits, bytes);
    expect(found).toEqual([{ status: 408, code: 'request-timeout' }]);
    expect(tookMs).toBeLessThan(QUIET_MS);
  });

  it('H6 an idle connection is closed', async () => {
    const { tookMs } = await slow({ keepAliveMs: 80 }, request(['GET /livez HTTP/1.1', 'Host: a']));
    expect(tookMs).toBeLessThan(QUIET_MS);
  });

  it('H6 connections are bounded in total and for each address', async () => {
    for (const limits of [{ connectionsMax: 2 }, { connectionsPerAddressMax: 2 }]) {
      const other = await startHarness({ limits });
      const open = [1, 2].map(() => connect(other.port, '127.0.0.1'));
      await Promise.all(
        open.map((socket) => new Promise((resolve) => socket.once('connect', resolve))),
      );
      expect(await other.raw(good)).toBe('');
      for (const socket of open) socket.destroy();
      // The server hears of it when it does.
      while (!(await other.raw(good)).includes('404'));
      await other.stop();
    }
  });
});

describe('JSON bodies', () => {
  const batch = (body: string | Buffer, type = 'application/json') =>
    harness.ask('/v1/batch/bench', { method: 'POST', headers: { 'Content-Type': type }, body });
  const ops = (item: string) => `{"ops":[{"op":"get","key":"k"${item}}]}`;

  it.each([
    'application/json\tx',
    'application/json garbage',
    'json garbage',
    'text/plain',
    'application/jsonx',
    'application/json;charset=latin1',
    'application/json, text/plain',
    'application/merge-patch+json',
  ])('H7 as %s are refused', async (type) => {
    const answer = await batch(ops(''), type);
    expect([answer.status, problemOf(answer)]).toEqual([415, 'unsupported-media-type']);
  });

  it('H7 without a type are refused', async () => {
    const body = ops('');
    const lines = ['POST /v1/batch/bench HTTP/1.1', 'Host: a', `Content-Length: ${body.length}`];
    expect(await replies(request(lines, body))).toEqual([
      { status: 415, code: 'unsupported-media-type' },
    ]);
  });

  it.each(['application/json', ' application/json', 'Application/JSON; charset="UTF-8"'])(
    'H7 as %s are taken',
    async (type) => {
      expect((await batch(ops(''), type)).status).toBe(200);
    },
  );

  it.each([
    ['H8 __proto__', ops(',"__proto__":{"admin":1}'), 'bad-request'],
    ['H8 constructor', ops(',"constructor":{"prototype":{}}'), 'bad-request'],
    ['H8 escaped __proto__', ops(',"\\u005f_proto__":{}'), 'bad-request'],
    ['H10 a member twice', ops(',"key":"x"'), 'bad-request'],
    ['H10 a member twice, escaped', ops(',"\\u006bey":"x"'), 'bad-request'],
    ['H11 an unknown member', ops(',"tll":"1s"'), 'invalid-parameter'],
    ['H11 an unknown member above', '{"ops":[],"ttl":"1s"}', 'invalid-parameter'],
    ['H12 a number beyond 53 bits', ops(',"weight":9007199254740993'), 'bad-request'],
    ['H12 a number beyond all bounds', ops(',"weight":1e999'), 'bad-request'],
    ['H12 NaN', ops(',"weight":NaN'), 'bad-request'],
    ['H12 depth', '['.repeat(33) + ']'.repeat(33), 'bad-request'],
    ['H12 more depth', '['.repeat(100_000), 'bad-request'],
    ['a string for a number', ops(',"weight":"1"'), 'invalid-parameter'],
    ['a list for an object', '[]', 'invalid-parameter'],
    ['nothing', '', 'invalid-parameter'],
    ['no JSON', '{"ops":', 'bad-request'],
    ['JSON with a comment', '{"ops":[]/**/}', 'bad-request'],
  ])('%s is refused', async (_, body, code) => {
    const answer = await batch(body);
    expect([answer.status, problemOf(answer)]).toEqual([400, code]);
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
  });

  it('H12 with half a surrogate pair are refused at its place', async () => {
    for (const item of ['"key":"\\ud800"', '"key":"k","value":"\\udfff"']) {
      const answer = await batch(`{"ops":[{"op":"put",${item}}]}`);
      expect(answer.body.toString()).toMatch(/"status":400/);
    }
  });

  it('that are not UTF-8 are refused', async () => {
    expect((await batch(Buffer.from('{"ops":[]}\xff', 'latin1'))).status).toBe(400);
  });
});

describe('pipelined requests', () => {
  it('are answered in order, and a read sees the write before it', async () => {
    const value = 'pipelined';
    const put = request(
      ['PUT /v1/kv/bench/pipe HTTP/1.1', 'Host: a', `Content-Length: ${value.length}`],
      value,
    );
    const get = request(['GET /v1/kv/bench/pipe HTTP/1.1', 'Host: a']);
    const remove = request(['DELETE /v1/kv/bench/pipe HTTP/1.1', 'Host: a']);
    const list = request(['GET /v1/kv/bench?prefix=pipe HTTP/1.1', 'Host: a']);
    const text = await harness.raw(get + put + get + get + list + remove + get + put);
    const statuses = repliesIn(text).map(({ status }) => status);
    expect(statuses).toEqual([404, 201, 200, 200, 200, 204, 404, 201]);
    expect(text).toContain('"key":"pipe"');
  });

  it('wait for a write that is slow', async () => {
    let release = (): void => undefined;
    harness.service.hold = (command) => {
      harness.service.hold = undefined;
      release = () => {
        harness.service.submit(command);
      };
      // What was sent with it is read in this turn or the next.
      void harness.ask('/livez').then(release);
    };
    const put = request(['PUT /v1/kv/bench/slow HTTP/1.1', 'Host: a', 'Content-Length: 1'], 'x');
    const get = request(['GET /v1/kv/bench/slow HTTP/1.1', 'Host: a']);
    const found = await replies(put + get);
    expect(found.map(({ status }) => status)).toEqual([201, 200]);
  });

  it('wait behind a write, in any number, and none runs before it is answered', async () => {
    const commands: unknown[] = [];
    harness.service.hold = (command) => commands.push(command);
    const put = request(['PUT /v1/kv/bench/slow HTTP/1.1', 'Host: a', 'Content-Length: 1'], 'x');
    const text = await harness.raw(put + good.repeat(100), 1000);
    harness.service.hold = undefined;
    expect(text).toBe('');
    expect(commands).toHaveLength(1);
  });

  it.each([
    ['junk', 'junk junk\r\n\r\n', 400],
    ['a malformed header', request(['GET /livez HTTP/1.1', 'Host: a', 'X : y']), 400],
    [
      'a malformed body',
      request(['PUT /v1/kv/bench/j HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked'], 'z'),
      400,
    ],
    ['another version', request(['GET /livez HTTP/3.0', 'Host: a']), 505],
  ])('get their answers before the one to %s in the same packet', async (_name, junk, status) => {
    const put = request(['PUT /v1/kv/bench/junk HTTP/1.1', 'Host: a', 'Content-Length: 1'], 'x');
    const remove = request(['DELETE /v1/kv/bench/junk HTTP/1.1', 'Host: a']);
    const found = await replies(put + good + remove + junk + good);
    expect(found.map((reply) => reply.status)).toEqual([201, 404, 204, status]);
  });

  it('that become malformed behind a running write are answered after it', async () => {
    harness.service.hold = () => undefined;
    const put = request(['PUT /v1/kv/bench/slow HTTP/1.1', 'Host: a', 'Content-Length: 1'], 'x');
    const text = await harness.raw(`${put}junk junk\r\n\r\n`, 500);
    harness.service.hold = undefined;
    expect(text).toBe('');
  });

  it.each([
    ['a method that is not taken there', 'HEAD /v1/batch/bench', 405],
    ['a target that is not there', 'PATCH /nowhere', 404],
  ])('get no second answer for a malformed body after one for %s', async (_, line, status) => {
    for (const more of [[], ['Connection: close']]) {
      const headers = [`${line} HTTP/1.1`, 'Host: a', 'Transfer-Encoding: chunked', ...more];
      const text = await harness.raw(request(headers, '\0'));
      expect(text.match(/HTTP\/1\.1 \d{3}/g)).toEqual([`HTTP/1.1 ${status}`]);
    }
  });

  it('behind a refused one that closes the connection are not processed', async () => {
    const large = request([
      'PUT /v1/kv/bench/large HTTP/1.1',
      'Host: a',
      'Content-Length: 2000000',
    ]);
    const before = sent('smuggled').length;
    await harness.raw(large + 'x'.repeat(2_000_000) + good);
    expect(sent('smuggled')).toHaveLength(before);
  });
});
