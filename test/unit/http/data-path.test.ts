import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ENVELOPE_TYPE } from '../../../src/api/operations.ts';
import { type Answer, type Harness, json, problemOf, startHarness } from './harness.ts';

let harness: Harness;
const ask: Harness['ask'] = (path, options) => harness.ask(path, options);
const put = (path: string, body: string | Uint8Array, headers: Record<string, string> = {}) =>
  ask(path, { method: 'PUT', body, headers });

beforeAll(async () => {
  harness = await startHarness({ twin: true });
});
afterAll(() => harness.stop());

describe('a value', () => {
  it('is returned byte for byte with the content type it was written with', async () => {
    const value = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const type = 'application/X-Strange; Param="a,b" ';
    expect((await put('/v1/kv/bench/bytes', value, { 'Content-Type': type })).status).toBe(201);
    const answer = await ask('/v1/kv/bench/bytes');
    expect(answer.status).toBe(200);
    expect([...answer.body]).toEqual([...value]);
    expect(answer.headers['content-type']).toBe(type.trim());
    expect(answer.headers['content-length']).toBe('256');
  });

  it.each([0, 1, 8191, 8192, 8193, 200_000, 1024 * 1024])('may have %i bytes', async (size) => {
    const value = Buffer.alloc(size, 'ab\r\n\0é');
    await put('/v1/kv/bench/sized', value);
    const answer = await ask('/v1/kv/bench/sized');
    expect(answer.body.equals(value)).toBe(true);
  });

  it('is of octets if no content type was given', async () => {
    const answer = await harness.raw(
      'PUT /v1/kv/bench/typeless HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi',
    );
    expect(answer).toContain('201 Created');
    const { headers } = await ask('/v1/kv/bench/typeless');
    expect(headers['content-type']).toBe('application/octet-stream');
  });

  it('is accepted in chunks as well as whole', async () => {
    const answer = await harness.raw(
      'PUT /v1/kv/bench/chunked HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n' +
        '3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n',
    );
    expect(answer).toContain('201 Created');
    expect((await ask('/v1/kv/bench/chunked')).body.toString()).toBe('abcdefg');
  });

  it('cannot run in a browser, be sniffed or be stored on the way', async () => {
    await put('/v1/kv/bench/page', '<script>', { 'Content-Type': 'text/html' });
    const { headers } = await ask('/v1/kv/bench/page');
    expect(headers['content-security-policy']).toBe("default-src 'none'; sandbox");
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['cache-control']).toBe('no-store');
  });

  it('shows its size and headers without its body on HEAD', async () => {
    await put('/v1/kv/bench/head', 'twelve bytes');
    const answer = await ask('/v1/kv/bench/head', { method: 'HEAD' });
    expect(answer.status).toBe(200);
    expect(answer.headers['content-length']).toBe('12');
    expect(answer.headers['conit-version']).toMatch(/^eu-1\.1\.\d+$/);
    expect(answer.body).toHaveLength(0);
  });
});

describe('a reply about a key', () => {
  it('names the version, the replica that answered, the level and the greatest staleness', async () => {
    const written = await put('/v1/kv/ordered/facts', 'x');
    const { headers } = await ask('/v1/kv/ordered/facts');
    expect(headers['conit-version']).toBe(written.headers['conit-version']);
    expect(headers.etag).toBe(`"${headers['conit-version'] as string}"`);
    expect(headers['conit-served-by']).toBe('"eu-1";region=eu');
    expect(headers['conit-consistency']).toBe('fifo');
    expect(headers['conit-staleness']).toBe('13');
    expect(Date.parse(headers['last-modified'] ?? '')).toBeGreaterThan(Date.now() - 10_000);
    expect(headers['server-timing']).toMatch(/^total;dur=\d+(\.\d{1,3})?$/);
    expect(headers['conit-session']).toMatch(/^[A-Za-z0-9_-]{24}$/);
    expect(headers['conit-context']).toBeUndefined();
  });

  it('names after a write how many copies exist', async () => {
    const { headers } = await put('/v1/kv/bench/acks', 'x');
    expect(headers['conit-acks']).toBe('2/3');
    expect(headers['conit-served-by']).toBe('"eu-1";region=eu');
    expect(headers['conit-consistency']).toBe('eventual');
  });

  it('carries the same headers if the key has no value', async () => {
    const answer = await ask('/v1/kv/bench/nothing');
    expect(answer.status).toBe(404);
    expect(problemOf(answer)).toBe('not-found');
    expect(answer.headers['conit-consistency']).toBe('eventual');
    expect(answer.headers['conit-staleness']).toBe('unknown');
    expect(answer.headers['conit-served-by']).toBe('"eu-1";region=eu');
  });
});

