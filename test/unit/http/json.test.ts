import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Json, parseJson, parseJsonInPieces } from '../../../src/http/json.ts';

const DEPTH = 32;
const VALUE_BYTES = 1024 * 1024;
const parse = (text: string) => parseJson(Buffer.from(text), DEPTH);
const inPieces = (text: string) => parseJsonInPieces(Buffer.from(text), DEPTH, VALUE_BYTES);
const reasonOf = (json: Json) => (json.ok ? 'taken' : json.reason);

describe('a body', () => {
  it('of JSON without prototypes is parsed as by JSON.parse, whole and in pieces', async () => {
    const json = fc.json({ maxDepth: 5 });
    await fc.assert(
      fc.asyncProperty(json, async (text) => {
        const expected: unknown = JSON.parse(text);
        const [whole, pieces] = [parse(text), await inPieces(text)];
        if (!whole.ok) {
          expect(reasonOf(whole)).toMatch(/twice|forbidden|53 bits|too many digits/);
          expect(pieces).toEqual(whole);
        } else {
          expect(whole.value).toEqual(expected);
          expect(pieces).toEqual(whole);
        }
      }),
    );
  });

  it('that is cut or changed anywhere is accepted only if JSON.parse accepts it', () => {
    const wrong: string[] = [];
    const base = '{"ops":[{"op":"get","key":"k\\"[{"},{"a":[1,-2.5e3,true,null]} , {}],"b":"]"}';
    for (let at = 0; at < base.length; at++) {
      for (const mark of ['', ',', '[', ']', '{', '}', '"', ':', '\\', '1', ' ']) {
        const text = base.slice(0, at) + mark + base.slice(at + 1);
        if (parse(text).ok && !isTaken(text)) wrong.push(text);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('with a long list gives the same in pieces', async () => {
    const value = 'x'.repeat(50_000);
    const ops = Array.from({ length: 40 }, (_, i) => ({ op: 'put', key: `é${i}`, value }));
    const text = JSON.stringify({ before: 1, ops, after: [1, [2]] });
    expect(await inPieces(text)).toEqual({ ok: true, value: JSON.parse(text) });
    expect(parse(text)).toEqual({ ok: true, value: JSON.parse(text) });
  });

  it.each([
    ['one comma too many at a cut', (long: string) => `{"ops":[${long},,${long}]}`],
    ['one comma too many at the end', (long: string) => `{"ops":[${long},${long},]}`],
    ['no comma at a cut', (long: string) => `{"ops":[${long},${long} ${long},${long}]}`],
    ['no name', (long: string) => `{[${long},${long}]}`],
    ['no comma behind', (long: string) => `{"ops":[${long},${long}] "x":1}`],
    ['another bracket', (long: string) => `{"ops":[${long},${long}}}`],
    ['no end', (long: string) => `{"ops":[${long},${long}`],
    ['more behind the end', (long: string) => `{"ops":[${long},${long}]}{}`],
  ])('with a long list that has %s is refused', async (_, textOf) => {
    const long = JSON.stringify('y'.repeat(200_000));
    expect((await inPieces(textOf(long))).ok).toBe(false);
  });

  it('may begin with a byte order mark', () => {
    expect(parse('\ufeff{"a":1}')).toEqual({ ok: true, value: { a: 1 } });
  });

  it.each([
    ['members of one object', `{"ops":[{${many((i) => `"m${i}":1`)}}]}`, 'more than 32 members'],
    ['values', `{"ops":[${many(() => '[]')}]}`, 'more than 32768 values'],
    ['commas', `{"ops":[${','.repeat(1_000_000)}]}`, 'more than 32768 values'],
    ['digits', `{"ops":[${'1'.repeat(1_000_000)}]}`, 'too many digits'],
    ['letters', `{"ops":[${'t'.repeat(1_000_000)}]}`, 'too many digits'],
    ['levels', '['.repeat(1_000_000), 'deeper than 32'],
    ['letters of a name', `{"${'a'.repeat(1_000_000)}":1}`, 'name that is too long'],
  ])('with a million %s is refused before it is parsed', (_, text, reason) => {
    expect(reasonOf(parse(text))).toContain(reason);
  });

  it('with a string longer than any escaped value is refused as too large', async () => {
    const json = await parseJsonInPieces(
      Buffer.from(`{"a":"${'\\u0041'.repeat(4000)}"}`),
      DEPTH,
      100,
    );
    expect(json).toMatchObject({ ok: false, isTooLarge: true });
  });

  it('of a thousand operations with all their fields is accepted', () => {
    const tags = Array.from({ length: 16 }, (_, i) => `t${i}`);
    const op = { op: 'put', key: 'k', value: '', contentType: 'a/b', ttl: '1s', ifMatch: '*' };
    const ops = Array.from({ length: 1000 }, () => ({ ...op, ifNoneMatch: '*', tags, weight: 1 }));
    expect(parse(JSON.stringify({ ops })).ok).toBe(true);
  });
});

function many(one: (i: number) => string): string {
  return Array.from({ length: 1_000_000 }, (_, i) => one(i)).join();
}

function isTaken(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
