// The fast path compared with Node's HTTP server: both get the same bytes, in one piece and in two,
// and give the same answers. The tests of the reader show what it reads itself and what it leaves
// to Node.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { HeadReader } from '../../../src/http/fast-path/head-reader.ts';
import type { Command } from '../../../src/model/command.ts';
import { type Harness, repliesIn, startHarness } from './harness.ts';
import { masked } from './twin.ts';

let fast: Harness;
let node: Harness;
beforeAll(async () => {
  fast = await startHarness();
  node = await startHarness({ limits: { fastPath: false } });
  for (const each of [fast, node]) await each.ask(key, { method: 'PUT', body: 'abc' });
});
afterAll(async () => {
  await fast.stop();
  await node.stop();
});

const key = '/v1/kv/bench/k';
const of = (line: string, headers: readonly string[] = [], body = ''): string =>
  [`${line} HTTP/1.1`, 'Host: a', ...headers, '', body].join('\r\n');
const get = of(`GET ${key}`);
const put = (body: string, ...headers: string[]): string =>
  of(`PUT ${key}`, [...headers, `Content-Length: ${body.length}`], body);

/**
 * Sends each piece when the one before it was read, and returns everything that arrives until
 * `isAll`, or until the end.
 */
async function exchange(
  { port }: Harness,
  pieces: readonly string[],
  isAll: (text: string) => boolean,
): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  let text = '';
  const ended = new Promise<void>((resolve) => {
    socket.on('error', () => resolve()).on('close', () => resolve());
    socket.on('end', () => resolve());
    socket.on('data', (data: Buffer) => {
      text += data.toString('latin1');
      if (isAll(text)) resolve();
    });
  });
  await once(socket, 'connect');
  for (const piece of pieces) {
    await new Promise((resolve) => socket.write(Buffer.from(piece, 'latin1'), resolve));
    // The server runs in this process: it reads what has arrived in its next turns.
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
  await ended;
  socket.destroy();
  return text;
}

/**
 * What both answer to the same requests, which must be equal. Node gets them in these pieces, the
 * fast path in one.
 */
async function both(pieces: readonly string[], count: number): Promise<string> {
  const isAll = (text: string) => repliesIn(text).length >= count && /\r\n\r\n/.test(text);
  const [one, other] = await Promise.all([
    exchange(fast, [pieces.join('')], isAll),
    exchange(node, pieces, isAll),
  ]);
  expect(masked(one)).toBe(masked(other));
  return one;
}

describe('a request split at every byte', () => {
  const last = of(`GET ${key}`, ['Connection: close']);
  it.each([
    ['a read', get + last],
    ['a write with its body', put('0123456789') + last],
    ['a write that waits behind a read', get + put('abc') + last],
    ['a delete', of(`DELETE ${key}`) + last],
    ['a refused write', put('0123456789', 'If-Match: nonsense') + get],
    ['a header that is folded', of(`GET ${key}`, ['X: a', ' b'])],
    ['two lengths', of(`PUT ${key}`, ['Content-Length: 1', 'Content-Length: 2'], 'ab')],
    [
      'a chunked write',
      of(`PUT ${key}`, ['Transfer-Encoding: chunked'], '1\r\na\r\n0\r\n\r\n') + last,
    ],
    ['a bare line feed', `GET ${key} HTTP/1.1\nHost: a\n\n`],
  ])(
    '%s gets the same answer as from Node',
    async (_name, bytes) => {
      const isEnd = () => false;
      // Twice, to test the state after the first.
      await exchange(fast, [put('abc') + bytes], isEnd);
      await exchange(node, [put('abc'), bytes], isEnd);
      const whole = masked(await exchange(node, [put('abc'), bytes], isEnd));
      expect(masked(await exchange(fast, [put('abc') + bytes], isEnd))).toBe(whole);
      for (let at = 1; at < bytes.length; at++) {
        const pieces = [put('abc') + bytes.slice(0, at), bytes.slice(at)];
        expect([at, masked(await exchange(fast, pieces, isEnd))]).toEqual([at, whole]);
      }
    },
    120_000,
  );
});

