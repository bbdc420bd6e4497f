import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { Value } from 'typebox/value';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Command } from '../../../src/model/command.ts';
import { fault } from '../../../src/model/fault.ts';
import { methodsAt, ROUTES } from '../../../src/api/routes.ts';
import {
  BatchResultsShape,
  ClusterShape,
  EnvelopeShape,
  ExplainShape,
  ListShape,
  NamespacesShape,
  ProblemShape,
  ReadyShape,
  WriteStatusShape,
} from '../../../src/api/shapes.ts';
import { type Harness, json, problemOf, startHarness } from './harness.ts';

let harness: Harness;

beforeAll(async () => {
  harness = await startHarness();
});
afterAll(() => harness.stop());

describe('without tokens', () => {
  it.each([
    '0.0.0.0',
    '::',
    '192.168.1.1',
    'example.org',
    '128.0.0.1',
    '127.0.0.1.example.org',
    '',
  ])('the server does not listen on %s, and says what to do', async (host) => {
    await expect(harness.server.listen(host, 0)).rejects.toThrow(/CONIT_TOKENS_FILE.*127\.0\.0\.1/);
  });
});

describe('with tokens', () => {
  it('the server listens at any address', async () => {
    const other = await startHarness({ tokens: [] });
    expect((await other.ask('/v1/kv/bench/k')).status).toBe(401);
    await other.stop();
  });
});

describe('an address in use', () => {
  it('is reported as such', async () => {
    const other = await startHarness();
    const { server } = other;
    await expect(server.listen('127.0.0.1', harness.port)).rejects.toThrow(/listen|in use/i);
    await other.stop();
  });
});

