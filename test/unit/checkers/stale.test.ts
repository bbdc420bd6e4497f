// The checker of stale replicas, on histories that keep the promise and on ones that break it.

import { describe, expect, it } from 'vitest';
import type { Operation } from '../../checkers/operation.ts';
import { type LagSample, stale } from '../../checkers/stale.ts';

const MS = 1e6;
const options = { boundsMs: { lt: 1000 }, returnMs: 2000, judged: 1 };

function read(atMs: number, changes: Partial<Operation> = {}): Operation {
  const who = { process: 1, session: 's', node: '2', ns: 'lt', level: 'eventual' } as const;
  const when = { call_ns: atMs * MS, return_ns: (atMs + 5) * MS };
  const what = { type: 'get', key: 'k', value: null, result: 'v', ver: null, ok: true } as const;
  return { ...who, ...when, ...what, ...changes } as Operation;
}

const refused = (atMs: number, reason = 'replica-stale'): Operation =>
  read(atMs, { ok: false, reason });

const heal = read(5000, { type: 'fault', value: 'heal', ns: '', node: '0' });

/** A lag that grows from the second second on, and ends after five. */
function lags(kept: readonly string[] = []): LagSample[] {
  return Array.from({ length: 200 }, (_, at) => {
    const atMs = at * 50;
    const lagMs = atMs < 1000 || atMs > 5000 ? 0 : atMs - 1000;
    return { atNs: atMs * MS, lagMs, kept };
  });
}

const judge = (history: readonly Operation[], log = lags()) => stale(history, { 2: log }, options);

describe('a legal history', () => {
  it('has reads within the bound, refusals beyond it, and reads again after the heal', () => {
    const history = [read(500), read(1900), refused(2500), heal, refused(6500), read(7500)];
    expect(judge(history)).toMatchObject({ verdict: 'valid', stats: { judged: 3, refused: 2 } });
  });

  it('may have reads beyond the bound in other namespaces, and where too few others would serve', () => {
    expect(judge([read(500), read(4000, { ns: 'ev' })]).verdict).toBe('valid');
    expect(judge([read(4000)], lags(['lt'])).verdict).toBe('vacuous');
  });

  it('may have reads that another replica answers, which are judged by its lag', () => {
    const log = { 1: lags().map((sample) => ({ ...sample, lagMs: 0 })), 2: lags() };
    const left = (atMs: number): Operation => read(atMs, { node: '1', asked: '2' });
    const history = [read(500), left(4000), heal, left(6500)];
    expect(stale(history, log, options)).toMatchObject({ verdict: 'valid', stats: { judged: 3 } });
    expect(stale([...history, left(7100)], log, options)).toMatchObject({
      anomalies: { 'no-return': 1 },
    });
    const swapped = { 1: lags(), 2: lags().map((sample) => ({ ...sample, lagMs: 0 })) };
    expect(stale(history, swapped, options).verdict).toBe('invalid');
  });

  it('may have failures for other reasons at any time', () => {
    expect(judge([read(500), heal, refused(9000, 'draining')]).verdict).toBe('valid');
  });

  it('counts what the replica learned while the read was under way', () => {
    const long = read(4900, { return_ns: 5200 * MS });
    expect(judge([long]).verdict).toBe('valid');
  });
});

describe('a history with an injected fault', () => {
  it('has a read that was answered beyond the bound', () => {
    const verdict = judge([read(500), read(2500)]);
    expect(verdict).toMatchObject({ verdict: 'invalid', anomalies: { 'served-stale': 1 } });
    expect(verdict.counterexample).toHaveLength(1);
    expect(judge([read(1990)]).verdict).toBe('valid');
    expect(judge([read(2051)]).verdict).toBe('invalid');
  });

  it('has a list that was answered beyond the bound', () => {
    const scan = { type: 'list', result: [], reverse: false, more: false, after: '' } as const;
    expect(judge([read(3000, scan as Partial<Operation>)]).verdict).toBe('invalid');
  });

  it('has a replica that does not return', () => {
    const verdict = judge([read(500), heal, refused(7100)]);
    expect(verdict).toMatchObject({ verdict: 'invalid', anomalies: { 'no-return': 1 } });
    expect(judge([read(500), heal, refused(7100, 'catching-up')]).verdict).toBe('invalid');
  });

  it('is vacuous without a log of the replica, or with reads outside of the log', () => {
    expect(judge([read(500, { node: '7' })]).verdict).toBe('vacuous');
    expect(judge([read(20_000)]).verdict).toBe('vacuous');
  });
});
