import { describe, expect, it } from 'vitest';
import { causal } from '../../checkers/causal.ts';
import type { Operation } from '../../checkers/operation.ts';
import { operationsOf } from '../../support/operations.ts';

const causally = operationsOf({ ns: 'ca', level: 'causal' });

const get = (session: string, at: number, key: string, ver: string | null): Operation =>
  causally.get(at, ver, { session, key });
const put = (
  session: string,
  at: number,
  key: string,
  ver: string,
  more: Partial<Operation> = {},
): Operation => causally.put(at, ver, { session, key, ...more });
const del = (session: string, at: number, key: string, ver: string): Operation =>
  causally.del(at, ver, { session, key });
const list = (session: string, at: number, shown: { readonly [key: string]: string }): Operation =>
  causally.list(at, Object.entries(shown), { session });

const judge = (history: readonly Operation[], checked = 0) =>
  causal(history, {
    scopeOf: (ns) => (ns === 'ev' ? undefined : ns),
    withoutToken: ['onlooker'],
    checked,
  });
const found = (...history: readonly Operation[]) => {
  const { verdict, reason } = judge(history);
  return verdict === 'valid' ? 'valid' : reason.split(':')[0];
};

/** One session writes x and then y. */
const CHAIN = [put('a', 1, 'x', 'a.1.1'), put('a', 3, 'y', 'a.1.2')];

describe('who sees an effect', () => {
  it('sees its cause, or what is newer', () => {
    expect(found(...CHAIN, get('b', 5, 'y', 'a.1.2'), get('b', 7, 'x', 'a.1.1'))).toBe('valid');
    const newer = put('c', 4, 'x', 'c.1.9');
    expect(found(...CHAIN, newer, get('b', 6, 'y', 'a.1.2'), get('b', 8, 'x', 'c.1.9'))).toBe(
      'valid',
    );
  });

  it('must not miss its cause', () => {
    expect(found(...CHAIN, get('b', 5, 'y', 'a.1.2'), get('b', 7, 'x', null))).toBe('missing');
    const older = put('c', 0, 'x', 'c.1.0');
    expect(found(older, ...CHAIN, get('b', 5, 'y', 'a.1.2'), get('b', 7, 'x', 'c.1.0'))).toBe(
      'missing',
    );
  });

  it('must not miss the cause of its cause', () => {
    const effect = [get('b', 5, 'y', 'a.1.2'), put('b', 7, 'z', 'b.1.3')];
    const reads = [get('c', 9, 'z', 'b.1.3'), get('c', 11, 'x', null)];
    expect(found(...CHAIN, ...effect, ...reads)).toBe('missing');
  });

  it('may find it deleted', () => {
    const deleted = del('d', 4, 'x', 'd.1.5');
    expect(found(...CHAIN, deleted, get('b', 6, 'y', 'a.1.2'), get('b', 8, 'x', null))).toBe(
      'valid',
    );
  });

  it('may have seen the old value before', () => {
    expect(found(...CHAIN, get('b', 5, 'x', null), get('b', 7, 'y', 'a.1.2'))).toBe('valid');
  });
});

describe('one list', () => {
  it('shows causes with their effects, whoever asks', () => {
    expect(found(...CHAIN, list('onlooker', 5, { y: 'a.1.2' }))).toBe('missing');
    expect(found(...CHAIN, list('onlooker', 5, { x: 'a.1.1', y: 'a.1.2' }))).toBe('valid');
    expect(found(...CHAIN, list('onlooker', 5, { x: 'a.1.1' }))).toBe('valid');
  });

  it('says nothing to the next request of a client without a token', () => {
    const lists = [list('onlooker', 5, { x: 'a.1.1', y: 'a.1.2' }), list('onlooker', 7, {})];
    expect(found(...CHAIN, ...lists)).toBe('valid');
  });
});

it('a write is newer than what is in its past', () => {
  expect(found(...CHAIN, get('b', 5, 'y', 'a.1.2'), put('b', 7, 'x', 'b.1.0'))).toBe('cyclic');
  expect(found(...CHAIN, get('b', 5, 'y', 'a.1.2'), put('b', 7, 'x', 'b.1.3'))).toBe('valid');
});

it('a value has a write', () => {
  expect(found(get('b', 5, 'y', 'a.1.2'))).toBe('thin-air');
});

it('another scope, and another level, is not asked for', () => {
  const other = (ns: string) => put('a', 1, 'x', 'a.1.1', { ns });
  for (const ns of ['cb', 'ev']) {
    const reads = [get('b', 5, 'y', 'a.1.2'), { ...get('b', 7, 'x', null), ns } as Operation];
    expect(found(other(ns), put('a', 3, 'y', 'a.1.2'), ...reads)).toBe('valid');
  }
});

it('a session that was refused because of a loss begins again', () => {
  const lost = { ...get('b', 7, 'x', null), ok: false, reason: 'history-lost' } as Operation;
  expect(found(...CHAIN, get('b', 5, 'y', 'a.1.2'), lost, get('b', 9, 'x', null))).toBe('valid');
});

it('too few looks say nothing', () => {
  expect(judge(CHAIN, 1)).toMatchObject({ verdict: 'vacuous' });
});
