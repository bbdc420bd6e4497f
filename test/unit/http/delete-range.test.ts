import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fault, type FaultCode } from '../../../src/model/fault.ts';
import type { Command } from '../../../src/model/command.ts';
import { type Answer, type Harness, json, problemOf, startHarness } from './harness.ts';

let harness: Harness;
const KEYS = ['a', 'a/1', 'a/2', 'b', 'b/x/1', 'b/x/2', 'c', 'é'];

beforeEach(async () => {
  harness = await startHarness({ limits: { batchItemsMax: 4 } });
  for (const key of KEYS) await put(key);
});
afterEach(() => harness.stop());

const put = (key: string) =>
  harness.ask(`/v1/kv/bench/${encodeURIComponent(key)}`, { method: 'PUT', body: key });
const del = (query: string, headers: Record<string, string> = {}, body?: string) =>
  harness.ask(`/v1/kv/bench${query}`, {
    method: 'DELETE',
    headers,
    ...(body === undefined ? {} : { body }),
  });
const left = async () => {
  const { items } = json(await harness.ask('/v1/kv/bench')) as unknown as {
    items: { key: string }[];
  };
  return items.map(({ key }) => key);
};
const cursorOf = (answer: Answer) => json(answer)['cursor'] as string | null;

/** The deletes of the next range are answered with this; `undefined` lets one succeed. */
function answerDeletes(codeFor: (key: string) => FaultCode | undefined): void {
  const { service } = harness;
  service.hold = (command: Command) => {
    const code = command.kind === 'write' ? codeFor(command.key) : undefined;
    if (code !== undefined)
      return command.client.onReply({ kind: 'failed', fault: fault(code, 'as the test says') });
    const { hold } = service;
    service.hold = undefined;
    service.submit(command);
    service.hold = hold;
  };
}

