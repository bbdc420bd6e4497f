// Ordinary requests for keys, in pieces of any size, to a server with the fast path and to one
// without: the answers are the same to the byte. For a request with a body, a refusal may be sent
// before the body was read, and then ends the connection, at one of the servers only. In this case
// the answers that both gave are compared.

import { once } from 'node:events';
import { connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Harness, startHarness } from '../../unit/http/harness.ts';
import { masked } from '../../unit/http/twin.ts';

let fast: Harness;
let node: Harness;
beforeAll(async () => {
  const times = { headersTimeoutMs: 200, requestTimeoutMs: 200, keepAliveMs: 300 };
  const limits = { ...times, connectionsCheckMs: 20 };
  fast = await startHarness({ limits: { ...limits, lingerMs: 50 } });
  node = await startHarness({ limits: { ...limits, lingerMs: 50, fastPath: false } });
});
afterAll(async () => {
  await fast.stop();
  await node.stop();
});

const one = <T>(...values: T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
const header = fc.oneof(
  one('If-None-Match: *', 'If-Match: "x"', 'If-Match: *', 'Accept: */*', 'X-Trace: 0123456789'),
  one('Idempotency-Key: k', 'Conit-Tags: a, b', 'Conit-Weight: 2', 'Conit-What: x', 'Host: b'),
  one('Prefer: respond-async', 'Prefer: return=representation', 'Content-Range: bytes 0-1/2'),
  one('Content-Encoding: gzip', 'Content-Type: text/plain', 'connection: keep-alive'),
  one('Content-Digest: sha-256=:AA==:', 'Sec-Fetch-Site: cross-site', 'Accept-Encoding: gzip'),
);
const body = fc.oneof(
  fc.string({ unit: 'binary-ascii', maxLength: 40 }),
  fc.nat(20_000).map((length) => 'x'.repeat(length)),
);
const ordinary = fc
  .record({
    method: one('GET', 'GET', 'HEAD', 'PUT', 'DELETE'),
    key: one('a', 'b', 'a/b', 'c%20d', '..', '%zz', ''),
    query: one('', '', '', '?r=2', '?timeout=1s', '?ttl=1h', '?nope', '?w=99', '?envelope'),
    headers: fc.array(header, { maxLength: 3 }),
    body,
  })
  .map(({ method, key, query, headers, body: content }) => {
    const length = method === 'PUT' ? [`Content-Length: ${content.length}`] : [];
    const lines = [
      `${method} /v1/kv/bench/${key}${query} HTTP/1.1`,
      'Host: a',
      ...headers,
      ...length,
    ];
    return `${lines.join('\r\n')}\r\n\r\n${method === 'PUT' ? content : ''}`;
  });
/** Replaces some bytes by others. */
const change = fc.record({
  at: fc.nat(300),
  taken: fc.nat(3),
  given: fc.oneof(
    one(
      '',
      ' ',
      '\r\n',
      '\n',
      '\r',
      '\0',
      ':',
      '\t',
      '\xe9',
      '#',
      'Transfer-Encoding: chunked\r\n',
    ),
    fc.string({ unit: 'binary-ascii', maxLength: 3 }),
  ),
});
const asked = fc.record({
  requests: fc.array(ordinary, { minLength: 1, maxLength: 6 }),
  change: fc.option(change, { nil: undefined, freq: 2 }),
  cuts: fc.array(fc.nat(1000), { maxLength: 4 }),
});
const LAST = 'GET /v1/kv/bench/last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

let runs = 0;

/**
 * Each run has keys of its own, because a request that only one server has answered leaves
 * different values.
 */
function ofRun(n: number, text: string): string {
  return text
    .replaceAll(/(?<=\/v1\/kv\/bench\/)(?=[abc])/g, `r${n}`)
    .replaceAll('Idempotency-Key: k', `Idempotency-Key: k${n}`);
}

describe('requests that arrive in any pieces', () => {
  it('get the same answers from the fast path as from Node', async () => {
    await fc.assert(
      fc.asyncProperty(asked, async ({ requests, change: changed, cuts }) => {
        const whole = ofRun(++runs, requests.join('')) + LAST;
        const bytes = changed === undefined ? whole : withChange(whole, changed);
        const pieces = cut(bytes, cuts);
        const [mine, nodes] = await Promise.all([send(fast, pieces), send(node, pieces)]);
        if (changed === undefined && !requests.some(hasBody)) expect(mine).toBe(nodes);
        else if (!bytes.includes('Content-Length') && !bytes.includes('Transfer-Encoding'))
          expect(told(mine)).toBe(told(nodes));
        else expect(isBeginning(told(mine), told(nodes))).toBe(true);
        expect([...fast.errors, ...node.errors]).toEqual([]);
      }),
      { numRuns: 250 },
    );
  }, 240_000);
});

function hasBody(request: string): boolean {
  return request.startsWith('PUT ');
}

/**
 * The answers to odd input that do not depend on the pieces in which it arrives. The bytes that are
 * read together decide whether the method is reported as wrong, and whether a refusal comes before
 * the body and so ends the connection.
 */
function told(text: string): string {
  const last = text.lastIndexOf('HTTP/1.1 4');
  const isOfParser = /"(?:the method is unknown|this is not HTTP\/1\.1)"/.test(text.slice(last));
  const answers = isOfParser ? text.slice(0, last) : text;
  return answers.replace(/^(?:Date|Connection|Keep-Alive): .*\r\n/gim, '');
}

function isBeginning(mine: string, nodes: string): boolean {
  return mine.startsWith(nodes) || nodes.startsWith(mine);
}

function withChange(
  text: string,
  { at, taken, given }: { readonly at: number; readonly taken: number; readonly given: string },
): string {
  return text.slice(0, at) + given + text.slice(at + taken);
}

function cut(text: string, cuts: readonly number[]): readonly string[] {
  const places = [0, ...cuts.map((place) => place % text.length), text.length].sort(
    (a, b) => a - b,
  );
  const pieces = places.slice(1).map((end, n) => text.slice(places[n], end));
  return pieces.filter((piece) => piece !== '');
}

async function send({ port }: Harness, pieces: readonly string[]): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  let text = '';
  const closed = new Promise((resolve) => socket.on('close', resolve));
  socket.on('error', () => undefined).on('data', (data) => (text += data.toString('latin1')));
  await once(socket, 'connect');
  for (const piece of pieces) {
    if (socket.destroyed) break;
    await new Promise((resolve) => socket.write(Buffer.from(piece, 'latin1'), resolve));
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
  await closed;
  return masked(text);
}
