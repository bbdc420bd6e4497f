// The checker of deletes of a range, on short histories.

import { describe, expect, it } from 'vitest';
import type { Operation } from '../../checkers/operation.ts';
import { rangeDelete } from '../../checkers/range-delete.ts';

const at = (call_ns: number, ok: boolean | null = true) => ({
  process: 1,
  session: 's',
  node: 'a',
  ns: 'ra',
  level: 'eventual' as const,
  key: 'k',
  call_ns,
  return_ns: call_ns + 5,
  ok,
});
const version = (n: number) => ({ ver: `a-1.1.${n}`, hlc: `${n}`.padStart(16, '0') });

const put = (n: number, call_ns: number, more: object = {}): Operation => ({
  ...at(call_ns),
  ...version(n),
  type: 'put',
  value: `v${n}`,
  result: null,
  w: 2,
  ...more,
});
const del = (removes: number, call_ns: number, more: object = {}): Operation => ({
  ...at(call_ns),
  type: 'delete',
  value: null,
  result: null,
  ver: 'b-1.1.1',
  hlc: `${removes}`.padStart(15, '0').concat('5'),
  w: 2,
  removes: `a-1.1.${removes}`,
  ...more,
});
const list = (n: number | undefined, call_ns: number, more: object = {}): Operation => ({
  ...at(call_ns),
  key: '',
  type: 'list',
  value: null,
  ver: null,
  result: n === undefined ? [] : [{ key: 'k', value: `v${n}`, ...version(n) }],
  reverse: false,
  more: false,
  after: '',
  r: 2,
  ...more,
});
const judge = (...history: readonly Operation[]) =>
  rangeDelete(history, { namespaces: ['ra'], quorum: 2, checked: 1 });

describe('a delete of a range', () => {
  it('removes the version that it saw, and older ones', () => {
    expect(judge(put(1, 0), del(1, 10), list(undefined, 20)).verdict).toBe('valid');
    expect(judge(put(1, 0), del(1, 10), list(1, 20)).stats.survived).toBe(1);
    expect(judge(put(1, 0), put(2, 5), del(2, 10), list(1, 20)).stats.survived).toBe(1);
    const final = { r: 1, final: true };
    expect(judge(put(1, 0), del(1, 10), list(1, 20, final)).stats.survived).toBe(1);
  });

  it('leaves newer versions', () => {
    expect(judge(put(1, 0), put(2, 5), del(1, 20), list(2, 30)).verdict).toBe('valid');
    expect(judge(put(1, 0), put(2, 5), del(1, 20), list(undefined, 30)).stats.overreached).toBe(1);
    const removesAll = del(1, 20, { removes: undefined });
    expect(judge(put(1, 0), put(2, 5), removesAll, list(undefined, 30)).stats.overreached).toBe(0);
  });

  it('is not judged by reads of fewer replicas, beside it, or of another page, nor if fewer acknowledged', () => {
    for (const read of [list(1, 20, { r: 1 }), list(1, 12)])
      expect(judge(put(1, 0), del(1, 10), read).stats.survived).toBe(0);
    expect(judge(put(1, 0), del(1, 10, { w: 1 }), list(1, 20)).stats.survived).toBe(0);
    expect(judge(put(1, 0), del(1, 10, { ok: null }), list(1, 20)).stats.survived).toBe(0);
    const page = list(undefined, 30, { more: true });
    expect(judge(put(1, 0), put(2, 5), del(1, 20), page).stats.overreached).toBe(0);
    const fewer = put(2, 5, { w: 1 });
    expect(judge(put(1, 0), fewer, del(1, 20), list(undefined, 30)).stats.overreached).toBe(0);
  });

  it('is not judged if no delete happened', () => {
    expect(judge(put(1, 0), list(1, 20)).verdict).toBe('vacuous');
  });
});