describe('the status of a write', () => {
  it('distinguishes creating from replacing', async () => {
    expect((await put('/v1/kv/bench/new', '1')).status).toBe(201);
    expect((await put('/v1/kv/bench/new', '2')).status).toBe(204);
  });

  it('is 204 for a delete, whether or not a value existed, and 412 if one had to exist', async () => {
    await put('/v1/kv/bench/gone', '1');
    const first = await ask('/v1/kv/bench/gone', { method: 'DELETE' });
    expect(first.status).toBe(204);
    expect(first.headers['conit-version']).toMatch(/^eu-1\.1\.\d+$/);
    expect(first.headers.etag).toBeUndefined();
    const second = await ask('/v1/kv/bench/gone', { method: 'DELETE' });
    expect(second.status).toBe(204);
    expect(second.headers['conit-version']).not.toBe(first.headers['conit-version']);
    const headers = { 'If-Match': '*' };
    const third = await ask('/v1/kv/bench/gone', { method: 'DELETE', headers });
    expect([third.status, problemOf(third)]).toEqual([412, 'precondition-failed']);
  });

  it('is 200 with the old value for a delete that requests it, byte for byte', async () => {
    const headers = { Prefer: 'return=representation', 'Content-Type': 'text/x-old' };
    await put('/v1/kv/bench/old', '\x00\xff', { 'Content-Type': 'text/x-old' });
    const first = await ask('/v1/kv/bench/old', { method: 'DELETE', headers });
    expect([first.status, first.body.toString('latin1')]).toEqual([200, '\x00\xc3\xbf']);
    expect(first.headers['content-type']).toBe('text/x-old');
    expect(first.headers['preference-applied']).toBe('return=representation');
    expect(first.headers['content-security-policy']).toContain('sandbox');
    const second = await ask('/v1/kv/bench/old', { method: 'DELETE', headers });
    expect([second.status, second.headers['preference-applied']]).toEqual([204, undefined]);
  });

  it('depends on r for the comparison of a condition, and an unknown r is refused', async () => {
    expect((await put('/v1/kv/bench/looked?r=2', '1', { 'If-None-Match': '*' })).status).toBe(201);
    const gone = await ask('/v1/kv/bench/looked?r=majority', { method: 'DELETE' });
    expect(gone.status).toBe(204);
    const answer = await ask('/v1/kv/bench/looked?r=0', { method: 'DELETE' });
    expect([answer.status, problemOf(answer)]).toEqual([400, 'invalid-parameter']);
  });

  it('is 202 with the count if the client prefers not to wait', async () => {
    const answer = await put('/v1/kv/bench/async', '1', { Prefer: 'respond-async, wait=5' });
    expect(answer.status).toBe(202);
    expect(answer.headers['conit-acks']).toBe('2/3');
    expect(answer.headers['preference-applied']).toBe('respond-async');
    expect(answer.headers.location).toBe(`/v1/writes/${answer.headers['conit-version'] as string}`);
  });

  it('is 504 with dot and acks if the outcome is unknown', async () => {
    harness.service.hold = ({ client }) => {
      const dot = { origin: 'eu-1.1', seq: 9 } as never;
      const fault = { code: 'outcome-unknown', detail: 'late', required: 3, acks: 1, dot } as const;
      client.onReply({ kind: 'failed', fault });
    };
    const answer = await put('/v1/kv/bench/late', '1').finally(() => {
      harness.service.hold = undefined;
    });
    expect(answer.status).toBe(504);
    expect(json(answer)).toMatchObject({
      indeterminate: true,
      retryable: true,
      required: 3,
      acks: 1,
      dot: 'eu-1.1.9',
      region: 'eu',
    });
    expect(answer.headers['conit-acks']).toBe('1/3');
  });
});

