import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Harness, json, problemOf, startHarness } from './harness.ts';

let harness: Harness;

beforeAll(async () => {
  harness = await startHarness({ limits: { valueBytesMax: 100, batchBytesMax: 100_000 } });
});
afterAll(() => harness.stop());

interface Result {
  readonly status: number;
  readonly version?: string;
  readonly acks?: number;
  readonly record?: Record<string, unknown>;
  readonly problem?: { readonly type: string; readonly detail: string };
}

const post = (ops: unknown, query = '', headers: Record<string, string> = {}) =>
  harness.ask(`/v1/batch/bench${query}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify({ ops }),
  });
const together = async (ops: unknown, query = '', headers: Record<string, string> = {}) =>
  harness.ask(`/v1/batch/bench${query}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify({ ops, atomic: true }),
  });
const run = async (ops: unknown, query = '', headers: Record<string, string> = {}) => {
  const answer = await post(ops, query, headers);
  expect(answer.status).toBe(200);
  return json(answer)['results'] as Result[];
};
const statuses = (results: readonly Result[]) => results.map(({ status }) => status);

/** A time-out counts from the arrival, so a part of it may have passed. */
const within = (ms: number): unknown => expect.toSatisfy((left) => left > 0 && left <= ms);

describe('a batch', () => {
  it('answers each operation on its own, in order', async () => {
    const results = await run([
      { op: 'put', key: 'x', value: 'one' },
      { op: 'get', key: 'x' },
      { op: 'put', key: 'x', value: 'two', ifNoneMatch: '*' },
      { op: 'put', key: 'x', value: 'three', ifMatch: '*' },
      { op: 'delete', key: 'x' },
      { op: 'delete', key: 'x' },
      { op: 'get', key: 'x' },
    ]);
    expect(statuses(results)).toEqual([201, 200, 412, 204, 204, 204, 404]);
    expect(results[0]).toMatchObject({ acks: 2, replicas: 3 });
    expect(results[1]?.record).toMatchObject({
      key: 'x',
      value: 'one',
      version: results[0]?.version,
      contentType: 'text/plain; charset=utf-8',
    });
    expect(results[2]?.problem?.type).toBe('urn:conit:problem:precondition-failed');
  });

  it('takes any bytes as key and value', async () => {
    const keyBase64 = Buffer.from([0, 0xff, 0x2f, 0xfe]).toString('base64');
    const results = await run([
      { op: 'put', keyBase64, valueBase64: 'AP8=', contentType: 'image/x' },
      { op: 'get', keyBase64 },
      { op: 'put', key: 'ключ', value: 'значение', ttl: '1h', tags: ['t'], weight: 2 },
      { op: 'get', key: 'ключ' },
      { op: 'put', key: '__proto__', value: 'p' },
      { op: 'get', key: '__proto__' },
    ]);
    expect(statuses(results)).toEqual([201, 200, 201, 200, 201, 200]);
    expect(results[1]?.record).toMatchObject({ keyBase64, valueBase64: 'AP8=', size: 2 });
    expect(results[3]?.record).toMatchObject({ key: 'ключ', value: 'значение', weight: 2 });
    const path = `/v1/kv/bench/${encodeURIComponent('ключ')}`;
    expect((await harness.ask(path)).body.toString()).toBe('значение');
    const listed = await harness.ask('/v1/kv/bench?end=%01');
    expect(json(listed)['items']).toMatchObject([{ keyBase64 }]);
  });

  it('passes on the parameters of the whole batch', async () => {
    await run([{ op: 'put', key: 'w', value: '' }], '?w=all&timeout=50s&consistency=eventual');
    expect(harness.service.commands.at(-1)).toMatchObject({ w: 'all', timeoutMs: within(50_000) });
    await run([{ op: 'get', key: 'w' }], '?r=majority');
    expect(harness.service.commands.at(-1)).toMatchObject({ r: 'majority' });
    const [first] = await run([{ op: 'put', key: 'w', value: '' }], '', {
      Prefer: 'respond-async',
    });
    expect(first?.status).toBe(202);
  });

  it.each([
    [{ op: 'put', value: 'x' }, 'invalid-key'],
    [{ op: 'put', key: 'k', keyBase64: 'aw==', value: 'x' }, 'invalid-key'],
    [{ op: 'put', keyBase64: 'a', value: 'x' }, 'invalid-key'],
    [{ op: 'put', keyBase64: '', value: 'x' }, 'invalid-key'],
    [{ op: 'get', key: '' }, 'invalid-key'],
    [{ op: 'get', key: 'half a pair: \ud800' }, 'invalid-key'],
    [{ op: 'get', key: 'k'.repeat(1025) }, 'invalid-key'],
    [{ op: 'put', key: 'k' }, 'invalid-parameter'],
    [{ op: 'put', key: 'k', value: 'x', valueBase64: 'eA==' }, 'invalid-parameter'],
    [{ op: 'put', key: 'k', valueBase64: '!' }, 'invalid-parameter'],
    [{ op: 'put', key: 'k', value: 'x', ttl: '5' }, 'invalid-parameter'],
    [{ op: 'put', key: 'k', value: 'x', ifMatch: 'x' }, 'invalid-parameter'],
    [{ op: 'put', key: 'k', value: 'x', contentType: 'a\r\nb: c' }, 'invalid-parameter'],
    [{ op: 'put', key: 'k', value: 'x', contentType: 'naïve€' }, 'invalid-parameter'],
    [{ op: 'put', key: 'k', value: 'x', tags: ['é'] }, 'invalid-parameter'],
    [{ op: 'put', key: 'k', value: 'x', tags: [''] }, 'invalid-parameter'],
    [{ op: 'get', key: 'k', ttl: '1s' }, 'invalid-parameter'],
    [{ op: 'delete', key: 'k', value: 'x' }, 'invalid-parameter'],
    [{ op: 'put', key: 'k', value: 'x'.repeat(101) }, 'value-too-large'],
  ])('reports what is wrong with one operation: %j', async (item, code) => {
    const results = await run([item, { op: 'put', key: 'fine', value: 'x' }]);
    expect(results[0]?.problem?.type).toBe(`urn:conit:problem:${code}`);
    expect(results[1]?.status).toBeLessThan(300);
  });

  it('is refused as a whole if its shape is wrong', async () => {
    for (const ops of [{}, 'x', [null], [{ op: 'merge', key: 'k' }], [{ key: 'k' }]]) {
      expect(problemOf(await post(ops))).toBe('invalid-parameter');
    }
  });

  it('of too many operations or bytes is refused', async () => {
    const many = Array.from({ length: 1001 }, () => ({ op: 'get', key: 'k' }));
    const answer = await post(many);
    expect([answer.status, problemOf(answer)]).toEqual([413, 'content-too-large']);
    expect(await run(many.slice(1))).toHaveLength(1000);
    const large = await post([{ op: 'get', key: 'x'.repeat(100_000) }]);
    expect([large.status, problemOf(large)]).toEqual([413, 'content-too-large']);
  });

  it('keeps the order of operations on one key, whichever replica has to be asked', async () => {
    const begun: string[] = [];
    const { service } = harness;
    service.hold = (command) => {
      const { kind } = command;
      begun.push(kind === 'write' ? command.operation : kind);
      // Reads, and writes with a condition, take longer than the operations after them.
      const isSlow = kind === 'read' || (kind === 'write' && command.conditions.length > 0);
      const { hold } = service;
      const answer = (): void => {
        service.hold = undefined;
        service.submit(command);
        service.hold = hold;
      };
      if (isSlow) setImmediate(() => setImmediate(answer));
      else answer();
    };
    const key = 'order/one';
    const results = await run([
      { op: 'put', key, value: 'old' },
      { op: 'put', key, value: 'x', ifNoneMatch: '*' },
      { op: 'get', key },
      { op: 'delete', keyBase64: Buffer.from(key).toString('base64') },
      { op: 'get', key },
    ]);
    service.hold = undefined;
    expect(statuses(results)).toEqual([201, 412, 200, 204, 404]);
    expect(begun).toEqual(['put', 'put', 'read', 'delete', 'read']);
  });

  it('returns no more values than a batch may hold', async () => {
    const other = await startHarness({ limits: { batchBytesMax: 150 } });
    await other.ask('/v1/kv/bench/k', { method: 'PUT', body: 'x'.repeat(60) });
    const answer = await other.ask('/v1/batch/bench', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ ops: Array.from({ length: 3 }, () => ({ op: 'get', key: 'k' })) }),
    });
    await other.stop();
    expect(statuses(json(answer)['results'] as Result[])).toEqual([200, 200, 413]);
  });

  it('with an idempotency key has each effect once', async () => {
    const ops = [
      { op: 'put', key: 'i1', value: '1' },
      { op: 'put', key: 'i2', value: '2' },
    ];
    const headers = { 'Idempotency-Key': 'batch-1' };
    const first = await run(ops, '', headers);
    const again = await run(ops, '', headers);
    expect(again.map(({ version }) => version)).toEqual(first.map(({ version }) => version));
    const other = await run([ops[0], { op: 'put', key: 'i2', value: '3' }], '', headers);
    expect(statuses(other)).toEqual([201, 422]);
  });

  it.each([
    ['?ttl=1s', 400, 'invalid-parameter'],
    ['?w=9', 400, 'invalid-parameter'],
    ['?timeout=1', 400, 'invalid-parameter'],
    ['?consistency=fifo', 501, 'not-built'],
    ['?t=1s', 501, 'not-built'],
  ])('%s is refused', async (query, status, code) => {
    const answer = await post([], query);
    expect([answer.status, problemOf(answer)]).toEqual([status, code]);
  });

  it('for a namespace that does not exist is not found', async () => {
    const answer = await harness.ask('/v1/batch/nope', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: '{"ops":[]}',
    });
    expect(problemOf(answer)).toBe('namespace-not-found');
  });
});

