// The checker of atomic batches, on short histories.

import { describe, expect, it } from 'vitest';
import { runSplit } from '../../checkers/run-split.ts';
import type { Operation } from '../../checkers/operation.ts';

const base = {
  process: 1,
  session: 's',
  node: '0',
  ns: 'ru',
  level: 'eventual' as const,
  call_ns: 0,
  return_ns: 5,
  ok: true as const,
};
const write = (run: string, key: string, value: string | null): Operation => ({
  ...base,
  type: value === null ? 'delete' : 'put',
  key,
  value,
  result: null,
  ver: null,
  run,
});
const scan = (shown: Record<string, string>, more: object = {}): Operation => ({
  ...base,
  type: 'list',
  key: '',
  value: null,
  ver: null,
  reverse: false,
  more: false,
  after: '',
  result: Object.entries(shown).map(([key, value]) => ({ key, value, ver: 'a-1.1.1' })),
  ...more,
});
const ONE = [write('1', 'a/0', '1a'), write('1', 'a/1', '1b'), write('1', 'a/2', '1c')];
const TWO = [write('2', 'a/0', '2a'), write('2', 'a/1', null), write('2', 'a/2', '2c')];
const judge = (...scans: Operation[]) =>
  runSplit([...ONE, ...TWO, ...scans], { namespaces: ['ru'], checked: 1 });

describe('an atomic batch', () => {
  it.each([
    [{ 'a/0': '1a', 'a/1': '1b', 'a/2': '1c' }],
    [{ 'a/0': '2a', 'a/2': '2c' }],
    [{ 'a/2': '2c', 'a/0': '2a' }],
  ])('that shows %j is whole', (shown) => {
    expect(judge(scan(shown))).toMatchObject({ verdict: 'valid', stats: { runs: 2, checked: 1 } });
  });

  it.each([
    [{ 'a/0': '1a', 'a/1': '1b' }],
    [{ 'a/0': '2a', 'a/1': '1b', 'a/2': '2c' }],
    [{ 'a/0': '2a', 'a/2': '1c' }],
    [{ 'a/0': 'of nobody', 'a/2': '2c' }],
  ])('that shows %j is split', (shown) => {
    expect(judge(scan(shown))).toMatchObject({ verdict: 'invalid', stats: { split: 1 } });
  });

  it('is not judged by lists of several replicas, by lists that were cut short, or by empty ones', () => {
    const part = { 'a/0': '1a' };
    const judged = judge(scan(part, { r: 2 }), scan(part, { more: true }), scan({}));
    expect(judged).toMatchObject({ verdict: 'vacuous', stats: { checked: 0 } });
  });
});
