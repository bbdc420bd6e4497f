import { describe, expect, it } from 'vitest';
import type { Operation } from '../../checkers/operation.ts';
import { overlap } from '../../checkers/overlap.ts';

const base = {
  process: 1,
  session: 's',
  node: '0',
  ns: 'ev',
  level: 'eventual',
  key: 'k',
  ok: true,
} as const;

/** The number of a version is also its time. */
const write = (type: 'put' | 'delete', n: number, from: number, to: number, w: number) =>
  ({
    ...base,
    type,
    value: type === 'put' ? `v${n}` : null,
    result: null,
    ver: `eu-1.1.${n}`,
    hlc: `${n}`.padStart(16, '0'),
    w,
    call_ns: from,
    return_ns: to,
  }) as Operation;

const get = (n: number | undefined, from: number, r = 1): Operation => ({
  ...base,
  type: 'get',
  value: null,
  result: n === undefined ? null : `v${n}`,
  ver: n === undefined ? null : `eu-1.1.${n}`,
  r,
  call_ns: from,
  return_ns: from + 1,
});

const judge = (...history: readonly Operation[]): string => {
  const { verdict, reason } = overlap(history, { replicas: 3, checked: 1 });
  return `${verdict} ${reason.split(':')[0]}`;
};

describe('a read of one replica after a write of all', () => {
  const older = write('put', 1, 0, 10, 3);
  const newer = write('put', 2, 20, 30, 3);

  it('shows it, or a newer version', () => {
    expect(judge(older, newer, get(2, 40))).toBe('valid ');
    expect(judge(older, newer, get(1, 40))).toBe('invalid behind');
    expect(judge(older, newer, get(undefined, 40))).toBe('invalid lacking');
  });

  it('may show an older version while the write is under way, or if fewer acknowledged it', () => {
    expect(judge(older, newer, get(1, 25))).toBe('valid ');
    expect(judge(older, write('put', 2, 20, 30, 2), get(1, 40))).toBe('valid ');
    expect(judge(older, write('put', 2, 20, 30, 2), get(1, 40, 2))).toBe('invalid behind');
  });

  it('shows nothing only if the key was deleted', () => {
    const deleted = write('delete', 3, 50, 60, 1);
    expect(judge(newer, deleted, get(undefined, 70))).toBe('valid ');
    expect(judge(newer, deleted, get(undefined, 40))).toBe('invalid lacking');
    expect(judge(newer, write('delete', 3, 50, 60, 3), get(2, 70))).toBe('invalid behind');
  });

  it('or a list, shows nothing that was deleted before', () => {
    const list = (n: number): Operation => ({
      ...base,
      key: '',
      type: 'list',
      value: null,
      ver: null,
      result: [{ key: 'k', value: `v${n}`, ver: `eu-1.1.${n}`, hlc: `${n}`.padStart(16, '0') }],
      reverse: false,
      more: false,
      after: '',
      r: 2,
      call_ns: 40,
      return_ns: 41,
    });
    const deleted = write('delete', 2, 20, 30, 2);
    expect(judge(older, deleted, list(1))).toBe('invalid behind');
    expect(judge(older, deleted, list(3))).toBe('valid ');
    expect(judge(older, write('delete', 2, 20, 30, 1), list(1))).toBe('valid ');
  });

  it('is not judged if there is no such write', () => {
    expect(judge(write('put', 1, 0, 10, 1), get(1, 20))).toBe('vacuous only 0 of 1 reads');
  });
});

describe('a replica that has heard no majority since its start', () => {
  const alone = { ...get(undefined, 20), alone: true } as Operation;

  it('is not judged, and another read is', () => {
    const put = write('put', 5, 1, 9, 3);
    expect(judge(put, alone, get(5, 30))).toBe('valid ');
    expect(judge(put, alone, get(undefined, 30))).toBe('invalid lacking');
  });
});