describe('an atomic batch', () => {
  const valueOf = async (key: string) => (await harness.ask(`/v1/kv/bench/${key}`)).body.toString();

  it('is one command, and answers each operation in order', async () => {
    await harness.ask('/v1/kv/bench/at-2', { method: 'PUT', body: 'old' });
    const before = harness.service.commands.length;
    const ops = [
      { op: 'put', key: 'at-1', value: 'one', tags: ['t'], weight: 2, ttl: '1h' },
      { op: 'put', keyBase64: Buffer.from('at-2').toString('base64'), valueBase64: 'AP8=' },
      { op: 'delete', key: 'at-3' },
    ];
    const answer = await together(ops, '?w=all&timeout=5s', { 'Idempotency-Key': 'at-k' });
    expect(answer.status).toBe(200);
    const results = json(answer)['results'] as Result[];
    expect(statuses(results)).toEqual([201, 204, 204]);
    expect(results.map(({ acks }) => acks)).toEqual([2, 2, 2]);
    const [command, ...more] = harness.service.commands.slice(before);
    expect(more).toEqual([]);
    expect(command).toMatchObject({ kind: 'run', w: 'all', r: undefined, timeoutMs: within(5000) });
    expect(command).toMatchObject({
      idempotency: { key: 'at-k', digest: expect.any(Number) },
      items: [
        { key: 'at-1', operation: 'put', ttlMs: 3_600_000, tags: ['t'], weight: 2 },
        { key: 'at-2', operation: 'put', contentType: 'application/octet-stream' },
        { key: 'at-3', operation: 'delete', contentType: '' },
      ],
    });
    expect(await valueOf('at-1')).toBe('one');
  });

  it('with a condition that does not hold writes nothing, and names the operation', async () => {
    const answer = await together(
      [
        { op: 'put', key: 'no-1', value: 'one' },
        { op: 'put', key: 'no-2', value: 'two', ifMatch: '*' },
      ],
      '?r=majority',
    );
    expect([answer.status, problemOf(answer)]).toEqual([412, 'precondition-failed']);
    expect(json(answer)).toMatchObject({ item: 1, indeterminate: false });
    expect(harness.service.commands.at(-1)).toMatchObject({ kind: 'run', r: 'majority' });
    expect((await harness.ask('/v1/kv/bench/no-1')).status).toBe(404);
  });

  it.each([
    ['a get', { op: 'get', key: 'a' }, 400, 'invalid-parameter'],
    ['no key', { op: 'put', value: 'a' }, 400, 'invalid-key'],
    ['no value', { op: 'put', key: 'a' }, 400, 'invalid-parameter'],
    ['a value that is too large', { op: 'put', key: 'a', value: 'x'.repeat(101) }, 413, ''],
    ['what a delete does not take', { op: 'delete', key: 'a', ttl: '1s' }, 400, ''],
    ['a condition that is malformed', { op: 'delete', key: 'a', ifMatch: 'x' }, 400, ''],
  ])('with %s is refused as a whole', async (_, op, status, code) => {
    const before = harness.service.commands.length;
    const answer = await together([{ op: 'put', key: 'fine', value: 'v' }, op]);
    expect(answer.status).toBe(status);
    if (code !== '') expect(problemOf(answer)).toBe(code);
    expect(json(answer)).toMatchObject({
      item: 1,
      detail: expect.stringMatching(/^operation 1: .*; nothing was written$/),
    });
    expect(harness.service.commands).toHaveLength(before);
  });

  it('under an idempotency key is the same batch, or is refused as another request', async () => {
    const key = { 'Idempotency-Key': 'same' };
    const ops = [
      { op: 'put', key: 'i-1', value: 'one' },
      { op: 'delete', key: 'i-2' },
    ];
    const first = json(await together(ops, '', key))['results'] as Result[];
    const again = json(await together(ops, '', key))['results'] as Result[];
    expect(again).toEqual(first);
    const other = await together(ops.toReversed(), '', key);
    expect([other.status, problemOf(other)]).toEqual([422, 'idempotency-mismatch']);
  });

  it('without enough copies yet is accepted, if the client prefers that', async () => {
    const prefer = { Prefer: 'respond-async' };
    const answer = await together([{ op: 'put', key: 'p', value: 'v' }], '', prefer);
    expect(statuses(json(answer)['results'] as Result[])).toEqual([202]);
  });

  it('without operations does nothing, and `atomic` is a flag', async () => {
    expect(json(await together([]))).toEqual({ results: [] });
    const answer = await harness.ask('/v1/batch/bench', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: '{"ops":[],"atomic":"yes"}',
    });
    expect(answer.status).toBe(400);
  });

  it('of too many operations is refused', async () => {
    const ops = Array.from({ length: 1001 }, (_, n) => ({ op: 'delete', key: `k${n}` }));
    expect(problemOf(await together(ops))).toBe('content-too-large');
  });
});
