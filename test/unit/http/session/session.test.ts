import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fault } from '../../../../src/model/fault.ts';
import type { Origin } from '../../../../src/model/id.ts';
import { type Answer, type Harness, problemOf, startHarness } from '../harness.ts';

let harness: Harness;
const HEADER = 'Conit-Session';

beforeEach(async () => {
  harness = await startHarness();
  harness.service.isEverywhere = false;
});

afterEach(() => harness.stop());

function ask(method: string, path: string, token?: string, body?: string): Promise<Answer> {
  const headers = {
    ...(token === undefined ? {} : { [HEADER]: token }),
    ...(path.includes('/batch/') ? { 'Content-Type': 'application/json' } : {}),
  };
  return harness.ask(path, { method, headers, ...(body === undefined ? {} : { body }) });
}

const tokenOf = ({ headers }: Answer): string => String(headers['conit-session']);

/** What the replica had to show before it answers, in the last request. */
function shown(): unknown {
  const command = harness.service.commands.at(-1);
  return command !== undefined && 'session' in command ? command.session : 'no session';
}

const EU = 'eu-1.1' as Origin;
const ATOMIC = JSON.stringify({
  atomic: true,
  ops: [{ op: 'put', key: 'k', value: 'v', ifNoneMatch: '*' }],
});
const PUT_ONE = JSON.stringify({ ops: [{ op: 'put', key: 'k', value: 'v' }] });

describe('the token of a reply', () => {
  it('names the write, and is asked for by what comes with it', async () => {
    const put = await ask('PUT', '/v1/kv/bench/k', undefined, 'v');
    expect(shown()).toBeUndefined();
    await ask('GET', '/v1/kv/bench/k', tokenOf(put));
    expect(shown()).toEqual(new Map([['eu-1.1', 1]]));
  });

  it.each<[method: string, path: string, body?: string]>([
    ['GET', '/v1/kv/bench/k'],
    ['HEAD', '/v1/kv/bench/k'],
    ['GET', '/v1/kv/bench/absent'],
    ['PUT', '/v1/kv/bench/k', 'v'],
    ['DELETE', '/v1/kv/bench/k'],
    ['POST', '/v1/kv/bench/k?ttl=1h'],
    ['GET', '/v1/kv/bench'],
    ['DELETE', '/v1/kv/bench?prefix=k'],
    ['POST', '/v1/batch/bench', PUT_ONE],
    ['POST', '/v1/batch/bench', PUT_ONE.replace('{', '{"atomic":true,')],
  ])(
    'comes with %s %s, and keeps what the session had seen',
    async (method, path, body?: string) => {
      const before = tokenOf(await ask('PUT', '/v1/kv/bench/k', undefined, 'v'));
      const answer = await ask(method, path, before, body);
      await ask('GET', '/v1/kv/bench/other', tokenOf(answer));
      const seen = shown() as ReadonlyMap<string, number>;
      expect(seen.get('eu-1.1')).toBeGreaterThanOrEqual(1);
    },
  );

  it.each<[method: string, path: string, body: string, headers: Record<string, string>]>([
    ['PUT', '/v1/kv/bench/k', 'v', { 'If-None-Match': '*' }],
    ['DELETE', '/v1/kv/bench/k', '', { 'If-Match': '"eu-1.1.77"' }],
    ['GET', '/v1/kv/bench/k', '', { 'If-Match': '"eu-1.1.77"' }],
    ['POST', '/v1/batch/bench', ATOMIC, { 'Content-Type': 'application/json' }],
  ])(
    'comes with the 412 of %s %s, and names what the key holds',
    async (method, path, body, headers) => {
      await ask('PUT', '/v1/kv/bench/k', undefined, 'v');
      const answer = await harness.ask(path, { method, headers, ...(body === '' ? {} : { body }) });
      expect(answer.status).toBe(412);
      await ask('GET', '/v1/kv/bench/other', tokenOf(answer));
      expect(shown()).toEqual(new Map([['eu-1.1', 1]]));
    },
  );

  it('comes with a write whose outcome is unknown, and does not name that write', async () => {
    const before = tokenOf(await ask('PUT', '/v1/kv/bench/k', undefined, 'v'));
    const unknown = fault('outcome-unknown', 'test', { dot: { origin: EU, seq: 2 } });
    harness.service.hold = ({ client }) => client.onReply({ kind: 'failed', fault: unknown });
    const answer = await ask('PUT', '/v1/kv/bench/k', before, 'w');
    expect([answer.status, tokenOf(answer)]).toEqual([504, before]);
  });

  it.each(['history-lost', 'session-behind', 'overloaded'] as const)(
    'does not come with %s, which says nothing about the key',
    async (code) => {
      const before = tokenOf(await ask('PUT', '/v1/kv/bench/k', undefined, 'v'));
      const reason = fault(code, 'test');
      harness.service.hold = ({ client }) => client.onReply({ kind: 'failed', fault: reason });
      const answer = await ask('PUT', '/v1/kv/bench/k', before, 'w');
      expect(answer.headers['conit-session']).toBeUndefined();
    },
  );

  it('is empty where every member has everything', async () => {
    harness.service.isEverywhere = true;
    const put = await ask('PUT', '/v1/kv/bench/k', undefined, 'v');
    await ask('GET', '/v1/kv/bench/k', tokenOf(put));
    expect(shown()).toBeUndefined();
  });
});