describe('conditions', () => {
  let version: string;
  beforeAll(async () => {
    version = (await put('/v1/kv/bench/cas', 'a')).headers.etag as string;
  });
  const conditional = (headers: Record<string, string>) => put('/v1/kv/bench/cas', 'b', headers);

  it.each([
    ['another version', () => ({ 'If-Match': '"eu-1.1.999"' }), 412],
    ['a weak tag', () => ({ 'If-Match': `W/${version}` }), 412],
    ['any value', () => ({ 'If-Match': '*' }), 204],
    ['no value', () => ({ 'If-None-Match': '*' }), 412],
    ['a malformed tag', () => ({ 'If-Match': 'eu-1.1.1' }), 400],
  ])('on %s', async (_, headers, status) => {
    const answer = await conditional(headers());
    expect(answer.status).toBe(status);
    if (status === 204) version = answer.headers.etag as string;
  });

  it('accept a list of versions', async () => {
    const answer = await conditional({ 'If-Match': `"eu-1.1.998", ${version}` });
    expect(answer.status).toBe(204);
    version = answer.headers.etag as string;
    expect((await conditional({ 'If-None-Match': `"x", ${version}` })).status).toBe(412);
  });

  it('make a read 304, which still carries the headers', async () => {
    for (const tag of [version, `W/${version}`, `"other", ${version}`, '*']) {
      const answer = await ask('/v1/kv/bench/cas', { headers: { 'If-None-Match': tag } });
      expect(answer.status).toBe(304);
      expect(answer.body).toHaveLength(0);
      expect(answer.headers.etag).toBe(version);
      expect(answer.headers['conit-staleness']).toBe('13');
    }
    const other = await ask('/v1/kv/bench/cas', { headers: { 'If-None-Match': '"other"' } });
    expect(other.status).toBe(200);
  });

  it('make a read 412 if the version has changed', async () => {
    const answer = await ask('/v1/kv/bench/cas', { headers: { 'If-Match': '"other"' } });
    expect([answer.status, problemOf(answer)]).toEqual([412, 'precondition-failed']);
  });

  it.each([
    ['"x" , , ,,"y"', true],
    [',, "a,b,c" ,"x"', true],
    ['\t"x"\t,', true],
    ['"q"', true],
    ['W/"x", "a\x80"', true],
    ['"x" "y"', false],
    ['"x", y', false],
    ['', false],
    [' , ,', false],
    ['*, "x"', false],
    ['"open', false],
    ['w/"x"', false],
    [Array.from({ length: 31 }, () => '"x"').join(',,,'), true],
    [Array.from({ length: 33 }, () => '"x"').join(','), false],
  ])('parse the list %s', async (list, isList) => {
    const read = await ask('/v1/kv/bench/cas', { headers: { 'If-None-Match': list } });
    expect(read.status).toBe(isList ? 200 : 400);
    expect((await conditional({ 'If-Match': list })).status).toBe(isList ? 412 : 400);
    const both = { 'If-None-Match': `${list}${isList ? `,${version}` : ''}` };
    expect((await ask('/v1/kv/bench/cas', { headers: both })).status).toBe(isList ? 304 : 400);
  });
});

describe('conditions on times', () => {
  const day = 86_400_000;
  let at: Date;
  const asctime = (date: Date) => {
    const [name, dd, mmm, yyyy, time] = date.toUTCString().replace(',', '').split(' ');
    return `${name} ${mmm} ${String(Number(dd)).padStart(2)} ${time} ${yyyy}`;
  };
  const rfc850 = (date: Date) => {
    const [, dd, mmm, yyyy, time] = date.toUTCString().split(' ');
    const weekday = date.toLocaleDateString('en', { weekday: 'long', timeZone: 'UTC' });
    return `${weekday}, ${dd}-${mmm}-${yyyy?.slice(2)} ${time} GMT`;
  };
  const forms = [(date: Date) => date.toUTCString(), asctime, rfc850];
  beforeAll(async () => {
    await put('/v1/kv/bench/timed', 'a');
    at = new Date((await ask('/v1/kv/bench/timed')).headers['last-modified'] as string);
  });

  it.each(['GET', 'HEAD'])('are evaluated for %s, in each form of a date', async (method) => {
    const read = async (headers: Record<string, string>) =>
      (await ask('/v1/kv/bench/timed', { method, headers })).status;
    for (const form of forms) {
      const [before, after] = [new Date(+at - 1000), new Date(+at + day)];
      expect(await read({ 'If-Modified-Since': form(at) })).toBe(304);
      expect(await read({ 'If-Modified-Since': form(after) })).toBe(304);
      expect(await read({ 'If-Modified-Since': form(before) })).toBe(200);
      expect(await read({ 'If-Unmodified-Since': form(at) })).toBe(200);
      expect(await read({ 'If-Unmodified-Since': form(before) })).toBe(412);
    }
  });

  it('are ignored beside tags, and if they are not dates', async () => {
    const read = async (headers: Record<string, string>) =>
      (await ask('/v1/kv/bench/timed', { headers })).status;
    const early = new Date(+at - day).toUTCString();
    expect(await read({ 'If-None-Match': '"x"', 'If-Modified-Since': at.toUTCString() })).toBe(200);
    expect(await read({ 'If-Match': '*', 'If-Unmodified-Since': early })).toBe(200);
    for (const text of [
      'yesterday',
      '',
      early.replace('GMT', 'CET'),
      String(+at),
      at.toISOString(),
    ]) {
      expect(await read({ 'If-Modified-Since': text })).toBe(200);
      expect(await read({ 'If-Unmodified-Since': text })).toBe(200);
    }
  });

  it('are evaluated for writes', async () => {
    const early = { 'If-Unmodified-Since': new Date(+at - 1000).toUTCString() };
    const late = { 'If-Unmodified-Since': new Date(Date.now() + day).toUTCString() };
    for (const method of ['PUT', 'DELETE']) {
      const answer = await ask('/v1/kv/bench/timed', { method, headers: early });
      expect([answer.status, problemOf(answer)]).toEqual([412, 'precondition-failed']);
    }
    expect((await put('/v1/kv/bench/timed', 'b', late)).status).toBe(204);
    expect(
      (await put('/v1/kv/bench/timed', 'b', { 'If-Modified-Since': early['If-Unmodified-Since'] }))
        .status,
    ).toBe(204);
    expect((await put('/v1/kv/bench/timed-new', 'b', early)).status).toBe(201);
    expect((await ask('/v1/kv/bench/timed', { method: 'DELETE', headers: late })).status).toBe(204);
  });
});

