// Requests of every kind, valid and not, as bytes. Every answer is one that the specification
// describes, comes in time, and is never an internal error.

import { connect } from 'node:net';
import fc from 'fast-check';
import { Value } from 'typebox/value';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProblemShape } from '../../../src/api/shapes.ts';
import { type Harness, startHarness } from '../../unit/http/harness.ts';
import { startHost } from '../../unit/http/host-service.ts';

const HANG_MS = 2000;
const STATUS_KNOWN: readonly number[] = [
  200, 201, 202, 204, 304, 400, 401, 403, 404, 405, 406, 408, 410, 412, 413, 414, 415, 417, 422,
  429, 431, 501, 503, 504, 505, 507,
];

const SERVICES = [
  ['the reference model', () => Promise.resolve(undefined)],
  ['the real core', () => startHost()],
] as const;

const junk = fc.string({ unit: 'binary', maxLength: 60 });
const bytes = junk.map((text) => Buffer.from(text, 'utf8').toString('latin1'));
const long = fc.nat(65_536).map((length) => 'x'.repeat(length));
const one = <T>(...values: T[]): fc.Arbitrary<T> => fc.constantFrom(...values);

const key = fc.oneof(
  {
    weight: 5,
    arbitrary: one('a', 'b', 'a/b', 'a%2Fb', '__proto__', '%00', '%0d%0a', '..', '%2e'),
  },
  { weight: 3, arbitrary: junk.map((text) => encodeURIComponent(text)) },
  { weight: 1, arbitrary: bytes },
  { weight: 1, arbitrary: long },
);
const namespace = fc.oneof(
  { weight: 8, arbitrary: one('bench', 'ordered', 'strong') },
  { weight: 1, arbitrary: one('nope', '__proto__', 'BENCH', '%62ench', '') },
  { weight: 1, arbitrary: bytes },
);
const parameter = fc.oneof(
  one('r=1', 'r=2', 'w=2', 'w=majority', 'timeout=1s', 'ttl=1h', 'limit=2', 'reverse', 'prefix=a'),
  one('delimiter=/', 'values=inline', 'cursor=x', 'verbose', 'maxLag=1s', 'ns=bench', 'start=a'),
  one('r=0', 'w=99', 'timeout=1', 'ttl=-1s', 'limit=1e9', 'consistency=strict', 't=1s', 'proof'),
  one('r=1&r=2', '%', '%zz=1', '=', '&&', '__proto__=1', 'constructor=x', 'limit[]=1'),
  fc.tuple(bytes, bytes).map(([name, value]) => `${name}=${value}`),
);
const query = fc
  .array(parameter, { maxLength: 3 })
  .map((parts) => (parts.length === 0 ? '' : `?${parts.join('&')}`));
