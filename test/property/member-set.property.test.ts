// Sets of members compared with JavaScript's `Set`.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  add,
  bitsOf,
  difference,
  firstMembers,
  has,
  intersection,
  isEmpty,
  isSubset,
  listOf,
  type MemberSet,
  MEMBERS_MAX,
  NO_MEMBERS,
  readBits,
  remove,
  setOf,
  single,
  sizeOf,
  union,
} from '../../src/model/member-set.ts';

const member = fc.nat(MEMBERS_MAX - 1);
const members = fc.uniqueArray(member, { maxLength: MEMBERS_MAX }).map((list) => new Set(list));
const ascending = (set: ReadonlySet<number>) => [...set].sort((a, b) => a - b);

/** The model of a verb that combines two sets. */
type Binary = (left: MemberSet, right: MemberSet) => MemberSet;
type BinaryTwin = (left: Set<number>, right: Set<number>) => Set<number>;

describe('a set of members', () => {
  it('has the members that were added, in the order of the indexes', () => {
    fc.assert(
      fc.property(members, member, (twin, one) => {
        const set = setOf(twin);
        expect(listOf(set)).toEqual(ascending(twin));
        expect(sizeOf(set)).toBe(twin.size);
        expect(isEmpty(set)).toBe(twin.size === 0);
        expect(has(set, one)).toBe(twin.has(one));
      }),
    );
  });

  it('grows and shrinks by one member, and the original set does not change', () => {
    fc.assert(
      fc.property(members, member, (twin, one) => {
        const set = setOf(twin);
        expect(listOf(add(set, one))).toEqual(ascending(new Set([...twin, one])));
        expect(listOf(remove(set, one))).toEqual(ascending(twin).filter((each) => each !== one));
        expect(listOf(set)).toEqual(ascending(twin));
      }),
    );
  });

  it.each<[string, Binary, BinaryTwin]>([
    ['union', union, (left, right) => new Set([...left, ...right])],
    ['intersection', intersection, (left, right) => new Set([...left].filter((n) => right.has(n)))],
    ['difference', difference, (left, right) => new Set([...left].filter((n) => !right.has(n)))],
  ])('has the %s with another', (_, verb, twin) => {
    fc.assert(
      fc.property(members, members, (left, right) => {
        expect(listOf(verb(setOf(left), setOf(right)))).toEqual(ascending(twin(left, right)));
      }),
    );
  });

  it('is a subset of another exactly if that one has all of its members', () => {
    fc.assert(
      fc.property(members, members, (left, right) => {
        const all = union(setOf(left), setOf(right));
        expect(isSubset(setOf(left), setOf(right))).toBe([...left].every((n) => right.has(n)));
        expect(isSubset(setOf(left), all)).toBe(true);
      }),
    );
  });

  it('equals another with the same members, however it was made', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(member, fc.boolean())), (steps) => {
        const twin = new Set<number>();
        let set = NO_MEMBERS;
        for (const [one, joins] of steps) {
          set = joins ? add(set, one) : remove(set, one);
          if (joins) twin.add(one);
          else twin.delete(one);
        }
        expect(set).toBe(setOf(twin));
      }),
    );
  });

  it('comes back from the bits of a message, which are never negative', () => {
    fc.assert(
      fc.property(members, (twin) => {
        const set = setOf(twin);
        expect(bitsOf(set)).toBeGreaterThanOrEqual(0);
        expect(readBits(bitsOf(set))).toBe(set);
      }),
    );
  });

  it.each([-1, 0.5, 2 ** MEMBERS_MAX, 2 ** 53, Number.NaN])('is not read from %s', (bits) => {
    expect(readBits(bits)).toBeUndefined();
  });

  it('of the first members equals the whole of a cluster', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: MEMBERS_MAX }), (count) => {
        expect(listOf(firstMembers(count))).toEqual([...Array.from({ length: count }).keys()]);
      }),
    );
  });

  it('refuses an index beyond its bound as a bug of the caller', () => {
    const last = MEMBERS_MAX - 1;
    expect(listOf(single(last))).toEqual([last]);
    for (const wrong of [-1, MEMBERS_MAX, MEMBERS_MAX + 1, Number.NaN]) {
      expect(() => single(wrong)).toThrow('not the index of a member');
      expect(() => has(NO_MEMBERS, wrong)).toThrow('not the index of a member');
      expect(() => add(NO_MEMBERS, wrong)).toThrow('not the index of a member');
      expect(() => remove(NO_MEMBERS, wrong)).toThrow('not the index of a member');
    }
    expect(() => firstMembers(MEMBERS_MAX + 1)).toThrow('more members than a set holds');
  });
});

describe('bits of a set of members', () => {
  it('cannot be combined by operators: the compiler refuses each of these lines', () => {
    const [left, right] = [setOf([0, 2]), setOf([2])];
    // @ts-expect-error -- a set is not a number
    expect(left & right).toBe(4);
    // @ts-expect-error -- nor is it compared as one
    expect(left === 5).toBe(true);
    // @ts-expect-error -- nor made of one without a verb
    const made: MemberSet = 5;
    expect(listOf(made)).toEqual([0, 2]);
  });
});