describe('keys', () => {
  const value = async (path: string) => (await ask(`/v1/kv/bench/${path}`)).body.toString();

  it('are the same with an escaped slash and a plain one', async () => {
    await put('/v1/kv/bench/a%2Fb', 'slash');
    expect(await value('a/b')).toBe('slash');
    expect(await value('%61%2f%62')).toBe('slash');
  });

  it('may hold any UTF-8 bytes', async () => {
    await put(`/v1/kv/bench/${encodeURIComponent('ключ')}`, 'key');
    expect(harness.service.commands.at(-1)).toMatchObject({
      key: Buffer.from('ключ').toString('latin1'),
    });
  });

  it('must be escaped beyond ASCII', async () => {
    const answer = await harness.raw(
      Buffer.from('GET /v1/kv/bench/ключ HTTP/1.1\r\nHost: a\r\n\r\n', 'utf8'),
    );
    expect(answer).toContain('400 Bad Request');
    expect(answer).toContain('percent-encoded');
  });

  it.each(['__proto__', 'constructor', 'hasOwnProperty', 'toString'])(
    'may be named %s',
    async (name) => {
      expect(await ask(`/v1/kv/bench/${name}`)).toMatchObject({ status: 404 });
      await put(`/v1/kv/bench/${name}`, name);
      expect(await value(name)).toBe(name);
      expect(Object.keys(Object.prototype)).toEqual([]);
      expect((await ask(`/v1/kv/${name}/x`)).status).toBe(404);
    },
  );

  it.each(['%00', 'a%0D%0Ab', '%7F', 'a%20b', '%25', 'a;b', 'a+b', 'a%3Fb%23', '...', '.a'])(
    'may be %s',
    async (key) => {
      await put(`/v1/kv/bench/${key}`, key);
      expect(await value(key)).toBe(key);
    },
  );

  it('distinguish + from a space', async () => {
    await put('/v1/kv/bench/p+q', 'plus');
    expect((await ask('/v1/kv/bench/p%20q')).status).toBe(404);
    expect(await value('p%2Bq')).toBe('plus');
  });

  it.each([
    ['an empty key', ''],
    ['a dot segment', 'a/./b'],
    ['an escaped dot segment', '%2e%2E'],
    ['two dots at the end', 'a/..'],
    ['a dot segment behind an escaped slash', 'a%2F..%2Fb'],
    ['a dot segment between empty ones', '/./'],
    ['a broken escape', 'a%2'],
    ['an escape that is none', '%zz'],
    ['bytes that are not UTF-8', '%ff'],
    ['an overlong form', '%c0%ae'],
    ['half a surrogate pair', '%ed%a0%80'],
    ['more than 1024 bytes', 'k'.repeat(1025)],
    ['more than 1024 bytes escaped', '%61'.repeat(1025)],
  ])('are refused for %s', async (_, key) => {
    const answer = await ask(`/v1/kv/bench/${key}`);
    expect([answer.status, problemOf(answer)]).toEqual([400, 'invalid-key']);
  });

  it('that no path can carry are refused with another way to send them', async () => {
    for (const key of ['a/../b', '.', '%ff']) {
      const { detail } = json(await ask(`/v1/kv/bench/${key}`));
      expect(detail).toContain('POST /v1/batch/{ns} accepts it as');
    }
  });

  it('may have 1024 bytes in any notation', async () => {
    expect((await put(`/v1/kv/bench/${'%6B'.repeat(1024)}`, 'long')).status).toBe(201);
    expect(await value('k'.repeat(1024))).toBe('long');
  });
});