const path = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(namespace, key).map(([ns, k]) => `/v1/kv/${ns}/${k}`) },
  { weight: 2, arbitrary: namespace.map((ns) => `/v1/kv/${ns}`) },
  { weight: 2, arbitrary: namespace.map((ns) => `/v1/batch/${ns}`) },
  { weight: 1, arbitrary: fc.tuple(namespace, key).map(([ns, k]) => `/v1/explain/${ns}/${k}`) },
  { weight: 1, arbitrary: key.map((text) => `/v1/writes/${text}`) },
  {
    weight: 1,
    arbitrary: one(
      '/livez',
      '/readyz',
      '/metrics',
      '/v1/cluster',
      '/v1/namespaces',
      '/openapi.json',
    ),
  },
  {
    weight: 1,
    arbitrary: one('/docs', '/docs/', '/docs/json', '/docs/static/x', '*', 'http://a/livez'),
  },
  { weight: 1, arbitrary: bytes },
);
const method = fc.oneof(
  { weight: 8, arbitrary: one('GET', 'PUT', 'DELETE', 'HEAD', 'POST') },
  { weight: 1, arbitrary: one('PATCH', 'OPTIONS', 'TRACE', 'CONNECT', 'QUERY', 'get', '') },
  { weight: 1, arbitrary: bytes },
);
const header = fc.oneof(
  { weight: 6, arbitrary: one('If-None-Match: *', 'If-Match: "x"', 'If-Match: *', 'Accept: */*') },
  { weight: 6, arbitrary: one('Content-Type: application/json', 'Accept: application/json') },
  { weight: 3, arbitrary: one('Idempotency-Key: k', 'Conit-Tags: a, b', 'Conit-Weight: 2') },
  { weight: 3, arbitrary: one('Prefer: respond-async', 'Expect: 100-continue', 'Expect: x') },
  { weight: 1, arbitrary: one('Host: b', 'Content-Length: 3', 'Transfer-Encoding: chunked') },
  { weight: 1, arbitrary: one('Content-Encoding: gzip', 'Conit-Session: s', 'Upgrade: websocket') },
  {
    weight: 1,
    arbitrary: one('Content-Digest: sha-256=:AA==:', 'Authorization: Bearer x', 'X: y'),
  },
  { weight: 1, arbitrary: fc.tuple(bytes, bytes).map(([name, value]) => `${name}: ${value}`) },
  { weight: 1, arbitrary: long.map((text) => `X-Long: ${text}`) },
);
const op = fc.record(
  {
    op: one('put', 'get', 'delete', 'x'),
    key: fc.oneof(one('a', '..', ''), junk),
    keyBase64: one('/w==', 'AA==', '!'),
    value: junk,
    valueBase64: one('AA==', '='),
    ttl: one('1s', '5'),
    ifMatch: one('*', '"x"', 'x'),
    weight: fc.double(),
  },
  { requiredKeys: ['op'] },
);
const content = fc.oneof(
  { weight: 3, arbitrary: fc.constant('') },
  { weight: 3, arbitrary: bytes },
  { weight: 3, arbitrary: fc.array(op, { maxLength: 5 }).map((ops) => JSON.stringify({ ops })) },
  { weight: 1, arbitrary: fc.json().map((text) => Buffer.from(text).toString('latin1')) },
  { weight: 1, arbitrary: long },
);
const framing = one<(text: string) => string>(
  (text) => `Content-Length: ${text.length}\r\n\r\n${text}`,
  (text) => `Content-Length: ${text.length}\r\n\r\n${text}`,
  (text) => `Content-Length: ${text.length + 5}\r\n\r\n${text}`,
  (text) => `\r\n${text}`,
  (text) =>
    text === ''
      ? 'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
      : `Transfer-Encoding: chunked\r\n\r\n${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`,
);
const request = fc
  .record({ method, path, query, headers: fc.array(header, { maxLength: 4 }), content, framing })
  .map((parts) => {
    const head = [`${parts.method} ${parts.path}${parts.query} HTTP/1.1`, 'Host: a'];
    const lines = [...head, 'Connection: close', ...parts.headers].join('\r\n');
    return `${lines}\r\n${parts.framing(parts.content)}`;
  });

describe.each(SERVICES)('any request, before %s,', (_, createService) => {
  let harness: Harness;

  beforeAll(async () => {
    const service = await createService();
    const times = { requestTimeoutMs: 300, headersTimeoutMs: 300, connectionsCheckMs: 40 };
    const limits = { ...times, valueBytesMax: 5000, lingerMs: 50 };
    // A server without the fast path gets the same requests, and must answer the same.
    harness = await startHarness(
      service === undefined ? { limits, twin: true } : { limits, service },
    );
  });
  afterAll(() => harness.stop());

  it('is answered in time, with a status that the specification names', async () => {
    await fc.assert(
      fc.asyncProperty(request, async (text) => {
        const { received, tookMs } = await send(harness.port, text);
        expect(tookMs).toBeLessThan(HANG_MS);
        expect(harness.errors).toEqual([]);
        const head =
          /^(?:HTTP\/1\.1 100 Continue\r\n\r\n)?HTTP\/1\.1 (\d{3}) ([^]*?)\r\n\r\n([^]*)$/;
        const match = head.exec(received);
        expect(received === '' || match !== null).toBe(true);
        if (match === null) return;
        expect(STATUS_KNOWN).toContain(Number(match[1]));
        if (Number(match[1]) >= 400 && match[3] !== '') {
          expect(match[2]).toContain('application/problem+json');
          const length = Number(/Content-Length: (\d+)/i.exec(match[2] as string)?.[1]);
          const body = Buffer.from(match[3] as string, 'latin1').subarray(0, length);
          const problem = JSON.parse(body.toString()) as unknown;
          expect([...Value.Errors(ProblemShape, problem)]).toEqual([]);
        }
      }),
      { numRuns: 200 },
    );
    expect((await harness.ask('/livez')).status).toBe(200);
  }, 240_000);
});

