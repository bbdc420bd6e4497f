import { beforeEach, describe, expect, it } from 'vitest';
import { type Mutation, recordOf } from '../../../src/model/record.ts';
import { Census } from '../../../src/store/census.ts';
import { seal, unseal } from '../../../src/store/envelope.ts';
import { bytes, mutation, namespace } from '../../support/build.ts';

const [NS, NT] = [namespace('ns'), namespace('nt')];

let census: Census;

beforeEach(() => {
  census = new Census();
});

const entry = (fields: Partial<Mutation> = {}): Mutation => mutation({ namespace: NS, ...fields });
const value = entry();
const longer = entry({ value: bytes('a longer value') });
const deleted = entry({ operation: 'delete' });
const change = (before?: Mutation, after?: Mutation): void =>
  census.change(before && recordOf(before), after && recordOf(after));
const counted = (of = census): object => Object.fromEntries(of.entries());

describe('the count of a namespace', () => {
  it('has its values, its tombstones, and the bytes of both', () => {
    change(undefined, value);
    change(undefined, deleted);
    change(undefined, entry({ namespace: NT }));
    expect(counted()).toEqual({
      ns: { keys: 1, tombstones: 1, bytes: value.bytes.length + deleted.bytes.length },
      nt: { keys: 1, tombstones: 0, bytes: value.bytes.length },
    });
  });

  it('follows each replacement', () => {
    change(undefined, value);
    change(value, longer);
    expect(counted()).toEqual({ ns: { keys: 1, tombstones: 0, bytes: longer.bytes.length } });
    change(longer, deleted);
    expect(counted()).toEqual({ ns: { keys: 0, tombstones: 1, bytes: deleted.bytes.length } });
    change(deleted, undefined);
    expect(counted()).toEqual({});
  });

  it('is kept for each namespace', () => {
    const other = entry({ namespace: NT });
    for (let n = 0; n < 3; n++) {
      change(undefined, value);
      change(undefined, other);
    }
    change(other, undefined);
    expect(counted()).toMatchObject({ ns: { keys: 3 }, nt: { keys: 2 } });
  });
});

describe('a stored census', () => {
  const restored = (sealed: Uint8Array | undefined): Census | undefined => {
    const reader = sealed === undefined ? undefined : unseal(sealed);
    return reader === undefined ? undefined : Census.restore(reader);
  };

  it('is written if it has changed, and not again', () => {
    change(undefined, value);
    expect(census.seal()).toBeDefined();
    expect(census.seal()).toBeUndefined();
    change(undefined, deleted);
    expect(census.seal()).toBeDefined();
  });

  it('is read as it was written, and then counts as stored', () => {
    change(undefined, value);
    change(undefined, entry({ namespace: NT, operation: 'delete' }));
    const again = restored(census.seal());
    expect(again && counted(again)).toEqual(counted());
    expect(again?.seal()).toBeUndefined();
  });

  it('is never negative, even if more was removed than it knew', () => {
    change(value, undefined);
    change(undefined, deleted);
    const again = restored(census.seal());
    expect(again && counted(again)).toEqual({ ns: { keys: 0, tombstones: 1, bytes: 0 } });
  });

  it('is refused if more bytes follow than it has entries', () => {
    const says = (count: number): Uint8Array =>
      seal((into) => {
        into.u32(count);
        into.text(NS);
        for (const number of [1, 2, 3]) into.u64(number);
      });
    expect([0, 1].map((count) => restored(says(count)) !== undefined)).toEqual([false, true]);
  });
});