describe('parameters', () => {
  const command = () => harness.service.commands.at(-1);

  it('reach the replica as they were sent', async () => {
    await ask('/v1/kv/bench/p?r=2&timeout=750ms&consistency=eventual');
    // It counts from the arrival, so a part of it may have passed.
    const within = (ms: number): unknown => expect.toSatisfy((left) => left > 0 && left <= ms);
    expect(command()).toMatchObject({ kind: 'read', r: 2, timeoutMs: within(750) });
    await put('/v1/kv/bench/p?w=majority&timeout=2s&ttl=10m', 'x');
    expect(command()).toMatchObject({ w: 'majority', timeoutMs: within(2000), ttlMs: 600_000 });
    await put('/v1/kv/bench/p', 'x');
    expect(command()).toMatchObject({ w: undefined, ttlMs: 0 });
    await put('/v1/kv/bench/p?%77=%32', 'x');
    expect(command()).toMatchObject({ w: 2 });
  });

  it('reach it from headers, too', async () => {
    const headers = {
      'Conit-Tags': 'a, "b c"',
      'Conit-Weight': '-2.5',
      'Idempotency-Key': '"key 1"',
    };
    await put('/v1/kv/bench/p', 'x', headers);
    expect(command()).toMatchObject({ tags: ['a', 'b c'], weight: -2.5 });
    expect(command()).toMatchObject({ idempotency: { key: 'key 1' } });
  });

  it('that are weaker than the namespace are met by it', async () => {
    await put('/v1/kv/ordered/level', 'x');
    const answer = await ask('/v1/kv/ordered/level?consistency=eventual');
    expect(answer.status).toBe(200);
    expect(answer.headers['conit-consistency']).toBe('fifo');
  });

  const refused = async (method: string, target: string, headers = {}) => {
    const answer = await ask(`/v1/kv/bench/${target}`, { method, headers });
    const { detail } = json(answer);
    return [answer.status, problemOf(answer), detail] as const;
  };

  it.each(['n=1', 'w=1', 'wait=1s', 'proof'])(
    'that are not built are refused by name: GET ?%s',
    async (query) => {
      const [status, code, detail] = await refused('GET', `p?${query}`);
      expect([status, code]).toEqual([501, 'not-built']);
      expect(detail).toContain(`"${query.split('=')[0] as string}"`);
    },
  );

  it('name once what to do at a replica that is too far behind', async () => {
    for (const query of [
      'onUnmet=x',
      'onUnmet=',
      'redirect=no',
      'redirect&redirect',
      'redirect&onUnmet=fail',
    ]) {
      const [status, code] = await refused('GET', `p?${query}`);
      expect([query, status, code]).toEqual([query, 400, 'invalid-parameter']);
    }
    harness.service.commands.length = 0;
    for (const query of [
      '',
      '?onUnmet=forward',
      '?onUnmet=wait',
      '?onUnmet=pull',
      '?onUnmet=stale',
      '?onUnmet=fail',
      '?onUnmet=redirect',
      '?redirect',
    ]) {
      await ask(`/v1/kv/bench/p${query}`);
    }
    const asked = harness.service.commands.map((each) =>
      each.kind === 'read' ? each.onUnmet : each.kind,
    );
    expect(asked).toEqual(['usual', 'forward', 'wait', 'wait', 'fail', 'fail', 'fail', 'fail']);
  });

  it('that ask for a stronger level are refused', async () => {
    for (const level of ['strict', 'sequential', 'causal', 'fifo']) {
      const [status, code] = await refused('GET', `p?consistency=${level}`);
      expect([status, code]).toEqual([501, 'not-built']);
    }
  });

  it('name the staleness that a read allows, which otherwise is that of the policy', async () => {
    await harness.ask('/v1/kv/bench/p?t=500ms');
    await harness.ask('/v1/kv/bench/p');
    const [asked, plain] = harness.service.commands.slice(-2);
    expect(asked).toMatchObject({ kind: 'read', boundMs: 500, client: { boundMs: 500 } });
    expect(plain).toMatchObject({ kind: 'read', boundMs: undefined });
    for (const query of ['t=500', 't=2h', 't=1s&t=1s']) {
      const [status, code] = await refused('GET', `p?${query}`);
      expect([status, code]).toEqual([400, 'invalid-parameter']);
    }
  });

  it('refuse the header Conit-Context', async () => {
    const name = 'Conit-Context';
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const [status, code, detail] = await refused(method, 'p', { [name]: 'x' });
      expect([status, code]).toEqual([501, 'not-built']);
      expect(detail).toContain(name);
    }
  });

  it.each([
    ['GET', 'p?r=0'],
    ['GET', 'p?r=4'],
    ['GET', 'p?r=-1'],
    ['GET', 'p?r=9007199254740993'],
    ['GET', 'p?r='],
    ['GET', 'p?r=1&r=1'],
    ['GET', 'p?timeout=5'],
    ['GET', 'p?timeout=0s'],
    ['GET', 'p?timeout=2h'],
    ['GET', 'p?timeout=1s&timeout=1s'],
    ['GET', 'p?consistency=weak'],
    ['GET', 'p?ttl=1s'],
    ['GET', 'p?R=1'],
    ['GET', 'p?__proto__=1'],
    ['GET', 'p?%zz=1'],
    ['GET', 'p?x[]=1'],
    ['PUT', 'p?r=1&r=1'],
    ['PUT', 'p?r=most'],
    ['PUT', 'p?w=most'],
    ['PUT', 'p?ttl=0s'],
    ['PUT', 'p?ttl=-1s'],
    ['PUT', 'p?ttl=1e3ms'],
    ['PUT', 'p?ttl=9999999999d'],
    ['PUT', 'p?consistency=eventual'],
    ['DELETE', 'p?ttl=1s'],
  ])('%s %s is refused', async (method, target) => {
    const [status, code] = await refused(method, target);
    expect([status, code]).toEqual([400, 'invalid-parameter']);
  });

  it.each([
    ['Conit-Tags', 'a,,b'],
    ['Conit-Tags', Array.from({ length: 17 }, (_, i) => `t${i}`).join(',')],
    ['Conit-Tags', 'x'.repeat(129)],
    ['Conit-Weight', 'NaN'],
    ['Conit-Weight', '1e9'],
    ['Idempotency-Key', ''],
    ['Idempotency-Key', 'a b'],
    ['Idempotency-Key', 'k'.repeat(256)],
    ['Content-Type', `a/${'b'.repeat(255)}`],
    ['Conit-Tag', 'misspelt'],
    ['conit-', ''],
  ])('header %s: %s is refused', async (name, value) => {
    const [status, code] = await refused('PUT', 'p', { [name]: value });
    expect([status, code]).toEqual([400, 'invalid-parameter']);
  });

  it('are not repeated to the client if they might do harm', async () => {
    const answer = await ask('/v1/kv/bench/p?%3Cscript%3E=1');
    expect(answer.body.toString()).not.toContain('script');
  });
});