describe.each(SERVICES)('any sequence of requests for keys, before %s,', (_, createService) => {
  const value = fc.uint8Array({ maxLength: 300 });
  const name = fc.oneof(
    one('a', 'a/b', '__proto__', 'x y', '%', 'é/ж', '/', 'a//b', '/a', 'a/', 'https://x.y/z?q#f'),
    fc.string({ unit: 'grapheme' }),
  );
  const goodName = name.filter((text) => {
    const isSegment = (part: string) => part !== '.' && part !== '..';
    return text !== '' && text.split('/').every(isSegment) && Buffer.from(text).length < 1025;
  });
  const anyStep = fc.oneof(
    fc.record({ kind: fc.constant('put' as const), name: goodName, value, onlyNew: fc.boolean() }),
    fc.record({ kind: fc.constant('get' as const), name: goodName }),
    fc.record({ kind: fc.constant('delete' as const), name: goodName }),
    fc.record({ kind: fc.constant('list' as const), limit: fc.integer({ min: 1, max: 4 }) }),
  );

  it('has the effect that it has on a plain map', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { maxLength: 15 }), async (steps) => {
        const service = await createService();
        const own = await startHarness(service === undefined ? {} : { service });
        const model = new Map<string, Buffer>();
        const at = (text: string) => `/v1/kv/bench/${encodeURIComponent(text)}`;
        for (const step of steps) {
          if (step.kind === 'put') {
            const headers = step.onlyNew ? { 'If-None-Match': '*' } : {};
            const { status } = await own.ask(at(step.name), {
              method: 'PUT',
              headers: { ...headers },
              body: step.value,
            });
            const isThere = model.has(step.name);
            expect(status).toBe(!isThere ? 201 : step.onlyNew ? 412 : 204);
            if (status !== 412) model.set(step.name, Buffer.from(step.value));
          } else if (step.kind === 'get') {
            const { status, body: got } = await own.ask(at(step.name));
            const expected = model.get(step.name);
            expect(status).toBe(expected === undefined ? 404 : 200);
            if (expected !== undefined) expect(got.equals(expected)).toBe(true);
          } else if (step.kind === 'delete') {
            const { status } = await own.ask(at(step.name), { method: 'DELETE' });
            model.delete(step.name);
            expect(status).toBe(204);
          } else {
            expect(await listAll(own, step.limit)).toEqual(
              [...model.keys()].sort((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y))),
            );
          }
        }
        await own.stop();
      }),
      { numRuns: 25 },
    );
  }, 240_000);
});

async function listAll(own: Harness, limit: number): Promise<string[]> {
  const keys: string[] = [];
  let page: string | undefined = `/v1/kv/bench?limit=${limit}`;
  while (page !== undefined) {
    const answer = await own.ask(page);
    const { items } = JSON.parse(answer.body.toString()) as { items: { key: string }[] };
    keys.push(...items.map((item) => item.key));
    page = /^<([^>]+)>/.exec((answer.headers.link as string | undefined) ?? '')?.[1];
  }
  return keys;
}

function send(port: number, text: string): Promise<{ received: string; tookMs: number }> {
  return new Promise((resolve) => {
    const begunMs = performance.now();
    let received = '';
    const socket = connect(port, '127.0.0.1');
    const end = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ received, tookMs: performance.now() - begunMs });
    };
    const timer = setTimeout(end, HANG_MS + 100);
    socket.on('data', (data: Buffer) => {
      received += data.toString('latin1');
    });
    socket.on('error', end);
    socket.on('close', end);
    socket.write(Buffer.from(text, 'latin1'));
  });
}
