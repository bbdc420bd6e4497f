import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Harness, problemOf, startHarness } from './harness.ts';

let harness: Harness;
const touch = (path: string, headers: Record<string, string> = {}, body?: string) =>
  harness.ask(`/v1/kv/bench/${path}`, {
    method: 'POST',
    headers,
    ...(body === undefined ? {} : { body }),
  });
const put = (path: string, body: string, headers: Record<string, string> = {}) =>
  harness.ask(`/v1/kv/bench/${path}`, { method: 'PUT', body, headers });
const get = (path: string) => harness.ask(`/v1/kv/bench/${path}`);

beforeAll(async () => {
  harness = await startHarness();
});
afterAll(() => harness.stop());

describe('a touch', () => {
  it('gives the value a new deadline, and keeps all else under a new version', async () => {
    await put('k?ttl=10s', 'value', {
      'Content-Type': 'x/y',
      'Conit-Tags': 'a',
      'Conit-Weight': '2',
    });
    const before = await get('k');
    const answer = await touch('k?ttl=1h&w=2');
    expect([answer.status, answer.headers['conit-acks']]).toEqual([204, '2/3']);
    expect(answer.headers.etag).not.toBe(before.headers.etag);
    const after = await get('k');
    expect(after.headers.etag).toBe(answer.headers.etag);
    expect([after.body.toString(), after.headers['content-type']]).toEqual(['value', 'x/y']);
    expect(Date.parse(after.headers['conit-expires'] as string)).toBeGreaterThan(Date.now() + 3e6);
    const record = [...harness.service.records.values()].at(-1);
    expect(record).toMatchObject({ tags: ['a'], weight: 2 });
  });

  it('is refused if there is no value, and creates none', async () => {
    const answer = await touch('absent?ttl=1h');
    expect([answer.status, problemOf(answer)]).toEqual([404, 'not-found']);
    expect((await get('absent')).status).toBe(404);
  });

  it('obeys conditions', async () => {
    const { etag } = (await put('c', 'v')).headers;
    const other = await touch('c?ttl=1h', { 'If-Match': '"eu-1.1.999"' });
    expect([other.status, problemOf(other)]).toEqual([412, 'precondition-failed']);
    expect((await touch('c?ttl=1h', { 'If-Match': etag as string })).status).toBe(204);
    expect((await touch('c?ttl=1h', { 'If-Match': etag as string })).status).toBe(412);
    expect((await touch('c?ttl=1h', { 'If-None-Match': '*' })).status).toBe(412);
  });

  it('has one effect under one idempotency key', async () => {
    await put('once', 'v');
    const key = { 'Idempotency-Key': 'touch-1' };
    const first = await touch('once?ttl=1h', key);
    const again = await touch('once?ttl=1h', key);
    expect([first.status, again.status]).toEqual([204, 204]);
    expect(again.headers.etag).toBe(first.headers.etag);
    const other = await touch('once?ttl=2h', key);
    expect([other.status, problemOf(other)]).toEqual([422, 'idempotency-mismatch']);
  });

  it('does not undo a concurrent write', async () => {
    await put('race', 'old');
    const { service } = harness;
    let isOvertaken = false;
    const submit = service.submit.bind(service);
    service.submit = (command) => {
      if (command.kind === 'write' && !isOvertaken) {
        isOvertaken = true;
        const client = { onReply: () => undefined, onBroken: () => undefined };
        submit({ ...command, client, value: Buffer.from('new'), conditions: [], ttlMs: 0 });
      }
      submit(command);
    };
    const answer = await touch('race?ttl=1h');
    service.submit = submit;
    expect(answer.status).toBe(204);
    const after = await get('race');
    expect(after.body.toString()).toBe('new');
    expect(after.headers['conit-expires']).toBeDefined();
  });

  it.each([
    ['x', {}, undefined, 'invalid-parameter'],
    ['x?ttl=0s', {}, undefined, 'invalid-parameter'],
    ['x?ttl=1h&ttl=2h', {}, undefined, 'invalid-parameter'],
    ['x?ttl=1h', {}, 'body', 'bad-request'],
    ['x?ttl=1h', { 'Transfer-Encoding': 'chunked' }, 'body', 'bad-request'],
  ])('%s %j %s is refused', async (path, headers, body, code) => {
    const answer = await touch(path, headers, body);
    expect([answer.status, problemOf(answer)]).toEqual([400, code]);
  });

  it('may have an empty chunked body', async () => {
    await put('chunk', 'v');
    const answer = await touch('chunk?ttl=1h', { 'Transfer-Encoding': 'chunked' });
    expect(answer.status).toBe(204);
  });
});
