// What HTTP itself requires of messages: bodies that are empty or of no use, expectations, closed
// halves of connections, idle connections.

import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Command } from '../../../src/model/command.ts';
import { type Harness, json, problemOf, repliesIn, startHarness } from './harness.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({ twin: true });
});
afterAll(() => harness.stop());

const head = (...lines: string[]) => `${lines.join('\r\n')}\r\n\r\n`;

describe('a body on a path without a route', () => {
  const bodies: readonly [string, Record<string, string>][] = [
    ['text', { 'Content-Type': 'text/plain' }],
    ['JSON', { 'Content-Type': 'application/json' }],
    ['a form', { 'Content-Type': 'application/x-www-form-urlencoded' }],
    ['no type', {}],
    ['a coding', { 'Content-Encoding': 'gzip' }],
    ['chunks', { 'Transfer-Encoding': 'chunked' }],
  ];
  const methods = ['GET', 'PUT', 'POST', 'DELETE', 'PATCH', 'OPTIONS'];

  it.each(bodies)('of %s does not hide the 404', async (_, headers) => {
    for (const method of methods) {
      const nowhere = await harness.ask('/v1/nothing', { method, headers, body: 'a=1' });
      expect([method, nowhere.status, problemOf(nowhere)]).toEqual([
        method,
        404,
        'route-not-found',
      ]);
    }
  });

  it.each(bodies)('of %s does not hide the wrong method', async (_, headers) => {
    const paths: readonly [string, string, string][] = [
      ['PUT', '/v1/cluster', 'GET, HEAD'],
      ['POST', '/livez', 'GET, HEAD'],
      ['POST', '/v1/kv/bench', 'GET, HEAD, DELETE'],
      ['POST', '/', 'GET, HEAD'],
      ['GET', '/v1/batch/bench', 'POST'],
      ['DELETE', '/v1/batch/bench', 'POST'],
      ['POST', '/v1/explain/bench/k', 'GET, HEAD'],
      ['GET', '/v1/cluster/replicas/eu-1/drain', 'POST'],
    ];
    for (const [method, path, allow] of paths) {
      const answer = await harness.ask(path, { method, headers, body: 'a=1' });
      expect([path, answer.status, problemOf(answer)]).toEqual([path, 405, 'method-not-allowed']);
      expect(answer.headers.allow).toBe(allow);
    }
    const key = await harness.ask('/v1/kv/bench/k', { method: 'OPTIONS', headers, body: 'a=1' });
    expect([key.status, problemOf(key)]).toEqual([405, 'method-not-allowed']);
  });

  it('leaves the connection usable', async () => {
    const bytes =
      `${head('POST /nothing HTTP/1.1', 'Host: a', 'Content-Length: 5')}GET /` +
      head('GET /livez HTTP/1.1', 'Host: a');
    expect(repliesIn(await harness.raw(bytes)).map(({ status }) => status)).toEqual([404, 200]);
  });

  it('is not waited for', async () => {
    const lines = [
      'POST /nothing HTTP/1.1',
      'Host: a',
      'Content-Length: 5',
      'Expect: 100-continue',
    ];
    expect(await harness.raw(head(...lines))).toMatch(/^HTTP\/1\.1 404 /);
  });
});

describe('an empty chunked body', () => {
  const empty = (line: string, ...more: string[]) =>
    `${head(line, 'Host: a', 'Transfer-Encoding: chunked', ...more)}0\r\n\r\n`;

  it('counts as no body', async () => {
    await harness.ask('/v1/kv/bench/chunks', { method: 'PUT', body: 'v' });
    const lines = [
      ['GET /v1/kv/bench/chunks HTTP/1.1', 200],
      ['HEAD /v1/kv/bench/chunks HTTP/1.1', 200],
      ['GET /v1/kv/bench HTTP/1.1', 200],
      ['GET /livez HTTP/1.1', 200],
      ['POST /v1/cluster/replicas/eu-1/resume HTTP/1.1', 200],
      ['DELETE /v1/kv/bench/chunks HTTP/1.1', 204],
      ['PUT /v1/kv/bench/chunks HTTP/1.1', 201],
      ['POST /v1/batch/bench HTTP/1.1', 400],
      ['GET /nothing HTTP/1.1', 404],
    ] as const;
    for (const [line, status] of lines) {
      for (const more of [[], ['Content-Type: text/plain'], ['Expect: 100-continue']]) {
        if (line.startsWith('DELETE')) await harness.ask('/v1/kv/bench/chunks', { method: 'PUT' });
        if (line.startsWith('PUT')) await harness.ask('/v1/kv/bench/chunks', { method: 'DELETE' });
        const found = repliesIn(await harness.raw(empty(line, ...more))).at(-1);
        expect([line, more, found?.status]).toEqual([line, more, status]);
      }
    }
  });

  it('is followed by the next request', async () => {
    const get = 'GET /v1/kv/bench/none HTTP/1.1';
    const bytes = empty(get) + empty(get) + head('GET /livez HTTP/1.1', 'Host: a');
    expect(repliesIn(await harness.raw(bytes)).map(({ status }) => status)).toEqual([
      404, 404, 200,
    ]);
  });

  it('that is not empty is refused', async () => {
    const bytes = empty('GET /livez HTTP/1.1').replace('0\r\n\r\n', '1\r\nx\r\n0\r\n\r\n');
    expect(repliesIn(await harness.raw(bytes))).toEqual([{ status: 400, code: 'bad-request' }]);
  });
});

