// One write that was sent to two replicas under one key, and that has two known versions.

import { describe, expect, it } from 'vitest';
import type { Operation } from '../../checkers/operation.ts';
import { outcome, type WereApart } from '../../checkers/outcome.ts';

const put = (ver: string | null, from: number, to: number, ok: true | null = true): Operation => ({
  process: from,
  session: 's',
  node: '0',
  ns: 'ev',
  level: 'eventual',
  key: 'k',
  type: 'put',
  value: 'one',
  idem: 'order-7',
  result: null,
  ver,
  ok,
  call_ns: from,
  return_ns: to,
});

const get = (ver: string, from: number, to: number): Operation => ({
  process: from,
  session: 't',
  node: '2',
  ns: 'ev',
  level: 'eventual',
  key: 'k',
  type: 'get',
  value: null,
  result: 'one',
  ver,
  ok: true,
  call_ns: from,
  return_ns: to,
});

const judge = (history: readonly Operation[], wereApart?: WereApart): string =>
  outcome(history, wereApart === undefined ? {} : { wereApart }).reason;
const always: WereApart = () => true;

describe('two versions of one write', () => {
  const twoTold = [put('us-1.1.1', 10, 30), put('ap-1.1.1', 20, 50)];
  const oneSeen = [put('us-1.1.1', 10, 30), put(null, 20, 50, null), get('ap-1.1.1', 60, 70)];

  it.each([
    ['told', twoTold],
    ['seen, although an attempt ended without an answer', oneSeen],
  ])('that were %s are an anomaly if their replicas could reach each other', (_, history) => {
    expect(judge(history)).toContain('applied-twice');
    expect(judge(history, () => false)).toContain('applied-twice');
    expect(judge(history, always)).toBe('');
  });

  it('are allowed only for a cut between the first attempt and the last', () => {
    const asked: unknown[] = [];
    judge(twoTold, (...window) => asked.push(window) > 0);
    expect(asked).toEqual([['us-1', 'ap-1', 10, 50]]);
  });

  it('at one replica are always an anomaly', () => {
    expect(judge([put('us-1.1.1', 10, 30), put('us-1.1.2', 20, 50)], always)).toContain(
      'applied-twice',
    );
  });
});
