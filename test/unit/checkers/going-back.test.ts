import { describe, expect, it } from 'vitest';
import { goingBack } from '../../checkers/going-back.ts';
import type { Operation } from '../../checkers/operation.ts';

const base = {
  process: 1,
  session: 's',
  node: 'eu-1',
  ns: 'ev',
  level: 'eventual',
  key: 'k',
  ok: true,
} as const;

const get = (ver: string | null, from: number, to: number, r = 2): Operation => ({
  ...base,
  type: 'get',
  value: null,
  result: ver,
  ver,
  r,
  call_ns: from,
  return_ns: to,
  ...(ver === null ? {} : { hlc: ver.slice(-1).padStart(16, '0') }),
});

const del = (ver: string, from: number, to: number): Operation => ({
  ...base,
  type: 'delete',
  value: null,
  result: null,
  ver,
  call_ns: from,
  return_ns: to,
  hlc: ver.slice(-1).padStart(16, '0'),
});

const judge = (history: readonly Operation[]): string =>
  goingBack(history, { replicas: 3, checked: 0 }).verdict;

describe('two quorum reads one after the other', () => {
  it('may show the same or a newer version', () => {
    expect(judge([get('a.1', 0, 1), get('a.1', 2, 3), get('b.2', 4, 5)])).toBe('valid');
  });

  it('must not show an older version', () => {
    expect(judge([get('b.2', 0, 1), get('a.1', 2, 3)])).toBe('invalid');
  });

  it('may show an older version if they overlap, or if one asks too few replicas', () => {
    expect(judge([get('b.2', 0, 3), get('a.1', 2, 5)])).toBe('valid');
    expect(judge([get('b.2', 0, 1, 1), get('a.1', 2, 5)])).toBe('valid');
  });

  it('must not find nothing if no client can have deleted the value', () => {
    expect(judge([get('b.2', 0, 1), get(null, 2, 3)])).toBe('invalid');
    expect(judge([get('b.2', 0, 1), del('a.1', 0, 1), get(null, 2, 3)])).toBe('invalid');
    expect(judge([get('b.2', 0, 1), del('a.3', 0, 1), get(null, 2, 3)])).toBe('valid');
  });

  it('prove nothing if none was compared with another', () => {
    expect(goingBack([get('b.2', 0, 1)], { replicas: 3, checked: 1 }).verdict).toBe('vacuous');
  });
});