describe('a token', () => {
  it.each<[method: string, path: string, body?: string]>([
    ['GET', '/v1/kv/bench/k'],
    ['PUT', '/v1/kv/bench/k', 'v'],
    ['DELETE', '/v1/kv/bench/k'],
    ['GET', '/v1/kv/bench'],
    ['DELETE', '/v1/kv/bench?prefix=k'],
    ['POST', '/v1/batch/bench', PUT_ONE],
  ])(
    'that is forged is refused by %s %s, and nothing is asked',
    async (method, path, body?: string) => {
      const before = harness.service.commands.length;
      const answer = await ask(method, path, 'A'.repeat(40), body);
      expect([answer.status, problemOf(answer)]).toEqual([400, 'invalid-session']);
      expect(harness.service.commands).toHaveLength(before);
    },
  );

  it('in two headers is refused', async () => {
    const text =
      'GET /v1/kv/bench/k HTTP/1.1\r\nHost: a\r\nConit-Session: A\r\nConit-Session: B\r\n\r\n';
    expect(await harness.raw(text)).toContain('400 Bad Request');
  });
});

describe('onUnmet=stale', () => {
  /** The replica is behind every session. */
  function fallBehind(): void {
    const { service } = harness;
    const behind = { kind: 'failed', fault: fault('session-behind', 'test') } as const;
    const hold: typeof service.hold = (command) => {
      if ('session' in command && command.session !== undefined)
        return command.client.onReply(behind);
      service.hold = undefined;
      service.submit(command);
      service.hold = hold;
    };
    service.hold = hold;
  }

  it.each([
    ['/v1/kv/bench/k', 200],
    ['/v1/kv/bench/k?envelope', 200],
    ['/v1/kv/bench/absent', 404],
    ['/v1/kv/bench', 200],
  ])('answers %s with what is here, says so, and keeps the session', async (path, status) => {
    const token = tokenOf(await ask('PUT', '/v1/kv/bench/k', undefined, 'v'));
    fallBehind();
    const how = `${path.includes('?') ? '&' : '?'}onUnmet=stale`;
    const answer = await ask('GET', `${path}${how}`, token);
    expect([answer.status, answer.headers['conit-unmet']]).toEqual([status, 'ryw, mr']);
    expect(tokenOf(answer)).toBe(token);
    const some = await ask('GET', `${path}${how}&session=mr`, token);
    expect(some.headers['conit-unmet']).toBe('mr');
  });

  it('says nothing where the replica shows what the session has seen', async () => {
    const token = tokenOf(await ask('PUT', '/v1/kv/bench/k', undefined, 'v'));
    for (const path of ['/v1/kv/bench/k', '/v1/kv/bench']) {
      const answer = await ask('GET', `${path}?onUnmet=stale`, token);
      expect([answer.status, answer.headers['conit-unmet']]).toEqual([200, undefined]);
    }
  });

  it.each(['wait', 'pull', 'fail'])('is not %s', async (word) => {
    const token = tokenOf(await ask('PUT', '/v1/kv/bench/k', undefined, 'v'));
    fallBehind();
    const answer = await ask('GET', `/v1/kv/bench/k?onUnmet=${word}`, token);
    expect([answer.status, problemOf(answer)]).toEqual([503, 'session-behind']);
  });
});

describe('?session=', () => {
  const written = async () => tokenOf(await ask('PUT', '/v1/kv/bench/k', undefined, 'v'));

  it.each([
    ['ryw', true, false],
    ['mr', true, false],
    ['mw', false, true],
    ['wfr,mw', false, true],
    ['none', false, false],
  ])('%s switches the other guarantees off', async (words, forReads, forWrites) => {
    const token = await written();
    await ask('GET', `/v1/kv/bench/k?session=${words}`, token);
    expect(shown() !== undefined).toBe(forReads);
    await ask('PUT', `/v1/kv/bench/k?session=${words}`, token, 'w');
    expect(shown() !== undefined).toBe(forWrites);
    await ask('GET', `/v1/kv/bench?session=${words}`, token);
    expect(shown() !== undefined).toBe(forReads);
  });

  it('adds to what the policy says, and the policy applies without it', async () => {
    const token = await written();
    await ask('GET', '/v1/kv/loose/k', token);
    expect(shown()).toBeDefined();
    for (const path of ['/v1/kv/loose/k', '/v1/batch/loose']) {
      await ask(path === '/v1/batch/loose' ? 'POST' : 'PUT', path, token, PUT_ONE);
      expect(shown()).toBeUndefined();
    }
    await ask('PUT', '/v1/kv/loose/k?session=mw', token, 'v');
    expect(shown()).toBeDefined();
  });

  it.each(['', 'all', 'ryw,ryw', 'ryw,none'])('refuses %j', async (words) => {
    const answer = await ask('GET', `/v1/kv/bench/k?session=${words}`);
    expect([answer.status, problemOf(answer)]).toEqual([400, 'invalid-parameter']);
  });
});