describe('a connection after another kind of request', () => {
  const list = of('GET /v1/kv/bench?limit=1');
  const live = of('GET /livez');
  it.each([
    ['reads', get.repeat(40), 40],
    ['reads and writes', (get + put('x') + get + get + of(`DELETE ${key}`)).repeat(6), 30],
    ['a route of fastify behind reads', get + get + live + get, 4],
    ['an upgrade', get + of(`GET ${key}`, ['Connection: Upgrade', 'Upgrade: websocket']), 2],
    ['the end that a client asks for', get + of(`GET ${key}`, ['Connection: close']) + get, 2],
    ['HTTP/1.0', `${get}GET ${key} HTTP/1.0\r\n\r\n${get}`, 2],
    ['a large value', put('v'.repeat(20_000)) + get + of(`HEAD ${key}`), 3],
    ['a value as large as the fast path takes', put('v'.repeat(16_383)) + get, 2],
    ['a value of one byte more', put('v'.repeat(16_384)) + get, 2],
    [
      'an expectation',
      of(`PUT ${key}`, ['Expect: 100-continue', 'Content-Length: 1'], 'a') + get,
      3,
    ],
    ['a read with a body', `${get}${of(`GET ${key}`, ['Content-Length: 3'], 'abc')}${get}`, 2],
    ['an end behind a refusal', put('abc', 'Content-Range: bytes 0-1/2') + get, 1],
    ['touches', of(`POST ${key}?ttl=1h`) + get, 2],
    ['a list behind a write', put('x') + list.replace('?limit=1', '?prefix=none'), 2],
  ])('%s: the same answers', async (_name, bytes, count) => {
    expect(repliesIn(await both([bytes], count)).length).toBeGreaterThanOrEqual(count);
  });

  // How many of them Node answers before it sees the malformed one depends on how they arrive; the
  // fast path answers them all.
  it.each([
    ['an unknown method behind a write', [put('x'), `BREW ${key} HTTP/1.1\r\nHost: a\r\n\r\n`], 2],
    ['a malformed request behind reads', [get, get, `GET ${key} HTTP/1.1\r\nX : a\r\n\r\n`], 3],
  ])('%s: the same answers as one after the other', async (_name, pieces, count) => {
    expect(repliesIn(await both(pieces, count))).toHaveLength(count);
  });

  it('a malformed request is not answered before an earlier read', async () => {
    const bytes = `${get}${get}${get}GET ${key} HTTP/1.1\r\nX : a\r\n\r\n`;
    const text = await both([bytes], 4);
    expect(repliesIn(text).map(({ status }) => status)).toEqual([200, 200, 200, 400]);
  });

  it('of more writes than are read at once, all are answered in order', async () => {
    const count = 2000;
    const writes = Array.from({ length: count }, (_, n) => put(`${n}`));
    const text = await both([writes.join('') + get], count + 1);
    expect(
      repliesIn(text)
        .slice(0, count)
        .filter(({ status }) => status !== 204),
    ).toEqual([]);
    expect(text.endsWith(`\r\n\r\n${count - 1}`)).toBe(true);
  }, 60_000);
});

// Bytes that a proxy may read differently from this server.
describe('request smuggling', () => {
  const hidden = of('PUT /v1/kv/bench/smuggled', ['Content-Length: 1'], 'x');
  it.each([
    ['a length and a coding', ['Content-Length: 4', 'Transfer-Encoding: chunked']],
    ['a coding in another case', ['TRANSFER-ENCODING: chunked', 'Content-Length: 4']],
    ['a coding with a tab', ['Transfer-Encoding:\tchunked', 'Content-Length: 4']],
    ['a coding behind a space', ['Transfer-Encoding : chunked', 'Content-Length: 4']],
    ['a vertical tab', ['Transfer-Encoding: \x0bchunked', 'Content-Length: 4']],
    ['a length with a sign', ['Content-Length: +4']],
    ['a length in hexadecimal', ['Content-Length: 0x4']],
    ['a length with a space inside', ['Content-Length: 4 4']],
    ['a length with a zero before it', ['Content-Length: 04']],
    ['a list of lengths', ['Content-Length: 4, 4']],
    ['the same length twice', ['Content-Length: 4', 'Content-Length: 4']],
    ['a folded length', ['Content-Length:', ' 4']],
    ['an empty length', ['Content-Length: ']],
    ['a length with a line feed inside', ['Content-Length: 4\nX: y']],
    ['a carriage return inside a value', ['X: a\rContent-Length: 0', 'Content-Length: 4']],
    ['a NUL in a value', ['X: a\0b', 'Content-Length: 4']],
    ['a huge length', ['Content-Length: 99999999999999999999']],
    ['a name with a NUL', ['Content-Length\0: 0', 'Content-Length: 4']],
    ['an underscore', ['Content_Length: 0', 'Content-Length: 4']],
    ['a connection that drops the length', ['Connection: content-length', 'Content-Length: 4']],
  ])('%s: judged as by Node, and no hidden request is executed', async (_n, lines) => {
    const bytes = of(`PUT ${key}`, lines, `0\r\n\r\n${hidden}`);
    const writes = ({ service }: Harness) =>
      service.commands.filter((each) => each.kind === 'write').map(({ key: name }) => name);
    for (const { service } of [fast, node]) service.commands.length = 0;
    await both([bytes], 1);
    expect(writes(fast)).toEqual(writes(node));
  });
});

