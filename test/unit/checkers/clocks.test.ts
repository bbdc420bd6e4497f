import { describe, expect, it } from 'vitest';
import { clocks } from '../../checkers/clocks.ts';
import type { Operation, Write } from '../../checkers/operation.ts';

const MS = 1e6;
const demand = {
  replicas: 3,
  driftMs: 500,
  calmFromMs: undefined,
  provesLate: false,
  isWrong: () => false,
  patienceMs: 1500,
};

/** A write that takes 10 ms. */
const put = (atMs: number, hlc: string, fields: Partial<Write> = {}): Operation => ({
  process: 1,
  session: 's',
  node: '0',
  ns: 'ev',
  level: 'eventual',
  key: 'k',
  type: 'put',
  value: `v${atMs}`,
  call_ns: atMs * MS,
  return_ns: (atMs + 10) * MS,
  ok: true,
  result: null,
  ver: `eu-1.1.${atMs}`,
  hlc,
  w: 2,
  ...fields,
});

describe('a write of a majority', () => {
  it('that loses to an earlier completed write is an anomaly beyond the difference of the clocks', () => {
    const lost = [put(0, '2'), put(1000, '1')];
    expect(clocks(lost, demand)).toMatchObject({ verdict: 'invalid', stats: { compared: 1 } });
    expect(clocks([put(0, '2'), put(400, '1')], demand)).toMatchObject({ verdict: 'valid' });
    expect(clocks([put(0, '1'), put(1000, '2')], demand)).toMatchObject({
      verdict: 'valid',
      stats: { compared: 1 },
    });
  });

  it('is not judged against a write without a majority, an earlier answer, or another key', () => {
    for (const other of [{ w: 1 }, { idem: 'i' }, { key: 'other' }, { ok: null }])
      expect(clocks([put(0, '2', other), put(1000, '1')], demand).stats.compared).toBe(0);
  });
});

describe('a run in which only clocks are wrong', () => {
  /** The clock of replica 1 is wrong in the first second. */
  const isWrong = (node: string, fromMs: number): boolean => node === '1' && fromMs < 1000;
  const calm = { ...demand, calmFromMs: 500, isWrong };
  const refused = (reason: string, fields: Partial<Write> = {}): Operation =>
    put(1000, '1', { ok: false, ver: null, reason, ...fields });

  it('has no refusal at a healthy replica, and at a wrong one only refused writes while it is wrong', () => {
    expect(clocks([refused('clock-drift')], calm).verdict).toBe('invalid');
    expect(clocks([refused('clock-drift', { node: '1' })], calm).verdict).toBe('valid');
    const later = { node: '1', call_ns: 2500 * MS, return_ns: 2500 * MS };
    expect(clocks([refused('clock-drift', later)], calm).verdict).toBe('invalid');
    expect(clocks([refused('replica-stale', { node: '1' })], calm).verdict).toBe('invalid');
    expect(clocks([refused('precondition-failed')], calm).verdict).toBe('valid');
    expect(clocks([refused('catching-up', { call_ns: 0 })], calm).verdict).toBe('valid');
    for (const [ms, verdict] of [
      [232, 'valid'],
      [1500, 'invalid'],
    ] as const)
      for (const reason of ['timeout', 'outcome-unknown', 'idempotency-in-flight'])
        expect(clocks([refused(reason, { timeout_ns: ms * MS })], calm).verdict).toBe(verdict);
    expect(clocks([refused('timeout')], calm).verdict).toBe('invalid');
    expect(clocks([refused('bound-unmet')], calm).verdict).toBe('invalid');
    expect(clocks([refused('bound-unmet')], { ...calm, provesLate: true }).verdict).toBe('valid');
  });
});