describe('an idempotency key', () => {
  const keyed = (path: string, body: string, headers = {}): Promise<Answer> =>
    put(path, body, { 'Idempotency-Key': 'once', ...headers });

  it('gives the first answer again, and is refused with another request', async () => {
    const first = await keyed('/v1/kv/bench/once', 'a');
    const again = await keyed('/v1/kv/bench/once', 'a');
    expect(again.headers['conit-version']).toBe(first.headers['conit-version']);
    expect(again.status).toBe(201);
    for (const other of [
      () => keyed('/v1/kv/bench/once', 'b'),
      () => keyed('/v1/kv/bench/twice', 'a'),
      () => keyed('/v1/kv/bench/once', 'a', { 'Content-Type': 'text/plain' }),
      () => keyed('/v1/kv/bench/once?ttl=1s', 'a'),
      () => keyed('/v1/kv/bench/once', 'a', { 'If-Match': '*' }),
    ]) {
      const answer = await other();
      expect([answer.status, problemOf(answer)]).toEqual([422, 'idempotency-mismatch']);
    }
    expect((await keyed('/v1/kv/bench/onc%65?w=2', 'a')).status).toBe(201);
  });
});

describe('a digest of the content', () => {
  const digest = (name: string, body: string) =>
    createHash(name.replace('-', '')).update(body).digest('base64');

  it.each(['sha-256', 'sha-512'])('in %s is verified', async (name) => {
    const right = { 'Content-Digest': `${name}=:${digest(name, 'body')}:` };
    expect((await put('/v1/kv/bench/digest', 'body', right)).status).toBeLessThan(300);
    const answer = await put('/v1/kv/bench/digest', 'bodies', right);
    expect([answer.status, problemOf(answer)]).toEqual([400, 'digest-mismatch']);
    expect((await ask('/v1/kv/bench/digest')).body.toString()).toBe('body');
  });

  it('is verified for an empty body, and so is each one of several', async () => {
    const wrong = { 'Content-Digest': `sha-256=:${digest('sha-256', 'body')}:` };
    expect((await put('/v1/kv/bench/digest', '', wrong)).status).toBe(400);
    const both = [`sha-256=:${digest('sha-256', 'x')}:`, `sha-512=:${digest('sha-512', 'y')}:`];
    const answer = await put('/v1/kv/bench/digest', 'x', { 'Content-Digest': both.join(', ') });
    expect(problemOf(answer)).toBe('digest-mismatch');
  });

  it.each(['md5=:AAAA:', 'sha-256=AAAA', 'sha-256', ''])('as %s is refused', async (header) => {
    const answer = await put('/v1/kv/bench/digest', 'x', { 'Content-Digest': header });
    expect([answer.status, problemOf(answer)]).toEqual([400, 'invalid-parameter']);
  });
});

describe('other announced digests', () => {
  const md5 = createHash('md5').update('body').digest('base64');
  const sha = createHash('sha256').update('body').digest('base64');

  it.each([
    ['Content-MD5', md5],
    ['Digest', `MD5=${md5}`],
    ['Digest', `sha-256=${sha}, md5=${md5}`],
    ['Digest', `SHA-256=${sha}`],
    ['Repr-Digest', `sha-256=:${sha}:`],
  ])('are checked: %s: %s', async (name, value) => {
    expect((await put('/v1/kv/bench/digests', 'body', { [name]: value })).status).toBeLessThan(300);
    const answer = await put('/v1/kv/bench/digests', 'bodY', { [name]: value });
    expect([answer.status, problemOf(answer)]).toEqual([400, 'digest-mismatch']);
    const items = '{"ops":[{"op":"get","key":"digests"}]}';
    const batch = await ask('/v1/batch/bench', {
      method: 'POST',
      body: items,
      headers: { 'Content-Type': 'application/json', [name]: value },
    });
    expect([batch.status, problemOf(batch)]).toEqual([400, 'digest-mismatch']);
  });

  it.each([
    ['Content-MD5', 'AAAA='],
    ['Content-MD5', ''],
    ['Digest', 'SHA=AAAA'],
    ['Digest', `unixsum=30637`],
    ['Repr-Digest', `md5=:${md5}:`],
    ['Repr-Digest', sha],
  ])('are refused if they cannot be checked: %s: %s', async (name, value) => {
    const answer = await put('/v1/kv/bench/digests', 'body', { [name]: value });
    expect([answer.status, problemOf(answer)]).toEqual([400, 'invalid-parameter']);
    expect(json(answer)['detail']).toContain(name);
  });
});