describe('a head that repeats the last one but for its session token', () => {
  const reader = new HeadReader(100);
  const withToken = (...lines: readonly string[]) => put('abc', ...lines, 'X: y');
  const read = (by: HeadReader, text: string) => {
    const isRead = by.read(Buffer.from(text, 'latin1'), 0, undefined);
    return isRead ? { end: by.end, raw: by.block?.raw, length: by.block?.length } : 'left';
  };

  it.each([
    ['the same token', withToken('Conit-Session: first')],
    ['another one', withToken('Conit-Session: other')],
    ['a longer one', withToken('Conit-Session: much-longer-than-before')],
    ['a shorter one', withToken('Conit-Session: a')],
    ['none', withToken()],
    ['an empty one', withToken('Conit-Session: ')],
    ['one with a space before it', withToken('Conit-Session:  first')],
    ['one with a space behind it', withToken('Conit-Session: first ')],
    ['one with another byte', withToken('Conit-Session: f\xe9')],
    ['one that ends its line early', withToken('Conit-Session: a\nX: y')],
    ['two', withToken('Conit-Session: a', 'Conit-Session: b')],
    ['another name', withToken('Conit-Sessiom: a')],
    ['small letters', withToken('conit-session: a')],
    ['another length', put('ab', 'Conit-Session: a', 'X: y')],
    ['a length more', put('abc', 'Conit-Session: a', 'Content-Length: 3', 'X: y')],
    ['a line more', put('abc', 'Conit-Session: a', 'X: y', 'X: z')],
    ['too many bytes', withToken(`Conit-Session: ${'a'.repeat(4000)}`)],
    ['no end', withToken('Conit-Session: a').slice(0, -8)],
  ])('is read as by a reader without one: %s', (_name, text) => {
    expect(read(reader, withToken('Conit-Session: first'))).not.toBe('left');
    expect(read(reader, text)).toEqual(read(new HeadReader(100), text));
    expect(read(reader, text)).toEqual(read(new HeadReader(100), text));
  });
});

describe('the requests that the fast path reads itself', () => {
  const reader = new HeadReader(100);
  const isRead = (text: string) => reader.read(Buffer.from(text, 'latin1'), 0, undefined);
  it.each([
    ['a read', get],
    ['a head', of(`HEAD ${key}`)],
    ['a write', put('abc')],
    ['a write without a body', of(`PUT ${key}`)],
    ['a delete', of(`DELETE ${key}?w=majority`)],
    ['a connection that stays', of(`GET ${key}`, ['connection: Keep-Alive', 'Accept: */*'])],
  ])('include %s', (_name, text) => {
    expect(isRead(text)).toBe(true);
    expect(reader.block?.raw.slice(0, 2)).toEqual(['Host', 'a']);
    expect(isRead(text.slice(0, text.indexOf('\r\n\r\n') + 3))).toBe(false);
  });

  it.each([
    ['another route', of('GET /livez')],
    ['a list', of('GET /v1/kv/bench?x=/')],
    ['another method', of(`POST ${key}`)],
    ['a method in small letters', of(`get ${key}`)],
    ['HTTP/1.0', get.replace('1.1', '1.0')],
    ['an absolute target', of(`GET http://a${key}`)],
    ['a fragment', of(`GET ${key}#x`)],
    ['a byte that is to be encoded', of(`GET ${key}\xe9`)],
    ['two spaces', of(`GET  ${key}`)],
    ['a space behind the line', `GET ${key} HTTP/1.1 \r\nHost: a\r\n\r\n`],
    ['a line feed alone', get.replaceAll('\r\n', '\n')],
    ['an empty line before it', `\r\n${get}`],
    ['a tab', of(`GET ${key}`, ['X:\ta'])],
    ['a space behind a value', of(`GET ${key}`, ['X: a '])],
    ['an empty value', of(`GET ${key}`, ['X:'])],
    ['a value beyond ASCII', of(`GET ${key}`, ['X: \xe9'])],
    ['a body of a read', of(`GET ${key}`, ['Content-Length: 1'], 'a')],
    ['a body that is too large', put('x'.repeat(101))],
    ['a connection that ends', of(`GET ${key}`, ['Connection: close'])],
    ['two connections', of(`GET ${key}`, ['Connection: keep-alive', 'Connection: keep-alive'])],
    ['an origin', of(`GET ${key}`, ['Origin: http://a'])],
    [
      'many lines',
      of(
        `GET ${key}`,
        Array.from({ length: 40 }, (_, n) => `X${n}: y`),
      ),
    ],
    ['long lines', of(`GET ${key}`, [`X: ${'y'.repeat(5000)}`])],
    ['a long target', of(`GET ${key}${'y'.repeat(5000)}`)],
  ])('do not include %s', (_name, text) => {
    expect(isRead(text)).toBe(false);
  });
});

