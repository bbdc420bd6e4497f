// The checker of deletes that arrive before their writes, on short histories.

import { describe, expect, it } from 'vitest';
import { erased } from '../../checkers/erased.ts';
import type { Operation } from '../../checkers/operation.ts';

const at = (call_ns: number, node: string, ok: boolean | null = true) => ({
  process: 1,
  session: 's',
  node,
  ns: 'er',
  level: 'eventual' as const,
  key: 'k',
  call_ns,
  return_ns: call_ns + 5,
  ok,
});
const put: Operation = {
  ...at(0, 'a'),
  type: 'put',
  value: 'v',
  result: null,
  ver: 'a-1.1.1',
  w: 2,
};
const del = (more: object = {}): Operation => ({
  ...at(10, 'b'),
  type: 'delete',
  value: null,
  result: null,
  ver: 'b-1.1.1',
  w: 2,
  ...more,
});
const get = (result: string | null, more: object = {}): Operation => ({
  ...at(20, 'b'),
  type: 'get',
  value: null,
  result,
  ver: null,
  r: 2,
  ...more,
});
const judge = (history: readonly Operation[], startsNs: readonly number[] = []) =>
  erased(history, { namespaces: ['er'], quorum: 2, startsNs });

describe('a delete that runs ahead of its write', () => {
  it('has removed the value, or has failed', () => {
    expect(judge([put, del(), get(null)])).toMatchObject({
      verdict: 'valid',
      stats: { checked: 1 },
    });
    expect(judge([put, del(), get('v')])).toMatchObject({ stats: { survived: 1 } });
    expect(judge([put, del(), get('v')]).verdict).not.toBe('valid');
    expect(judge([put, del(), get('v', { r: 1, final: true })]).stats.survived).toBe(1);
  });

  it('keeps the value out of a quorum list, too', () => {
    const list = (r: number): Operation => ({
      ...at(20, 'b'),
      key: '',
      type: 'list',
      value: null,
      ver: null,
      result: [{ key: 'k', value: 'v', ver: 'a-1.1.1' }],
      reverse: false,
      more: false,
      after: '',
      r,
    });
    expect(judge([put, del(), list(2)]).stats.survived).toBe(1);
    expect(judge([put, del(), list(1)]).stats.survived).toBe(0);
  });

  it('is not judged if its reply named a newer version, nor by reads of fewer replicas or beside it', () => {
    const told = judge([put, del({ supersededBy: 'a-1.1.1' }), get('v')]);
    expect(told.stats).toMatchObject({ told: 1, survived: 0 });
    expect(judge([put, del(), get('v', { r: 1 })]).stats.checked).toBe(0);
    expect(judge([put, del(), get('v', { call_ns: 12 })]).stats.checked).toBe(0);
  });

  it('is not judged against writes with fewer copies, beside it, or after a restart', () => {
    expect(judge([{ ...put, w: 1 }, del(), get('v')]).stats.deletes).toBe(0);
    expect(judge([put, del({ w: 1 }), get('v')]).stats.deletes).toBe(0);
    expect(judge([put, del({ call_ns: 3 }), get('v')]).stats.deletes).toBe(0);
    expect(judge([put, del(), get('v')], [12]).stats.deletes).toBe(0);
  });
});