describe('a reply with a value', () => {
  it('says when the value expires', async () => {
    await put('/v1/kv/bench/expiring?ttl=1h', 'x');
    for (const options of [{}, { method: 'HEAD' }, { headers: { Accept: ENVELOPE_TYPE } }]) {
      const { headers } = await ask('/v1/kv/bench/expiring', options);
      const expires = Date.parse(headers['conit-expires'] as string);
      expect(expires).toBeGreaterThan(Date.now() + 3_500_000);
      expect(expires).toBeLessThanOrEqual(Date.now() + 3_600_000);
    }
    await put('/v1/kv/bench/lasting', 'x');
    expect((await ask('/v1/kv/bench/lasting')).headers['conit-expires']).toBeUndefined();
  });

  it('is whole, and says that ranges are not served', async () => {
    await put('/v1/kv/bench/whole', '0123456789');
    const answer = await ask('/v1/kv/bench/whole', { headers: { Range: 'bytes=2-3' } });
    expect([answer.status, answer.body.toString()]).toEqual([200, '0123456789']);
    expect(answer.headers['accept-ranges']).toBe('none');
  });
});

describe('the envelope', () => {
  const envelope = async (key: string, accept = ENVELOPE_TYPE) =>
    ask(`/v1/kv/bench/${key}`, { headers: { Accept: accept } });

  it('shows text as text and other bytes as base64', async () => {
    await put('/v1/kv/bench/text', 'grüße', { 'Content-Type': 'text/plain' });
    const text = await envelope('text');
    expect(text.headers['content-type']).toBe(ENVELOPE_TYPE);
    expect(text.headers.vary).toBe('Accept');
    expect(json(text)).toMatchObject({
      key: 'text',
      value: 'grüße',
      contentType: 'text/plain',
      size: 7,
      stalenessMs: 13,
      version: text.headers['conit-version'],
    });
    await put('/v1/kv/bench/broken', Uint8Array.of(0xff), { 'Content-Type': 'text/plain' });
    expect(json(await envelope('broken'))).toMatchObject({ valueBase64: '/w==' });
    await put('/v1/kv/bench/octets', Uint8Array.of(0x89, 0x50), { 'Content-Type': 'image/png' });
    expect(json(await envelope('octets'))).toMatchObject({ valueBase64: 'iVA=' });
  });

  it('leaves a JSON document as it was written', async () => {
    const document = '{"a":9007199254740993, "a":1}';
    await put('/v1/kv/bench/json', document, { 'Content-Type': 'application/json' });
    expect(json(await envelope('json'))['value']).toBe(document);
  });

  it('shows expiry, tags and weight', async () => {
    const headers = { 'Conit-Tags': 'a', 'Conit-Weight': '2' };
    await put('/v1/kv/bench/more?ttl=1h', 'x', headers);
    const view = json(await envelope('more'));
    expect(view).toMatchObject({ tags: ['a'], weight: 2 });
    expect(Date.parse(view['expires'] as string)).toBeGreaterThan(Date.now() + 3_500_000);
  });

  it.each(['application/x-www-form-urlencoded', 'application/octet-stream', 'image/png'])(
    'shows UTF-8 as text if a client declared it as %s',
    async (type) => {
      await put('/v1/kv/bench/posted', 'größe=3\n', { 'Content-Type': type });
      expect(json(await envelope('posted'))).toMatchObject({
        value: 'größe=3\n',
        contentType: type,
      });
      await put('/v1/kv/bench/posted', 'a\0b', { 'Content-Type': type });
      expect(json(await envelope('posted'))).toMatchObject({ valueBase64: 'YQBi' });
    },
  );

  it.each([
    ['*/*', 'text/css'],
    ['', 'text/css'],
    ['text/css', 'text/css'],
    ['text/*;q=0.5', 'text/css'],
    ['application/json', 'text/css'],
    ['application/json, text/javascript, */*; q=0.01', 'text/css'],
    ['application/json, text/plain, */*', 'text/css'],
    ['application/json;q=0, */*;q=0.1', 'text/css'],
    ['image/png', 'text/css'],
    ['text/css;q=0', 'text/css'],
    ['*/*;q=0', 'text/css'],
    ['garbage', 'text/css'],
    [ENVELOPE_TYPE, ENVELOPE_TYPE],
    ['application/VND.conit.Record+JSON;q=0.9', ENVELOPE_TYPE],
    [`${ENVELOPE_TYPE}, application/json, */*`, ENVELOPE_TYPE],
    [`${ENVELOPE_TYPE}, */*;q=0.5`, ENVELOPE_TYPE],
    [`${ENVELOPE_TYPE};q=0.4, text/*;q=0.5`, 'text/css'],
    [`${ENVELOPE_TYPE};q=0, */*`, 'text/css'],
    ['application/*', 'text/css'],
  ])('is chosen by Accept: %s', async (accept, type) => {
    await put('/v1/kv/bench/style', '*{}', { 'Content-Type': 'text/css' });
    const answer = await envelope('style', accept);
    expect([answer.status, answer.headers['content-type']]).toEqual([200, type]);
    const head = await ask('/v1/kv/bench/style', { method: 'HEAD', headers: { Accept: accept } });
    expect([head.status, head.headers['content-type']]).toEqual([200, type]);
  });

  it.each([
    ['?envelope', 'text/css', ENVELOPE_TYPE],
    ['?envelope=true', 'text/css', ENVELOPE_TYPE],
    ['?envelope=false', ENVELOPE_TYPE, 'text/css'],
    ['?r=1&envelope', '*/*', ENVELOPE_TYPE],
  ])('is chosen by %s before Accept: %s', async (query, accept, type) => {
    await put('/v1/kv/bench/style', '*{}', { 'Content-Type': 'text/css' });
    const answer = await envelope(`style${query}`, accept);
    expect([answer.status, answer.headers['content-type']]).toEqual([200, type]);
  });

  it.each(['?envelope=yes', '?envelope&envelope'])('is not asked for by %s', async (query) => {
    const answer = await envelope(`style${query}`);
    expect([answer.status, problemOf(answer)]).toEqual([400, 'invalid-parameter']);
  });
});