describe('draining', () => {
  it('closes each connection with its next reply and answers load balancers 503', async () => {
    const other = await startHarness();
    await other.ask('/v1/kv/bench/k', { method: 'PUT', body: 'x' });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const head = (path: string) =>
      new Promise<[number | undefined, string | undefined]>((resolve, reject) => {
        const { port } = other;
        request({ port, host: '127.0.0.1', path, agent }, (response) => {
          response.resume();
          response.on('end', () => {
            resolve([response.statusCode, response.headers.connection]);
          });
        })
          .on('error', reject)
          .end();
      });
    expect(await head('/v1/kv/bench/k')).toEqual([200, 'keep-alive']);
    other.server.beginDrain();
    for (const [path, status] of [
      ['/v1/kv/bench/k', 200],
      ['/v1/kv/bench/none', 404],
      ['/v1/kv/bench', 200],
      ['/livez', 200],
      ['/readyz', 503],
      ['/nowhere', 404],
    ] as const) {
      expect(await head(path)).toEqual([status, 'close']);
    }
    agent.destroy();
    await other.stop();
  });

  it('also begins if the replica drains by itself', async () => {
    const other = await startHarness();
    other.service.state = 'draining';
    const answer = await other.ask('/v1/kv/bench/k');
    expect([answer.status, problemOf(answer)]).toEqual([503, 'draining']);
    expect(answer.headers.connection).toBe('close');
    await other.stop();
  });

  it('lets running requests finish and closes idle connections', async () => {
    const other = await startHarness();
    const held: Command[] = [];
    other.service.hold = (command) => held.push(command);
    const idle = connect(other.port, '127.0.0.1');
    await new Promise((resolve) => idle.once('connect', resolve));
    const answer = other.ask('/v1/kv/bench/k', { method: 'PUT', body: 'x' });
    while (held.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const closed = other.server.close();
    other.service.hold = undefined;
    other.service.submit(held[0] as Command);
    expect((await answer).status).toBe(201);
    await closed;
    await expect(other.ask('/livez')).rejects.toThrow('ECONNREFUSED');
    idle.destroy();
  });

  it('ends the requests that do not finish', async () => {
    const other = await startHarness({ limits: { drainMs: 100 } });
    const held: Command[] = [];
    other.service.hold = (command) => held.push(command);
    const answer = other.ask('/v1/kv/bench/k').catch(() => 'cut off');
    while (held.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    let askedToGiveUp = 0;
    await other.server.close({ giveUp: () => askedToGiveUp++ });
    expect(await answer).toBe('cut off');
    expect(askedToGiveUp).toBe(1);
  });

  it('answers waiting clients before it ends them', async () => {
    const other = await startHarness({ limits: { drainMs: 50 } });
    const held: Command[] = [];
    other.service.hold = (command) => held.push(command);
    const answer = other.ask('/v1/kv/bench/k', { method: 'PUT', body: 'x' });
    while (held.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const detail = 'the replica has stopped';
    const giveUp = () =>
      held[0]?.client.onReply({ kind: 'failed', fault: fault('outcome-unknown', detail) });
    await other.server.close({ giveUp });
    expect((await answer).status).toBe(504);
  });

  it('answers further requests for a while, on new connections and on open ones', async () => {
    const other = await startHarness({ limits: { noticeMs: 2 ** 30 } });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ask = (): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const target = { port: other.port, host: '127.0.0.1', path: '/v1/kv/bench/k', agent };
        request(target, (response) => {
          response.resume();
          response.on('end', () => resolve(response.statusCode));
        })
          .on('error', reject)
          .end();
      });
    expect(await ask()).toBe(404);
    other.service.state = 'draining';
    void other.server.close();
    expect(await ask()).toBe(503);
    expect(await ask()).toBe(503);
    expect((await other.ask('/readyz')).status).toBe(503);
    agent.destroy();
    await other.server.close({ hasNotice: false });
    await expect(other.ask('/livez')).rejects.toThrow('ECONNREFUSED');
  });

  it('answers what has arrived on an idle connection before it closes that', async () => {
    const other = await startHarness();
    const idle = connect(other.port, '127.0.0.1');
    await new Promise((resolve) => idle.once('connect', resolve));
    let text = '';
    idle.on('data', (chunk: Buffer) => (text += chunk.toString()));
    const ended = new Promise((resolve) => idle.once('close', resolve));
    idle.write('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n');
    await other.server.close();
    await ended;
    expect(text).toMatch(/^HTTP\/1\.1 (200|421)/);
  });
});

describe('the specification', () => {
  type Paths = Record<string, Record<string, { operationId?: string; responses: object }>>;
  interface Described {
    readonly operationId: string;
    readonly summary?: string;
    readonly description?: string;
    readonly parameters?: readonly { readonly description?: string }[];
  }
  const paths = async () => json(await harness.ask('/openapi.json'))['paths'] as Paths;

  it('names every route of the table and no others', async () => {
    const described = Object.entries(await paths()).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { operationId }]) =>
        [method, path, operationId].join(' '),
      ),
    );
    const routes = ROUTES.filter(({ id }) => id !== 'docs');
    const expected = routes.flatMap(({ id, method, path }) => {
      const line = [method.toLowerCase(), path, id].join(' ');
      return method === 'GET' ? [line, `head ${path} ${id}-head`] : [line];
    });
    expect(described.sort()).toEqual(expected.sort());
  });

  it('describes a success for each, or says that it is not built', async () => {
    for (const methods of Object.values(await paths())) {
      for (const { responses } of Object.values(methods)) {
        expect(Object.keys(responses).some((status) => /^(2|501)/.test(status))).toBe(true);
      }
    }
  });

  it('has what generators of clients need', async () => {
    type Full = {
      readonly tags?: string[];
      readonly description?: string;
      readonly parameters?: { in: string; name: string; required: boolean }[];
      readonly responses: Record<string, { $ref?: string; content?: object }>;
    };
    const document = json(await harness.ask('/openapi.json'));
    expect(document['servers']).toMatchObject([{ url: '/' }]);
    const tags = (document['tags'] as { name: string }[]).map(({ name }) => name);
    const ids = new Set<string>();
    for (const methods of Object.values(await paths())) {
      for (const [method, operation] of Object.entries(methods)) {
        const {
          operationId,
          tags: [tag] = [],
          description,
          parameters,
          responses,
        } = operation as Full & { operationId: string };
        expect([operationId, ids.has(operationId)]).toEqual([operationId, false]);
        ids.add(operationId);
        expect([operationId, tags.includes(tag ?? ''), (description ?? '') !== '']).toEqual([
          operationId,
          true,
          true,
        ]);
        for (const { in: where, name, required } of parameters ?? [])
          expect([operationId, name, required]).toEqual([operationId, name, where === 'path']);
        if (method !== 'head')
          expect(responses['default']).toEqual({ $ref: '#/components/responses/Problem' });
      }
    }
    const get = (await paths())['/v1/kv/{ns}/{key}']?.['get'] as unknown as Full;
    expect(get.responses['307']).toEqual({ $ref: '#/components/responses/Elsewhere' });
    expect(get.parameters?.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['onUnmet', 'redirect', 'envelope']),
    );
    const list = (await paths())['/v1/kv/{ns}']?.['get'] as unknown as Full;
    expect(list.responses['200']?.content).toMatchObject({
      'application/json': { schema: { $ref: '#/components/schemas/List' } },
      'application/x-ndjson': {},
    });
  });

  it('describes each operation and each parameter in words', async () => {
    const all = Object.values(await paths()).flatMap((methods) => Object.values(methods));
    for (const {
      operationId,
      summary,
      description,
      parameters = [],
    } of all as unknown as Described[]) {
      const words = [summary, description, ...parameters.map((each) => each.description)];
      expect([operationId, words.filter((each) => (each ?? '') === '')]).toEqual([operationId, []]);
    }
  });

  it('is OpenAPI 3.1 with its version, and has a page', async () => {
    const document = json(await harness.ask('/openapi.json'));
    expect(document).toMatchObject({ openapi: '3.1.0', info: { version: '0.0.0-test' } });
    const page = await harness.ask('/docs/');
    expect(page.status).toBe(200);
    expect(page.headers['content-security-policy']).toContain("default-src 'self'");
    expect((await harness.ask('/docs/static/swagger-ui.css')).status).toBe(200);
    for (const way of ['../../..', '%2e%2e/%2e%2e', '..%2f..']) {
      const { status } = await harness.ask(`/docs/static/${way}/package.json`);
      expect([400, 403, 404]).toContain(status);
    }
  });

  it('equals what the server sends', async () => {
    await harness.ask('/v1/kv/bench/spec?ttl=1h', {
      method: 'PUT',
      body: 'x',
      headers: { 'Conit-Tags': 'a', 'Conit-Weight': '1' },
    });
    const accept = { headers: { Accept: 'application/vnd.conit.record+json' } };
    const cases = [
      ['/v1/kv/bench/spec', EnvelopeShape],
      ['/v1/kv/bench?values=inline', ListShape],
      ['/v1/writes/eu-1.1.1', WriteStatusShape],
      ['/v1/explain/bench/spec', ExplainShape],
      ['/v1/cluster', ClusterShape],
      ['/v1/namespaces', NamespacesShape],
      ['/readyz?verbose', ReadyShape],
      ['/readyz?verbose&ns=strong', ProblemShape],
      ['/v1/kv/bench/none', ProblemShape],
      ['/nowhere', ProblemShape],
    ] as const;
    for (const [path, schema] of cases) {
      expect([path, [...Value.Errors(schema, json(await harness.ask(path, accept)))]]).toEqual([
        path,
        [],
      ]);
    }
    const batch = await harness.ask('/v1/batch/bench', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ ops: [{ op: 'get', key: 'spec' }, { op: 'get' }] }),
    });
    expect([...Value.Errors(BatchResultsShape, json(batch))]).toEqual([]);
  });

  it('allows at each path what the table allows', async () => {
    for (const path of Object.keys(await paths())) {
      const methods = Object.keys((await paths())[path] as object).map((name) =>
        name.toUpperCase(),
      );
      expect([...methodsAt(path)].sort()).toEqual(methods.sort());
    }
  });
});
