// Keys as people write them, through common clients: each client encodes URLs in its own way, and
// whatever it sends must name the same key.

import { execFile } from 'node:child_process';
import { request as httpRequest } from 'node:http';
import { promisify } from 'node:util';
import { request as undiciRequest } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Harness, json, startHarness } from './harness.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({ twin: true });
});
afterAll(() => harness.stop());

const KEYS = [
  'plain',
  'dir/',
  '/abs',
  'a//b',
  '//',
  '/',
  'a///b/',
  'https://example.org:8080/a/b?q=1&r=2#fragment',
  'file:///etc/hosts',
  'C:\\temp\\x',
  'a b+c',
  'größe/ж/日本',
  '100%',
  '%2F',
  'a?b#c',
  'semi;colon,comma',
  '"quoted"',
  '{brace}|pipe^',
  '.hidden/...',
  'tab\tnewline\n',
  '\0',
  '~user/*',
  '[::1]',
] as const;

/** Sends one request and returns the value, or '' for a PUT. */
type Send = (url: string, value?: string) => Promise<{ status: number; body: string }>;

const CLIENTS: Readonly<Record<string, Send>> = {
  fetch: async (url, value) => {
    const response = await fetch(
      url,
      value === undefined ? {} : { method: 'PUT', body: value, headers: { 'Content-Type': 'x/y' } },
    );
    return { status: response.status, body: await response.text() };
  },
  undici: async (url, value) => {
    const { statusCode, body } = await undiciRequest(url, {
      method: value === undefined ? 'GET' : 'PUT',
      body: value ?? null,
    });
    return { status: statusCode, body: await body.text() };
  },
  'node:http': (url, value) =>
    new Promise((resolve, reject) => {
      const method = value === undefined ? 'GET' : 'PUT';
      const request = httpRequest(url, { method, agent: false }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (text: string) => {
          body += text;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      });
      request.on('error', reject).end(value);
    }),
  curl: async (url, value) => {
    const put = value === undefined ? [] : ['-X', 'PUT', '--data-binary', value];
    const args = ['-sS', '--path-as-is', '-w', '\n%{http_code}', ...put, url];
    const { stdout } = await promisify(execFile)('curl', args);
    const end = stdout.lastIndexOf('\n');
    return { status: Number(stdout.slice(end + 1)), body: stdout.slice(0, end) };
  },
};

const hasCurl = await promisify(execFile)('curl', ['--version']).then(
  () => true,
  () => false,
);
const clients = Object.entries(CLIENTS).filter(([name]) => name !== 'curl' || hasCurl);

/** The two ways to write a key into a path: fully escaped, or with its slashes unescaped. */
const FORMS: readonly ((key: string) => string)[] = [
  encodeURIComponent,
  (key) => key.split('/').map(encodeURIComponent).join('/'),
];

describe.each(clients)('a key sent by %s', (_, send) => {
  it.each(KEYS)('is %j', async (key) => {
    for (const form of FORMS) {
      const url = `http://127.0.0.1:${harness.port}/v1/kv/bench/${form(key)}`;
      const value = `value of ${encodeURIComponent(key)}`;
      expect([201, 204]).toContain((await send(url, value)).status);
      expect(await send(url)).toEqual({ status: 200, body: value });
      expect(harness.service.records.has(`bench\n${Buffer.from(key).toString('latin1')}`)).toBe(
        true,
      );
      expect((await send(url.replace('/kv/', '/explain/'))).status).toBe(200);
    }
  });
});

describe('a key in JSON', () => {
  const batch = async (...ops: object[]) => {
    const answer = await harness.ask('/v1/batch/bench', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ ops }),
    });
    return json(answer)['results'];
  };

  it.each([...KEYS, '.', '..', 'a/../b', './x', 'a/.'])('may be %j', async (key) => {
    const put = await batch({ op: 'put', key, value: key });
    expect(put).toMatchObject([{ version: expect.any(String) }]);
    const keyBase64 = Buffer.from(key).toString('base64');
    const both = await batch({ op: 'get', key }, { op: 'get', keyBase64 });
    expect(both).toMatchObject([{ record: { key } }, { record: { key } }]);
    expect(await batch({ op: 'delete', key })).toMatchObject([{ status: 204 }]);
  });

  it('may be any bytes in base64', async () => {
    const all = Buffer.from(Uint8Array.from({ length: 256 }, (_, byte) => byte));
    for (const bytes of [
      all,
      Buffer.of(0xff),
      Buffer.of(0x2f, 0xff, 0x2f),
      Buffer.of(0xc0, 0xae),
    ]) {
      const keyBase64 = bytes.toString('base64');
      await batch({ op: 'put', keyBase64, value: 'v' });
      expect(await batch({ op: 'get', keyBase64 })).toMatchObject([
        { status: 200, record: { keyBase64 } },
      ]);
      const list = json(await harness.ask('/v1/kv/bench?limit=1000'));
      expect(list['items']).toContainEqual(expect.objectContaining({ keyBase64 }));
    }
  });
});

describe('a list of such keys', () => {
  it('pages through all of them, folds at the delimiter and finds them by prefix', async () => {
    const own = await startHarness();
    for (const key of KEYS)
      await own.ask(`/v1/kv/bench/${encodeURIComponent(key)}`, { method: 'PUT', body: '' });
    const found: unknown[] = [];
    let path: string | undefined = '/v1/kv/bench?limit=3';
    while (path !== undefined) {
      const answer = await own.ask(path);
      found.push(...(json(answer)['items'] as { key: string }[]).map(({ key }) => key));
      path = /<([^>]+)>/.exec(answer.headers['link'] as string)?.[1];
    }
    const sorted = [...KEYS].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(found).toEqual(sorted);
    const folded = json(await own.ask('/v1/kv/bench?prefix=a%2F&delimiter=%2F'));
    expect(folded).toMatchObject({ items: [], prefixes: ['a//'] });
    await own.stop();
  });
});