describe('methods', () => {
  it('that are not built are refused by name', async () => {
    const answer = await ask('/v1/kv/bench/x', { method: 'PATCH' });
    expect([answer.status, problemOf(answer)]).toEqual([501, 'not-built']);
  });

  it.each(['OPTIONS', 'TRACE', 'PROPFIND'])('%s is refused', async (method) => {
    const answer = await ask('/v1/kv/bench/x', { method });
    expect([answer.status, problemOf(answer)]).toEqual([405, 'method-not-allowed']);
    expect(answer.headers.allow).toBe('GET, HEAD, PUT, POST, DELETE');
  });
});

describe('a namespace', () => {
  it.each(['nope', 'BENCH', '%6Eope', 'bench%00', 'bench%2Fx', '', 'bench.'])(
    'that does not exist is not found: %s',
    async (name) => {
      const answer = await ask(`/v1/kv/${name}/key`);
      expect([answer.status, problemOf(answer)]).toEqual([404, 'namespace-not-found']);
    },
  );
});

describe('a namespace that is percent-encoded', () => {
  const post = (path: string) =>
    ask(path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: '{"ops":[{"op":"get","key":"escaped"}]}',
    });

  it.each(['bench', '%62ench', 'b%65nc%68', '%62%65%6e%63%68'])('as %s is the same', async (ns) => {
    await put(`/v1/kv/${ns}/escaped`, 'v');
    for (const path of [
      'kv/bench/escaped',
      `kv/${ns}/escaped`,
      `kv/${ns}`,
      `explain/${ns}/escaped`,
    ])
      expect([path, (await ask(`/v1/${path}`)).status]).toEqual([path, 200]);
    expect((await ask(`/v1/namespaces/${ns}`)).status).toBe(200);
    expect((await ask(`/readyz?ns=${ns}&verbose`)).status).not.toBe(404);
    expect((await ask(`/v1/route?ns=${ns}`)).status).toBe(200);
    expect(json(await post(`/v1/batch/${ns}`))['results']).toMatchObject([{ status: 200 }]);
  });

  it.each(['%zz', 'bench%', '%ff'])('wrongly, as %s, is a bad request', async (ns) => {
    for (const path of [`kv/${ns}/x`, `kv/${ns}`, `explain/${ns}/x`, `namespaces/${ns}`]) {
      const answer = await ask(`/v1/${path}`);
      expect([path, answer.status, problemOf(answer)]).toEqual([path, 400, 'bad-request']);
    }
    expect((await post(`/v1/batch/${ns}`)).status).toBe(400);
  });
});

describe('the faults of the replica', () => {
  it.each([
    ['no-quorum', 503, '1'],
    ['overloaded', 503, '3'],
    ['draining', 503, '1'],
    ['catching-up', 503, '1'],
    ['storage-failed', 503, '1'],
    ['low-disk', 507, undefined],
    ['timeout', 504, undefined],
  ] as const)('%s is %i', async (code, status, retryAfter) => {
    const retryAfterMs = code === 'overloaded' ? 2500 : undefined;
    harness.service.hold = ({ client }) => {
      const fault = { code, detail: '', ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
      client.onReply({ kind: 'failed', fault });
    };
    const answer = await ask('/v1/kv/bench/x').finally(() => {
      harness.service.hold = undefined;
    });
    expect([answer.status, problemOf(answer)]).toEqual([status, code]);
    expect(answer.headers['retry-after']).toBe(retryAfter);
    expect(json(answer)).toMatchObject({ retryable: true, indeterminate: false });
  });
});
