import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatCursor, type ListQuery, parseCursor } from '../../../src/http/form/cursor.ts';
import { type Answer, type Harness, json, problemOf, startHarness } from './harness.ts';

let harness: Harness;
const list = (query: string, headers: Record<string, string> = {}) =>
  harness.ask(`/v1/kv/bench${query}`, { headers });
const KEYS = ['a', 'a/1', 'a/2', 'b', 'b/x/1', 'b/x/2', 'c', 'é'];

interface Page {
  readonly items: readonly { readonly key?: string; readonly keyBase64?: string }[];
  readonly prefixes: readonly string[];
  readonly prefixesBase64?: readonly string[];
  readonly cursor: string | null;
}

const page = (answer: Answer) => json(answer) as unknown as Page;
const keys = (answer: Answer) => page(answer).items.map(({ key }) => key);

beforeAll(async () => {
  harness = await startHarness({ limits: { listBytesMax: 1000 } });
  for (const key of KEYS) {
    const path = `/v1/kv/bench/${encodeURIComponent(key)}`;
    await harness.ask(path, {
      method: 'PUT',
      body: key,
      headers: { 'Content-Type': 'text/plain' },
    });
  }
});
afterAll(() => harness.stop());

describe('a list', () => {
  it('is in byte order, with the headers', async () => {
    const answer = await list('');
    expect(answer.status).toBe(200);
    expect(keys(answer)).toEqual(KEYS);
    expect(page(answer).cursor).toBeNull();
    expect(json(answer)['asOf']).toMatchObject({ replica: 'eu-1', stalenessMs: 'unknown' });
    expect(answer.headers['conit-consistency']).toBe('eventual');
    expect(answer.headers['conit-staleness']).toBe('unknown');
    expect(answer.headers.link).toBeUndefined();
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  it.each([
    ['?prefix=a', ['a', 'a/1', 'a/2']],
    ['?prefix=a%2F', ['a/1', 'a/2']],
    ['?start=a/2&end=c', ['a/2', 'b', 'b/x/1', 'b/x/2']],
    ['?prefix=b&start=b/x/2', ['b/x/2']],
    ['?reverse&limit=2', ['é', 'c']],
    ['?reverse=true&end=b', ['a/2', 'a/1', 'a']],
    ['?reverse=false&limit=1', ['a']],
    ['?prefix=%C3', ['é']],
    ['?prefix=none', []],
    ['?consistency=eventual&timeout=1s&limit=1', ['a']],
  ])('%s holds the requested keys', async (query, expected) => {
    expect(keys(await list(query))).toEqual(expected);
  });

  it('groups keys at the delimiter', async () => {
    const answer = await list('?delimiter=/');
    expect(keys(answer)).toEqual(['a', 'b', 'c', 'é']);
    expect(page(answer).prefixes).toEqual(['a/', 'b/']);
  });

  it('shows a prefix that is not UTF-8 as base64', async () => {
    const answer = page(await list('?prefix=%C3&delimiter=%C3'));
    expect(answer.prefixes).toEqual([]);
    const folded = page(await list('?delimiter=%C3'));
    expect(folded.prefixesBase64).toEqual(['ww==']);
  });

  it.each(['', '&reverse', '&delimiter=/', '&prefix=b', '&values=inline'])(
    'is complete if it is read page by page%s',
    async (more) => {
      const whole = page(await list(`?limit=1000${more}`));
      const items: unknown[] = [];
      const prefixes: string[] = [];
      let path: string | undefined = `/v1/kv/bench?limit=2${more}`;
      let pages = 0;
      while (path !== undefined && pages < 10) {
        const answer = await harness.ask(path);
        expect(answer.status).toBe(200);
        const { items: some, prefixes: others, cursor } = page(answer);
        items.push(...some);
        prefixes.push(...others);
        pages++;
        const link: string | undefined = /^<([^>]+)>; rel="next"$/.exec(
          answer.headers.link as string,
        )?.[1];
        expect(link === undefined).toBe(cursor === null);
        path = link;
      }
      expect(items).toEqual(whole.items);
      expect(prefixes).toEqual(whole.prefixes);
      expect(pages).toBe(Math.ceil((items.length + prefixes.length) / 2));
    },
  );

  it('may carry the values', async () => {
    const { items } = page(await list('?values=inline&prefix=a'));
    expect(items[0]).toMatchObject({ key: 'a', value: 'a', size: 1 });
    expect(page(await list('?prefix=a')).items[0]).not.toHaveProperty('value');
  });

  it('with values ends before it grows too large, and continues', async () => {
    for (const key of ['1', '2', '3', '4']) {
      await harness.ask(`/v1/kv/ordered/${key}`, { method: 'PUT', body: 'x'.repeat(600) });
    }
    const first = await harness.ask('/v1/kv/ordered?values=inline');
    expect(keys(first)).toEqual(['1']);
    const next = /<([^>]+)>/.exec(first.headers.link as string)?.[1] as string;
    expect(keys(await harness.ask(next))).toEqual(['2']);
    expect(keys(await harness.ask('/v1/kv/ordered'))).toHaveLength(4);
  });

  it('comes as lines of JSON if the client prefers them', async () => {
    const answer = await list('?delimiter=/&limit=3', { Accept: 'application/x-ndjson' });
    expect(answer.headers['content-type']).toBe('application/x-ndjson');
    const lines = answer.body.toString().trimEnd().split('\n');
    const parsed = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(parsed.map((line) => Object.keys(line)[0])).toEqual(['key', 'key', 'prefix', 'cursor']);
    for (const accept of ['*/*', 'application/json, application/x-ndjson', 'text/html,*/*;q=0.8']) {
      const other = await list('', { Accept: accept });
      expect(other.headers['content-type']).toBe('application/json');
    }
  });

  it.each([
    ['?limit=0', 400, 'invalid-parameter'],
    ['?limit=1001', 400, 'invalid-parameter'],
    ['?limit=-1', 400, 'invalid-parameter'],
    ['?limit=1.5', 400, 'invalid-parameter'],
    ['?limit=9007199254740993', 400, 'invalid-parameter'],
    ['?limit=ten', 400, 'invalid-parameter'],
    ['?limit=1&limit=2', 400, 'invalid-parameter'],
    ['?values=all', 400, 'invalid-parameter'],
    ['?reverse=maybe', 400, 'invalid-parameter'],
    [`?prefix=${'p'.repeat(1025)}`, 400, 'invalid-parameter'],
    ['?timeout=1', 400, 'invalid-parameter'],
    ['?offset=1', 400, 'invalid-parameter'],
    ['?prefix=%zz', 400, 'invalid-parameter'],
    ['?__proto__=1', 400, 'invalid-parameter'],
    ['?cursor=', 400, 'invalid-parameter'],
    ['?cursor=x', 400, 'invalid-parameter'],
    ['?consistency=strict', 501, 'not-built'],
    ['?t=1', 400, 'invalid-parameter'],
    ['?n=1', 501, 'not-built'],
    ['?r=0', 400, 'invalid-parameter'],
    ['?onUnmet=x', 400, 'invalid-parameter'],
  ])('%s is refused', async (query, status, code) => {
    const answer = await list(query);
    expect([answer.status, problemOf(answer)]).toEqual([status, code]);
  });

  it('of a namespace that does not exist is not found', async () => {
    for (const name of ['nope', '__proto__', 'bench%2Fa', '%00']) {
      const answer = await harness.ask(`/v1/kv/${name}`);
      expect([answer.status, problemOf(answer)]).toEqual([404, 'namespace-not-found']);
    }
  });
});

describe('a cursor', () => {
  const query: ListQuery = {
    namespace: 'bench',
    prefix: 'a',
    start: '',
    end: '',
    delimiter: '',
    reverse: false,
  };

  it('gives back the key that it was made for', () => {
    for (const after of ['a', 'a\0\xff', 'k'.repeat(1024)]) {
      expect(parseCursor(query, formatCursor(query, after))).toEqual({ kind: 'after', after });
    }
  });

  it('is bound to its query', () => {
    const cursor = formatCursor(query, 'a1');
    for (const other of [
      { namespace: 'other' },
      { prefix: '', start: 'a' },
      { end: 'x' },
      { delimiter: '/' },
      { reverse: true },
    ]) {
      expect(parseCursor({ ...query, ...other }, cursor)).toEqual({ kind: 'other-query' });
    }
  });

  it('is refused with any bit changed or any byte missing', () => {
    const bytes = Buffer.from(formatCursor(query, 'a1'), 'base64url');
    for (let i = 0; i < bytes.length; i++) {
      for (let bit = 0; bit < 8; bit++) {
        const broken = Buffer.from(bytes);
        broken[i] = (broken[i] as number) ^ (1 << bit);
        expect(parseCursor(query, broken.toString('base64url')).kind).toBe('malformed');
      }
      const short = bytes.subarray(0, i).toString('base64url');
      expect(parseCursor(query, short).kind).toBe('malformed');
    }
    for (const text of ['', '!', 'a b', '='.repeat(4), 'A'.repeat(5000)]) {
      expect(parseCursor(query, text).kind).toBe('malformed');
    }
  });

  it('of another version has expired', async () => {
    const bytes = Buffer.from(formatCursor({ ...query, prefix: '' }, 'a'), 'base64url');
    bytes[0] = 2;
    const { crc32c } = await import('../../../src/base/crc32c.ts');
    bytes.writeUInt32LE(crc32c(bytes, 0, bytes.length - 4), bytes.length - 4);
    const answer = await list(`?cursor=${bytes.toString('base64url')}`);
    expect([answer.status, problemOf(answer)]).toEqual([410, 'cursor-expired']);
  });
});
