import { describe, expect, it } from 'vitest';
import { createPrng, type Prng } from '../../../src/base/prng.ts';
import { linearizable } from '../../checkers/linearizable.ts';
import type { Operation } from '../../checkers/operation.ts';
import { wellFormed } from '../../checkers/well-formed.ts';
import { atomicHistory } from './atomic.ts';
import * as inject from './atomic-anomalies.ts';
import { enumerate, type Form, type Scope } from './enumeration.ts';
import { linearizableTwin } from './twin.ts';

const HISTORIES = 1500;
const INJECTIONS = 200;
/** Each enumeration takes a second or two on an idle machine. */
const SLOW_MS = 60_000;
const histories = Array.from({ length: HISTORIES }, (_, seed) => atomicHistory(createPrng(seed)));
const check = (history: readonly Operation[]) => linearizable(history, { operations: 0 });

// The forms of operations: an acknowledgement ends with `!`, an unknown outcome with `?`.
const at = {
  session: 's',
  process: 0,
  node: 'eu-1',
  ns: 'bank',
  level: 'strict',
  ver: null,
} as const;
const base = (key: string) => ({ ...at, key, call_ns: 0, return_ns: 0, result: null });
const get = (key: string, result: string | null): Form => ({
  ...base(key),
  ok: true,
  type: 'get',
  value: null,
  result,
});
const put = (key: string, value: string, ok: true | null = true): Form => ({
  ...base(key),
  ok,
  type: 'put',
  value,
});
const cas = (key: string, expected: string | null, value: string, ok: true | null = true) =>
  ({ ...put(key, value, ok), expected }) as Form;
const del = (key: string, ok: true | null = true): Form => ({
  ...base(key),
  ok,
  type: 'delete',
  value: null,
});

const plain = [get('x', null), get('x', 'a'), put('x', 'a'), del('x')];
const unknown = [put('x', 'a', null), del('x', null)];
const second = [get('x', 'b'), put('x', 'b')];
const compared = [cas('x', null, 'a'), cas('x', 'a', 'b'), cas('x', 'b', 'a', null)];
const elsewhere = [get('y', null), get('y', 'a'), put('y', 'a'), put('y', 'b', null)];

/** 357,009 histories in all, as many as run in about five seconds. */
const scopes: readonly (Scope & { readonly name: string; readonly count: number })[] = [
  {
    name: 'three of every form',
    forms: [...plain, ...unknown, ...second, ...compared, ...elsewhere],
    operations: 3,
    processes: 3,
    count: 7_745,
  },
  {
    name: 'four on one key',
    forms: [...plain, ...unknown, ...second, ...compared],
    operations: 4,
    processes: 3,
    count: 76_274,
  },
  {
    name: 'five with unknown outcomes',
    forms: [...plain, ...unknown],
    operations: 5,
    processes: 3,
    count: 102_254,
  },
  {
    name: 'five on two keys',
    forms: [get('x', 'a'), put('x', 'a'), ...elsewhere.slice(0, 3)],
    operations: 5,
    processes: 3,
    count: 126_330,
  },
  {
    name: 'six by two processes',
    forms: plain.slice(0, 3),
    operations: 6,
    processes: 2,
    count: 44_406,
  },
];

describe('linearizable', () => {
  it(`accepts ${HISTORIES} legal histories`, () => {
    const sums = { unknown: 0, operations: 0 };
    histories.forEach((history, seed) => {
      expect(wellFormed(history).reason, `seed ${seed}`).toBe('');
      const { verdict, reason, stats } = check(history);
      expect(`${verdict} ${reason}`, `seed ${seed}`).toBe('valid ');
      sums.unknown += stats.unknown;
      sums.operations += stats.operations;
    });
    expect(sums.operations).toBeGreaterThan(HISTORIES * 20);
    expect(sums.unknown).toBeGreaterThan(HISTORIES / 2);
  });

  it.each(Object.entries(inject))(`rejects ${INJECTIONS} histories: %s`, (_name, injector) => {
    let injected = 0;
    for (let seed = 0; seed < HISTORIES && injected < INJECTIONS; seed++) {
      const history = injector(histories[seed] ?? [], createPrng(seed));
      if (history === undefined) continue;
      injected++;
      const { verdict, reason, counterexample } = check(history);
      expect(`${verdict} ${reason}`, `seed ${seed}`).toContain('invalid unplaced');
      expect(counterexample.length).toBeGreaterThan(0);
      expect(counterexample.length).toBeLessThanOrEqual(10);
    }
    expect(injected).toBe(INJECTIONS);
  });
});