describe('a connection on the fast path', () => {
  let own: Harness | undefined;
  const sockets: Socket[] = [];
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await own?.stop();
    own = undefined;
  });

  async function opened(
    harness: Harness,
  ): Promise<{ socket: Socket; text: () => string; closed: Promise<unknown> }> {
    const socket = connect({ port: harness.port, host: '127.0.0.1', allowHalfOpen: true });
    sockets.push(socket);
    let text = '';
    socket.on('error', () => undefined).on('data', (data) => (text += data.toString('latin1')));
    const closed = once(socket, 'close');
    socket.once('end', () => socket.destroy());
    await once(socket, 'connect');
    return { socket, text: () => text, closed };
  }
  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
  };

  it('that sends nothing is answered 408 and closed', async () => {
    own = await startHarness({ limits: { headersTimeoutMs: 60, connectionsCheckMs: 20 } });
    const { text, closed } = await opened(own);
    await closed;
    expect(repliesIn(text())).toEqual([{ status: 408, code: 'request-timeout' }]);
  });

  it('whose body does not arrive is answered 408 and closed', async () => {
    const limits = { headersTimeoutMs: 60, requestTimeoutMs: 60, connectionsCheckMs: 20 };
    own = await startHarness({ limits });
    const { socket, text, closed } = await opened(own);
    socket.write(put('abcdef').slice(0, -3));
    await closed;
    expect(repliesIn(text())).toEqual([{ status: 408, code: 'request-timeout' }]);
    expect(own.service.commands).toEqual([]);
  });

  it('that is idle is closed without an answer, and not before its time', async () => {
    own = await startHarness({ limits: { keepAliveMs: 150, connectionsCheckMs: 20 } });
    const { socket, text, closed } = await opened(own);
    socket.write(get);
    await until(() => text().includes('HTTP/1.1 404'));
    const sinceMs = performance.now();
    await closed;
    expect(performance.now() - sinceMs).toBeGreaterThan(120);
    expect(repliesIn(text())).toHaveLength(1);
  });

  it.each([true, false])(
    'whose client stops reading is closed in the end (fast path: %s)',
    async (fastPath) => {
      const limits = { stalledReplyMs: 80, connectionsCheckMs: 20, connectionsPerAddressMax: 1 };
      own = await startHarness({ limits: { ...limits, fastPath } });
      await own.ask(key, { method: 'PUT', body: Buffer.alloc(1024 * 1024) });
      const { socket, closed } = await opened(own);
      socket.pause();
      socket.write(get.repeat(16));
      await until(() => own?.service.commands.length === 17);
      // There is one connection at a time, so a second one shows that this one is gone.
      while (!(await own.raw(get)).includes('200 OK'));
      socket.resume();
      await closed;
      expect(socket.bytesRead).toBeLessThan(16 * 1024 * 1024);
    },
  );

  it('that is half closed gets its answers', async () => {
    const { socket, text, closed } = await opened(fast);
    socket.end(put('abc') + get + get);
    await closed;
    expect(repliesIn(text()).map(({ status }) => status)).toEqual(
      [204, 200, 200].map((s, i) => (i === 0 ? expect.any(Number) : s)),
    );
  });

  it('that is half closed within a body gets an error', async () => {
    const { socket, text, closed } = await opened(fast);
    socket.end(put('abcdef').slice(0, -3));
    await closed;
    expect(repliesIn(text())).toEqual([{ status: 400, code: 'bad-request' }]);
  });

  it.each([
    ['a read', () => get, 1],
    ['a write', () => put('whole'), 1],
    ['reads', () => get + get + get, 3],
  ])('that is half closed within a body behind %s gets those answers', async (_, before, count) => {
    const { socket, text, closed } = await opened(fast);
    socket.end(before() + put('abcdef').slice(0, -3));
    await closed;
    const answers = repliesIn(text()).map(({ status }) => status);
    expect(answers).toHaveLength(count + 1);
    expect(answers.slice(0, -1)).not.toContain(400);
    expect(answers.at(-1)).toBe(400);
  });

  it('is answered `draining`, and then closed', async () => {
    own = await startHarness();
    const { socket, text, closed } = await opened(own);
    socket.write(get);
    await until(() => text().includes('HTTP/1.1 404'));
    own.service.state = 'draining';
    socket.write(get);
    await closed;
    expect(repliesIn(text())[1]).toEqual({ status: 503, code: 'draining' });
    expect(text()).toContain('Connection: close');
  });

  it('is closed at the end of the server if no request is pending, and answered before otherwise', async () => {
    own = await startHarness();
    const held: Command[] = [];
    const idle = await opened(own);
    idle.socket.write(get);
    await until(() => idle.text().includes('HTTP/1.1 404'));
    own.service.hold = (command) => held.push(command);
    const busy = await opened(own);
    busy.socket.write(get);
    await until(() => held.length === 1);
    const stopped = own.server.close();
    await idle.closed;
    own.service.hold = undefined;
    own.service.submit(held[0] as Command);
    await busy.closed;
    await stopped;
    expect(repliesIn(busy.text())).toHaveLength(1);
    own = undefined;
  });

  it('gets its last reply whole, whatever is answered behind it', async () => {
    own = await startHarness();
    const value = Buffer.alloc(1024 * 1024, 'v');
    await own.ask(key, { method: 'PUT', body: value });
    const held: Command[] = [];
    own.service.hold = (command) => held.push(command);
    const { socket, text, closed } = await opened(own);
    socket.pause();
    // More than the kernel accepts for a client that does not read.
    socket.write(get.repeat(12));
    await until(() => held.length === 12);
    own.service.hold = undefined;
    for (const command of held.slice(0, 8)) own.service.submit(command);
    own.server.beginDrain();
    for (const command of held.slice(8)) own.service.submit(command);
    await own.ask('/livez');
    socket.resume();
    await closed;
    expect(repliesIn(text())).toHaveLength(9);
    expect(text().length).toBeGreaterThan(9 * value.length);
  });

  it('holds a request for Node until earlier requests are answered', async () => {
    own = await startHarness();
    const held: Command[] = [];
    own.service.hold = (command) => held.push(command);
    const { socket, text } = await opened(own);
    socket.write(get + of('GET /livez') + get);
    await until(() => held.length === 1);
    await own.ask('/livez');
    expect(text()).toBe('');
    own.service.hold = undefined;
    own.service.submit(held[0] as Command);
    await until(() => repliesIn(text()).length === 3);
    expect(repliesIn(text()).map(({ status }) => status)).toEqual([404, 200, 404]);
  });

  it('gets replies in the order of its requests, whichever is ready first', async () => {
    own = await startHarness();
    const held: Command[] = [];
    own.service.hold = (command) => held.push(command);
    const { socket, text } = await opened(own);
    socket.write(of(`GET ${key}1?envelope=x`) + get + of('GET /v1/kv/nope/x') + get);
    await until(() => held.length === 2);
    own.service.hold = undefined;
    own.service.submit(held[1] as Command);
    await own.ask('/livez');
    expect(repliesIn(text()).map(({ status }) => status)).toEqual([400]);
    own.service.submit(held[0] as Command);
    await until(() => repliesIn(text()).length === 4);
    expect(repliesIn(text()).map(({ code }) => code)).toEqual([
      'invalid-parameter',
      'not-found',
      'namespace-not-found',
      'not-found',
    ]);
  });

  it('is measured as all other connections are', async () => {
    own = await startHarness();
    const { socket, text } = await opened(own);
    socket.write(put('abc') + get + of('GET /v1/kv/nope/x'));
    await until(() => repliesIn(text()).length === 3);
    const counts = own.meter.series().map(({ op, code }) => `${op} ${code}`);
    expect(counts).toEqual(['put 2xx', 'get 2xx', 'get 4xx']);
    expect([...own.meter.refusals()]).toEqual([['namespace-not-found', 1]]);
  });
});
