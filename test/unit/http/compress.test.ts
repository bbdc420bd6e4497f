import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Harness, startHarness } from './harness.ts';

let harness: Harness;
const ask = (path: string, accept: string, method = 'GET') =>
  harness.ask(path, { method, headers: { 'Accept-Encoding': accept } });

beforeAll(async () => {
  const metricsText = () => Promise.resolve(`# TYPE up gauge\n${'up{a="b"} 1\n'.repeat(200)}`);
  harness = await startHarness({ metricsText });
  for (let n = 0; n < 50; n++)
    await harness.ask(`/v1/kv/bench/some-key-${n}`, { method: 'PUT', body: 'v'.repeat(50) });
});
afterAll(() => harness.stop());

describe('compression', () => {
  it.each([
    ['gzip', 'gzip'],
    ['gzip, deflate', 'gzip'],
    ['GZIP;q=0.5', 'gzip'],
    ['gzip, br', 'br'],
    ['br;q=0.2, gzip;q=0.8', 'gzip'],
    ['*', 'br'],
    ['gzip, identity;q=0.5', 'gzip'],
    ['', undefined],
    ['deflate, zstd', undefined],
    ['gzip;q=0, br;q=0', undefined],
    ['identity, gzip;q=0.5', undefined],
    ['*;q=0', undefined],
  ])('for Accept-Encoding: %s', async (accept, coding) => {
    for (const path of ['/v1/kv/bench', '/openapi.json', '/metrics']) {
      const plain = await ask(path, 'identity');
      const answer = await ask(path, accept);
      expect([path, answer.headers['content-encoding']]).toEqual([path, coding]);
      expect(answer.headers.vary).toContain('Accept-Encoding');
      expect(plain.headers.vary).toBe(answer.headers.vary);
      expect(answer.headers['content-length']).toBe(String(answer.body.length));
      if (coding === undefined) continue;
      const bytes = coding === 'br' ? brotliDecompressSync(answer.body) : gunzipSync(answer.body);
      expect(answer.body.length).toBeLessThan(plain.body.length / 2);
      if (path !== '/v1/kv/bench') expect(bytes.equals(plain.body)).toBe(true);
    }
  });

  it('leaves tiny answers, errors, values and HEAD unchanged', async () => {
    await harness.ask('/v1/kv/bench/large', { method: 'PUT', body: 'x'.repeat(5000) });
    for (const path of ['/livez', '/v1/kv/bench?limit=1', '/nothing', '/v1/kv/bench/large'])
      expect((await ask(path, 'gzip')).headers['content-encoding']).toBeUndefined();
    const head = await ask('/v1/kv/bench', 'gzip', 'HEAD');
    expect([head.status, head.headers['content-encoding']]).toEqual([200, undefined]);
  });

  it('is bounded: of many at once some are sent uncompressed, and all are whole', async () => {
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => ask('/openapi.json', 'gzip')),
    );
    const texts = answers.map(({ headers, body }) =>
      headers['content-encoding'] === 'gzip' ? gunzipSync(body).toString() : body.toString(),
    );
    expect(new Set(texts).size).toBe(1);
  });
});