describe('linearizable and its plain twin', () => {
  it.each(scopes)(
    'agree on every history: $name',
    ({ count, ...scope }) => {
      const sums = { valid: 0, invalid: 0 };
      const made = enumerate(scope, (history) => {
        const expected = linearizableTwin(history) ? 'valid' : 'invalid';
        const { verdict } = check(history);
        sums[expected]++;
        if (verdict !== expected) throw new Error(`${verdict}: ${JSON.stringify(history)}`);
      });
      expect(made).toBe(count);
      expect(sums.valid).toBeGreaterThan(count / 10);
      expect(sums.invalid).toBeGreaterThan(count / 10);
    },
    SLOW_MS,
  );

  it(`agree on ${HISTORIES} short histories at random, legal and not`, () => {
    const sums = { valid: 0, invalid: 0 };
    for (let seed = 0; seed < HISTORIES; seed++) {
      const history = someHistory(createPrng(seed));
      const expected = linearizableTwin(history) ? 'valid' : 'invalid';
      expect(check(history).verdict, `seed ${seed}`).toBe(expected);
      sums[expected]++;
    }
    expect(sums.valid).toBeGreaterThan(HISTORIES / 5);
    expect(sums.invalid).toBeGreaterThan(HISTORIES / 5);
  });
});

/** A legal history of nine operations, in which up to two reads return something else. */
function someHistory(prng: Prng): readonly Operation[] {
  const history = atomicHistory(prng, 9);
  for (let count = prng.below(3); count > 0; count--) {
    const index = prng.below(history.length);
    const each = history[index] as Operation;
    const other = history[prng.below(history.length)] as Operation;
    const result = other.type === 'get' ? other.result : other.type === 'put' ? other.value : null;
    if (each.type === 'get') history[index] = { ...each, result };
  }
  return history;
}

describe('linearizable', () => {
  const history = histories[3] as readonly Operation[];

  it('is vacuous beyond its bound of configurations', () => {
    const { verdict, reason } = linearizable(history, { operations: 0, configurationsMax: 5 });
    expect(`${verdict}: ${reason}`).toBe('vacuous: more than 5 configurations');
  });

  it('is vacuous if there was little to place, or nothing strict', () => {
    expect(linearizable(history, { operations: 1000 }).verdict).toBe('vacuous');
    expect(linearizable(history, { operations: 1, ok: { put: 1000 } }).verdict).toBe('vacuous');
    const weak = history.map((each): Operation => ({ ...each, level: 'eventual' }));
    expect(linearizable(weak, { operations: 1 }).reason).toBe('only 0 of 1 operations');
  });

  it('places attempts under one idempotency key once', () => {
    const first = { ...put('x', 'a', null), idem: 'i', call_ns: 0, return_ns: 10 } as Operation;
    const again = { ...put('x', 'a'), idem: 'i', call_ns: 20, return_ns: 30 } as Operation;
    const middle = { ...put('x', 'b'), call_ns: 12, return_ns: 14 } as Operation;
    const last = { ...get('x', 'b'), call_ns: 40, return_ns: 50 } as Operation;
    expect(check([first, middle, again, last]).verdict).toBe('valid');
    const late = { ...middle, call_ns: 32, return_ns: 34 };
    const after = { ...get('x', 'a'), call_ns: 40, return_ns: 50 } as Operation;
    expect(check([first, again, late, after]).verdict).toBe('invalid');
  });

  it('names the fewest operations that show the anomaly', () => {
    const steps = [put('x', 'a'), put('x', 'b'), get('x', 'b'), put('y', 'c'), get('x', 'a')];
    const timed = steps.map((each, n) => ({ ...each, call_ns: 10 * n, return_ns: 10 * n + 5 }));
    const { counterexample, reason } = check(timed);
    expect(reason).toBe('unplaced: a get of bank/x at eu-1 that returned a fits in no order');
    expect(counterexample).toEqual([timed[0], timed[2], timed[4]]);
  });
});