describe('the start page', () => {
  it('names the version and the place of the API description', async () => {
    const answer = await harness.ask('/');
    expect(json(answer)).toEqual({
      name: 'conit',
      version: '0.0.0-test',
      docs: '/docs',
      openapi: '/openapi.json',
    });
    expect((await harness.ask('/', { method: 'HEAD' })).status).toBe(200);
  });
});

describe('HTTP/1.0', () => {
  it('gets no 100-continue', async () => {
    const lines = ['Content-Length: 2', 'Content-Type: application/json', 'Expect: 100-continue'];
    const put = await harness.raw(`${head('PUT /v1/kv/bench/old HTTP/1.0', ...lines)}ok`);
    expect(put).toMatch(/^HTTP\/1\.1 201 /);
    const post = await harness.raw(`${head('POST /v1/batch/bench HTTP/1.0', ...lines)}{}`);
    expect(post).toMatch(/^HTTP\/1\.1 400 /);
    const other = head('GET /livez HTTP/1.0', 'Expect: a-miracle');
    expect(await harness.raw(other)).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('a client that closes its half of the connection', () => {
  /** Everything that arrived until the server closed its half, too. */
  const sendAndEnd = (bytes: string) =>
    new Promise<string>((resolve, reject) => {
      let text = '';
      const socket = connect({ port: harness.port, host: '127.0.0.1', allowHalfOpen: true });
      socket.on('data', (data) => {
        text += data.toString('latin1');
      });
      socket.on('error', reject);
      socket.on('end', () => {
        socket.end();
        resolve(text);
      });
      socket.end(bytes);
    });

  it.each([
    ['a read', head('GET /v1/kv/bench/half HTTP/1.1', 'Host: a'), [404]],
    ['a list', head('GET /v1/kv/bench?limit=1 HTTP/1.1', 'Host: a'), [200]],
    ['a write', `${head('PUT /v1/kv/bench/h HTTP/1.1', 'Host: a', 'Content-Length: 1')}x`, [201]],
    ['two', head('GET /livez HTTP/1.1', 'Host: a').repeat(2), [200, 200]],
    ['nothing', '', []],
    ['half of one', 'GET /livez HT', [400]],
  ])('behind %s gets its answer, and the connection ends', async (_, bytes, statuses) => {
    expect(repliesIn(await sendAndEnd(bytes)).map(({ status }) => status)).toEqual(statuses);
  });

  it('gets its answer however late that comes', async () => {
    const held: Command[] = [];
    harness.service.hold = (command) => void held.push(command);
    const answer = sendAndEnd(head('GET /v1/kv/bench/late HTTP/1.1', 'Host: a'));
    while (held.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    // By then the end of the client's half has been seen.
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    harness.service.hold = undefined;
    for (const { client } of held)
      client.onReply({
        kind: 'absent',
        removal: undefined,
        stalenessMs: 1,
        answers: 1,
        heldBy: undefined,
      });
    expect(repliesIn(await answer)).toEqual([{ status: 404, code: 'not-found' }]);
  });
});

describe('an idle connection', () => {
  it('stays open for longer than a request may take to arrive', async () => {
    const limits = { headersTimeoutMs: 100, requestTimeoutMs: 100, connectionsCheckMs: 20 };
    const own = await startHarness({ limits });
    const socket = connect(own.port, '127.0.0.1');
    const answers: string[] = [];
    const next = () =>
      new Promise<void>((resolve) => {
        socket.once('data', (data) => {
          answers.push(data.toString('latin1'));
          resolve();
        });
        socket.write(head('GET /livez HTTP/1.1', 'Host: a'));
      });
    await next();
    await new Promise((resolve) => setTimeout(resolve, 500));
    await next();
    expect(answers.map((answer) => answer.slice(0, 12))).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200']);
    // Longer than the 60 s after which load balancers usually close theirs.
    expect(answers[0]).toContain('Keep-Alive: timeout=75');
    socket.destroy();
    await own.stop();
  });
});
