// What a client sees of a replica that does not answer by itself: another one answers instead, or
// the request is refused and its connection ends.

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Command } from '../../../src/model/command.ts';
import type { FaultCode } from '../../../src/model/fault.ts';
import { recordOf } from '../../../src/model/record.ts';
import type { Holder, Reply } from '../../../src/model/reply.ts';
import { bytes, key, mutation, namespace } from '../../support/build.ts';
import { type Harness, json, repliesIn, startHarness } from './harness.ts';

let harness: Harness;
const asked: Command[] = [];

beforeAll(async () => {
  harness = await startHarness();
});
afterEach(() => {
  harness.service.hold = undefined;
  asked.length = 0;
});
afterAll(() => harness.stop());

/** Every command from now on is answered with this. */
function answerWith(replyTo: (command: Command) => Reply): void {
  harness.service.hold = (command) => {
    asked.push(command);
    command.client.onReply(replyTo(command));
  };
}

const alternates = [{ id: 'us-1', url: 'http://us.example.org' }] as never;
const turnAway = (code: FaultCode) =>
  answerWith(() => ({ kind: 'failed', fault: { code, detail: 'not here', alternates } }));

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const PUT = 'PUT /v1/kv/bench/k HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx';
const BATCH = JSON.stringify({ ops: [{ op: 'get', key: 'k' }] });
const POST = `POST /v1/batch/bench HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${BATCH.length}\r\n\r\n${BATCH}`;

const isClosing = (text: string): boolean => /\r\nconnection: close\r\n/i.test(text);

describe('a reply that turns a client away', () => {
  it.each(['replica-stale', 'catching-up', 'draining'] as const)(
    'with %s ends the connection, whatever was asked',
    async (code) => {
      turnAway(code);
      const requests = [get('/v1/kv/bench/k'), get('/v1/kv/bench'), PUT];
      for (const text of requests) {
        const answered = await harness.raw(text);
        expect(repliesIn(answered)).toEqual([{ status: 503, code }]);
        expect([text, isClosing(answered)]).toEqual([text, true]);
        expect(answered.match(/connection:/gi)).toHaveLength(1);
      }
      const batch = await harness.raw(POST);
      expect([batch.slice(0, 12), isClosing(batch)]).toEqual(['HTTP/1.1 200', true]);
      for (const path of ['/v1/kv/bench/k?redirect', '/v1/kv/bench?redirect']) {
        const redirect = await harness.raw(get(path));
        expect([redirect.slice(0, 12), isClosing(redirect)]).toEqual(['HTTP/1.1 307', true]);
      }
    },
  );

  it.each(['k', ''])(
    'is the last one: the requests behind it are not processed (%s)',
    async (name) => {
      turnAway('replica-stale');
      const path = name === '' ? '/v1/kv/bench' : `/v1/kv/bench/${name}`;
      const answered = await harness.raw(get(path) + PUT + get('/livez'));
      expect(repliesIn(answered)).toEqual([{ status: 503, code: 'replica-stale' }]);
      expect(asked.map(({ kind }) => kind)).toEqual([name === '' ? 'list' : 'read']);
    },
  );

  it.each(['no-quorum', 'overloaded', 'timeout'] as const)(
    'with %s leaves it open, because another replica would answer the same',
    async (code) => {
      turnAway(code);
      const answered = await harness.raw(get('/v1/kv/bench/k') + get('/v1/kv/bench'));
      expect(repliesIn(answered).map((reply) => reply.code)).toEqual([code, code]);
      expect(isClosing(answered)).toBe(false);
    },
  );
});

describe('a write that asks for a redirect', () => {
  it.each(['PUT', 'DELETE'])(
    'is redirected to the replica that accepts it (%s)',
    async (method) => {
      turnAway('draining');
      const answer = await harness.ask('/v1/kv/bench/k?w=1&redirect', { method });
      expect(answer.status).toBe(307);
      expect(answer.headers.location).toMatch(/\/v1\/kv\/bench\/k\?w=1$/);
      expect(answer.headers.connection).toBe('close');
    },
  );

  it('is refused as any other if no other replica would accept it', async () => {
    turnAway('no-quorum');
    const answer = await harness.ask('/v1/kv/bench/k?redirect', { method: 'PUT', body: 'x' });
    expect(answer.status).toBe(503);
    const wrong = await harness.ask('/v1/kv/bench/k?redirect=no', { method: 'PUT', body: 'x' });
    expect(wrong.status).toBe(400);
  });
});

describe('a reply that another replica gave', () => {
  const heldBy = { id: 'us-1', region: 'us' } as Holder;
  const record = recordOf(
    mutation({ namespace: namespace('bench'), key: key('k'), value: bytes('theirs') }),
  );
  const US = '"us-1";region=us';
  const rest = { stalenessMs: 12.2, heldBy };

  it('names that replica, with its staleness, and leaves the connection open', async () => {
    answerWith(({ kind }) =>
      kind === 'list'
        ? { kind: 'listed', items: [record], prefixes: [], shown: [], after: 'k', ...rest }
        : { kind: 'found', record, answers: 1, ...rest },
    );
    const value = await harness.ask('/v1/kv/bench/k');
    expect(value.body.toString()).toBe('theirs');
    const list = await harness.ask('/v1/kv/bench?onUnmet=forward');
    for (const { status, headers } of [value, list]) {
      expect([status, headers['conit-served-by']]).toEqual([200, US]);
      expect([headers['conit-staleness'], headers['conit-consistency']]).toEqual([
        '13',
        'eventual',
      ]);
    }
    expect(json(list)).toMatchObject({
      items: [{ key: 'k' }],
      cursor: expect.any(String) as string,
      asOf: { replica: 'us-1' },
    });
    expect(list.headers.link).toContain('onUnmet=forward');
    const batch = await harness.raw(POST);
    expect(batch).toContain('"servedBy":"us-1"');
    expect(isClosing(batch)).toBe(false);
    expect(isClosing(await harness.raw(get('/v1/kv/bench/k')))).toBe(false);
  });

  it('names it also if the key has no value', async () => {
    answerWith(() => ({ kind: 'absent', removal: undefined, answers: 1, ...rest }));
    const value = await harness.ask('/v1/kv/bench/k');
    expect([value.status, value.headers['conit-served-by']]).toEqual([404, US]);
    expect(value.headers['conit-staleness']).toBe('13');
  });

  it('is the default for every read', async () => {
    turnAway('replica-stale');
    for (const path of ['/k', '', '?onUnmet=forward', '?onUnmet=fail', '?redirect'])
      await harness.ask(`/v1/kv/bench${path}`);
    await harness.raw(POST);
    expect(asked.map((each) => 'onUnmet' in each && each.onUnmet)).toEqual([
      'usual',
      'usual',
      'forward',
      'fail',
      'fail',
      'usual',
    ]);
  });
});
