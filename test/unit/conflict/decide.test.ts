import { describe, expect, it } from 'vitest';
import {
  decide,
  type Decision,
  faultOfItem,
  type KeyState,
  type Decidable,
  refused,
} from '../../../src/conflict/decide.ts';
import type { Condition } from '../../../src/model/command.ts';
import { formatDot } from '../../../src/model/id.ts';
import { type Mutation, type Record, recordOf } from '../../../src/model/record.ts';
import { mutation, origin } from '../../support/build.ts';

const WALL_MS = 1000;
const A = origin('a.1');

const recordWith = (fields: Partial<Mutation> = {}): Record =>
  recordOf(mutation({ origin: A, seq: 3, hlc: 5 * 1024, ...fields }));
const holding = (fields: Partial<Mutation> = {}): KeyState => {
  return { record: recordWith(fields), damaged: false };
};
const NOTHING: KeyState = { record: undefined, damaged: false };
const DAMAGED: KeyState = { record: undefined, damaged: true };
const DELETED = holding({ operation: 'delete' });
const EXPIRED = holding({ expiresAtMs: WALL_MS });

const on = (state: KeyState, decidable: Partial<Decidable> = {}): Decision =>
  decide({ conditions: [], ...decidable }, state, WALL_MS);
const when = (condition: Condition, state: KeyState): string => {
  const decision = on(state, { conditions: [condition] });
  return decision.kind === 'accepted' ? 'accepted' : decision.code;
};

const isThere = { kind: 'match-any' } as const;
const isAbsent = { kind: 'absent' } as const;
const VERSION = formatDot(A, 3);
const isThis = { kind: 'match', versions: [VERSION, 'another'] } as const;
const isOther = { kind: 'none-match', versions: [VERSION] } as const;

describe('a write without conditions', () => {
  it.each([
    ['a value', holding()],
    ['nothing', NOTHING],
    ['a delete', DELETED],
    ['what cannot be read', DAMAGED],
  ])('is accepted over %s', (_, state) => {
    expect(on(state).kind).toBe('accepted');
  });

  it('names the value that readers saw until then, and no other', () => {
    const state = holding();
    expect(on(state)).toEqual({ kind: 'accepted', live: state.record });
    for (const other of [NOTHING, DELETED, EXPIRED, DAMAGED])
      expect(on(other)).toEqual({ kind: 'accepted', live: undefined });
  });
});

describe('a condition', () => {
  it.each([
    ['that there is a value', isThere, [true, false, false, false]],
    ['that there is none', isAbsent, [false, true, true, true]],
    ['on the version that is there', isThis, [true, false, false, false]],
    ['against the version that is there', isOther, [false, true, true, true]],
  ])('%s is compared with what readers see', (_, condition, isMet) => {
    const outcomes = [holding(), NOTHING, DELETED, EXPIRED].map((state) => when(condition, state));
    expect(outcomes).toEqual(isMet.map((met) => (met ? 'accepted' : 'precondition-failed')));
  });

  it('on the time of the last change holds to the second', () => {
    const state = holding({ hlc: 7900 * 1024 });
    expect(when({ kind: 'unmodified-since', dateMs: 7000 }, state)).toBe('accepted');
    expect(when({ kind: 'unmodified-since', dateMs: 6000 }, state)).toBe('precondition-failed');
  });

  it('that is one of several and does not hold refuses the write, with what the key holds', () => {
    expect(on(holding(), { conditions: [isThere, isOther] })).toEqual(
      refused('precondition-failed', `the key holds version ${VERSION}`, [{ origin: A, seq: 3 }]),
    );
    expect(on(DELETED, { conditions: [isAbsent, isThere] })).toEqual(
      refused('precondition-failed', 'the key holds no value', [{ origin: A, seq: 3 }]),
    );
    expect(on(NOTHING, { conditions: [isThere] })).toEqual(
      refused('precondition-failed', 'the key holds no value'),
    );
  });

  it('never holds for a record that cannot be read', () => {
    expect(when(isAbsent, DAMAGED)).toBe('record-corrupt');
    expect(when(isOther, DAMAGED)).toBe('record-corrupt');
  });
});

describe('a delete of one version', () => {
  const removes = { origin: A, seq: 3, hlc: 5 * 1024 };

  it.each([
    ['is accepted where that is there', holding(), 'accepted'],
    ['is accepted where an older one is there', holding({ seq: 2, hlc: 4 * 1024 }), 'accepted'],
    ['is accepted where nothing is there', NOTHING, 'accepted'],
    ['leaves a newer value', holding({ seq: 4, hlc: 6 * 1024 }), 'precondition-failed'],
    ['leaves a newer delete', holding({ seq: 4, operation: 'delete' }), 'precondition-failed'],
    ['is refused where something cannot be read', DAMAGED, 'record-corrupt'],
  ])('%s', (_, state, expected) => {
    const decision = on(state, { removes });
    expect(decision.kind === 'accepted' ? decision.kind : decision.code).toBe(expected);
  });
});

it('a delete that returns the old value is refused if that cannot be read', () => {
  expect(on(DAMAGED, { returnsOld: true })).toMatchObject({ code: 'record-corrupt' });
  expect(on(holding(), { returnsOld: true })).toMatchObject({ kind: 'accepted' });
});

it('a run that is refused names the item, and says that nothing was written', () => {
  const refusal = refused('precondition-failed', 'the key holds no value');
  expect(faultOfItem(2, refusal)).toEqual({
    code: 'precondition-failed',
    detail: 'operation 2: the key holds no value; nothing was written',
    item: 2,
    seen: [],
  });
});