describe('a delete of a range', () => {
  it.each([
    ['?prefix=a', ['b', 'b/x/1', 'b/x/2', 'c', 'é'], 3],
    ['?prefix=a%2F', ['a', 'b', 'b/x/1', 'b/x/2', 'c', 'é'], 2],
    ['?start=a/2&end=c', ['a', 'a/1', 'c', 'é'], 4],
    ['?prefix=b&start=b/x/2', ['a', 'a/1', 'a/2', 'b', 'b/x/1', 'c', 'é'], 1],
    ['?end=a', KEYS, 0],
    ['?start=c&end=a', KEYS, 0],
    ['?prefix=%C3', KEYS.slice(0, -1), 1],
    ['?start=c', KEYS.slice(0, -2), 2],
  ])('%s deletes the keys in it', async (query, expected, deleted) => {
    const answer = await del(query);
    expect(answer.status).toBe(200);
    expect(json(answer)).toEqual({ deleted, cursor: null });
    expect(answer.headers['conit-consistency']).toBe('eventual');
    expect(await left()).toEqual(expected);
  });

  it('continues page by page, and a page is at most a batch', async () => {
    const first = await del('?all');
    expect(json(first)).toMatchObject({ deleted: 4, cursor: expect.any(String) });
    const second = await del(`?all=true&limit=3&cursor=${cursorOf(first)}`);
    expect(json(second)).toMatchObject({ deleted: 3 });
    const third = await del(`?all&cursor=${cursorOf(second)}`);
    expect(json(third)).toEqual({ deleted: 1, cursor: null });
    expect(await left()).toEqual([]);
    expect(json(await del('?all'))).toEqual({ deleted: 0, cursor: null });
  });

  it.each([
    '',
    '?prefix=',
    '?prefix=&start=&end=',
    '?all=false',
    '?all=yes',
    '?all&prefix=a',
    '?all&end=b',
    '?limit=5',
    '?prefix=a&limit=0',
    '?prefix=a&limit=1001',
    '?prefix=a&cursor=nonsense',
    '?prefix=a&w=9',
    '?prefix=a&r=9',
    '?prefix=a&timeout=5',
    '?prefix=a&prefix=b',
    '?prefix=a&delimiter=/',
    '?prefix=a&reverse',
    '?prefix=a&redirect=maybe',
  ])('%s is refused, and nothing is deleted', async (query) => {
    const answer = await del(query);
    expect([answer.status, problemOf(answer)]).toEqual([400, 'invalid-parameter']);
    expect(await left()).toEqual(KEYS);
  });

  it('without bounds is refused, with how to name the whole namespace', async () => {
    expect(json(await del('?prefix='))['detail']).toMatch(/nothing was deleted.*"all"/);
  });

  it.each(['If-Match', 'If-None-Match', 'If-Unmodified-Since', 'Content-Range'])(
    'with %s is refused',
    async (header) => {
      expect(problemOf(await del('?prefix=a', { [header]: '*' }))).toBe('bad-request');
      expect(await left()).toEqual(KEYS);
    },
  );

  it('with a body is refused: the body could be read as what to delete', async () => {
    const body = '{"keys":["a"]}';
    const headers = {
      'Content-Type': 'application/json',
      'Content-Length': String(body.length),
    };
    expect(problemOf(await del('?prefix=a', headers, body))).toBe('bad-request');
    expect(await left()).toEqual(KEYS);
  });

  it('refuses a cursor of another range', async () => {
    const cursor = cursorOf(await del('?start=a&limit=1'));
    expect(problemOf(await del(`?prefix=b&cursor=${cursor}`))).toBe('invalid-parameter');
    expect(await left()).toEqual(KEYS.slice(1));
  });

  it('deletes the versions that it saw, with the requested quorums', async () => {
    const before = harness.service.commands.length;
    await del('?prefix=a&w=all&r=majority&timeout=9s&consistency=eventual');
    const [list, ...writes] = harness.service.commands.slice(before);
    expect(list).toMatchObject({ kind: 'list', r: 'majority', values: false, onUnmet: 'usual' });
    expect(writes).toHaveLength(3);
    for (const [index, write] of writes.entries()) {
      const removes = { origin: 'eu-1.1', seq: index + 1, hlc: expect.any(Number) };
      expect(write).toMatchObject({ kind: 'write', operation: 'delete', w: 'all', removes });
      const { timeoutMs = 0 } = write as { timeoutMs?: number };
      expect(timeoutMs).toBeGreaterThan(0);
      expect(timeoutMs).toBeLessThanOrEqual(9000);
    }
  });

  it('keeps a key that was written since, and continues', async () => {
    answerDeletes((key) => (key === 'a/1' ? 'precondition-failed' : undefined));
    expect(json(await del('?prefix=a'))).toEqual({ deleted: 2, cursor: null });
  });

  it('has one effect for each key under an idempotency key, whatever a retry sees', async () => {
    const key = { 'Idempotency-Key': 'k1' };
    expect(json(await del('?prefix=a', key))).toMatchObject({ deleted: 3 });
    await put('a/1');
    await put('a/3');
    expect(json(await del('?prefix=a', key))).toMatchObject({ deleted: 2 });
    expect(await left()).toContain('a/1');
    expect(await left()).not.toContain('a/3');
    expect(problemOf(await del('?prefix=a', { 'Idempotency-Key': 'x'.repeat(255) }))).toBe(
      'invalid-parameter',
    );
  });

  it('that is refused as a whole reports that', async () => {
    answerDeletes(() => 'low-disk');
    const answer = await del('?prefix=a');
    expect([answer.status, problemOf(answer)]).toEqual([507, 'low-disk']);
  });

  it('that stops on its way says where it continues', async () => {
    answerDeletes((key) => (key < 'a/2' ? undefined : 'no-quorum'));
    const answer = await del('?prefix=a');
    expect(json(answer)).toMatchObject({ deleted: 2, cursor: expect.any(String) });
    harness.service.hold = undefined;
    const rest = await del(`?prefix=a&cursor=${cursorOf(answer)}`);
    expect(json(rest)).toEqual({ deleted: 1, cursor: null });
  });

  it('that stops at its first key continues there', async () => {
    answerDeletes((key) => (key === 'a' ? 'no-quorum' : undefined));
    const answer = await del('?prefix=a');
    expect(json(answer)).toMatchObject({ deleted: 2, cursor: expect.any(String) });
    harness.service.hold = undefined;
    expect(json(await del(`?prefix=a&cursor=${cursorOf(answer)}`))).toEqual({
      deleted: 1,
      cursor: null,
    });
  });

  it('with a partly unknown outcome is never a success', async () => {
    answerDeletes((key) => (key === 'a/2' ? 'outcome-unknown' : undefined));
    const answer = await del('?prefix=a');
    expect([answer.status, problemOf(answer)]).toEqual([504, 'outcome-unknown']);
    expect(json(answer)).toMatchObject({
      indeterminate: true,
      detail: expect.stringContaining('2 of 3 deletes are done; of 1 the outcome is unknown'),
    });
  });

  it('at a drained replica is refused, or redirected on request', async () => {
    const { service } = harness;
    service.hold = (command) => {
      const alternates = [{ id: 'us-1' as never, url: 'http://us:7070' }];
      const reason = fault('draining', 'drained', { alternates });
      command.client.onReply({ kind: 'failed', fault: reason });
    };
    expect(problemOf(await del('?prefix=a'))).toBe('draining');
    const sent = await del('?prefix=a&redirect');
    expect([sent.status, sent.headers.location]).toEqual([
      307,
      'http://us:7070/v1/kv/bench?prefix=a',
    ]);
    service.hold = undefined;
    expect(await left()).toEqual(KEYS);
  });

  it('is counted, each key with the answer that it would have had alone', async () => {
    answerDeletes((key) => (key === 'a' ? 'precondition-failed' : undefined));
    await del('?prefix=a');
    expect(harness.meter.items().get('delete-range 2xx')).toBe(2);
    expect(harness.meter.items().get('delete-range 4xx')).toBe(1);
  });
});
