import { describe, expect, it } from 'vitest';
import type { Operation } from '../../checkers/operation.ts';
import { sessions } from '../../checkers/sessions.ts';
import { operationsOf } from '../../support/operations.ts';

const { get, put, del, list } = operationsOf({ ns: 'se' });

const judge = (...history: Operation[]) =>
  sessions(history, { namespaces: ['se'], mayLose: true, checked: 0 });
const kinds = (...history: Operation[]) => judge(...history).anomalies;

describe('a session', () => {
  it('may see its own writes and newer ones', () => {
    expect(kinds(put(0, 'a.1'), get(2, 'a.1'), get(4, 'b.2'), put(6, 'a.3'))).toEqual({});
  });

  it('must not read an older version than it has written or read', () => {
    expect(kinds(put(0, 'a.2'), get(2, 'b.1'))).toEqual({ back: 1 });
    expect(kinds(get(0, 'a.2'), get(2, 'b.1'))).toEqual({ back: 1 });
    expect(kinds(get(0, 'a.2'), list(2, [['k', 'b.1']]))).toEqual({ back: 1 });
  });

  it('must not find nothing where no delete is newer', () => {
    expect(kinds(put(0, 'a.2'), get(2, null))).toEqual({ vanished: 1 });
    expect(kinds(put(0, 'a.2'), list(2, [['other', 'b.1']]))).toEqual({ vanished: 1 });
    const foreign = { session: 'other' };
    expect(kinds(put(0, 'a.2'), del(1, 'b.1', foreign), get(2, null))).toEqual({ vanished: 1 });
    expect(kinds(put(0, 'a.2'), del(1, 'b.3', foreign), get(2, null))).toEqual({});
  });

  it('must not write below what it has read or written', () => {
    expect(kinds(get(0, 'b.2'), put(2, 'a.1'))).toEqual({ overtaken: 1 });
    expect(kinds(del(0, 'b.2'), put(2, 'a.1'))).toEqual({ overtaken: 1 });
  });

  it('begins again where what it had seen is lost, which only a disk that forgets explains', () => {
    const lost = get(2, null, { ok: false, reason: 'history-lost' });
    expect(kinds(put(0, 'a.2'), lost, get(4, 'b.1'))).toEqual({});
    const demand = { namespaces: ['se'], mayLose: false, checked: 0 };
    expect(sessions([put(0, 'a.2'), lost], demand).anomalies).toEqual({ lost: 1 });
  });

  it('is judged alone, and only where tokens are sent, and only by what succeeded', () => {
    expect(kinds(get(0, 'a.2'), get(2, 'b.1', { session: 'other' }))).toEqual({});
    expect(kinds(get(0, 'a.2', { ns: 'ev' }), get(2, 'b.1', { ns: 'ev' }))).toEqual({});
    expect(kinds(put(0, 'a.2', { ok: null }), get(2, 'b.1'))).toEqual({});
    expect(kinds(get(0, 'a.2'), get(2, 'b.1', { final: true }))).toEqual({});
  });
});

it('a run in which no session came back to a key is vacuous', () => {
  const history = [put(0, 'a.1'), get(2, 'c.1', { key: 'other' })];
  expect(sessions(history, { namespaces: ['se'], mayLose: true, checked: 1 }).verdict).toBe(
    'vacuous',
  );
  expect(judge(...history).stats).toEqual({ checked: 0 });
});
