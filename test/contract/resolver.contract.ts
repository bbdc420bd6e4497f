// The laws that every resolver keeps (src/conflict/resolver.ts), for any mutations of a key in any
// order.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Resolver } from '../../src/conflict/resolver.ts';
import {
  digestOf,
  encodedOf,
  isCoveredBy,
  outlineOf,
  type Record,
  recordOf,
  versionsOf,
} from '../../src/model/record.ts';
import { key, mutation, namespace, origin } from '../support/build.ts';

/**
 * Few stamps, few origins and few numbers, so that ties occur. As in a log, a dot names one
 * mutation.
 */
const anyMutation = fc
  .record({
    hlc: fc.integer({ min: 1, max: 3 }),
    origin: fc.constantFrom(origin('a.1'), origin('a.2'), origin('a.10'), origin('b.1')),
    seq: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ hlc, origin: of, seq }) => {
    const operation = (hlc + seq) % 4 === 0 ? 'delete' : 'put';
    const isAlone = seq % 2 === 0 || of === origin('b.1');
    const dependencies = isAlone ? [] : [{ origin: origin('b.1'), seq }];
    const name = { namespace: namespace('n'), key: key('k') };
    return mutation({ ...name, hlc, origin: of, seq, operation, dependencies });
  });

export function resolverContract(name: string, resolver: Resolver): void {
  const { merge, includes, isSame, isConflict } = resolver;
  const anyRecord: fc.Arbitrary<Record> = fc
    .array(anyMutation.map(recordOf), { minLength: 1, maxLength: 4 })
    .map((records) => records.reduce(merge));
  const expectSame = (left: Record, right: Record): void => {
    expect(isSame(left, right) && isSame(right, left)).toBe(true);
    expect(encodedOf(left)).toEqual(encodedOf(right));
    expect(digestOf(left)).toEqual(digestOf(right));
  };

  describe(`a record under ${name}`, () => {
    it('is merged commutatively, associatively and idempotently, ties included', () => {
      fc.assert(
        fc.property(anyRecord, anyRecord, anyRecord, (a, b, c) => {
          expectSame(merge(a, b), merge(b, a));
          expectSame(merge(merge(a, b), c), merge(a, merge(b, c)));
          expectSame(merge(a, a), a);
          expectSame(merge(merge(a, b), a), merge(a, b));
        }),
      );
    });

    it('does not depend on the order or the number of deliveries', () => {
      const deliveries = fc
        .array(anyMutation.map(recordOf), { minLength: 1, maxLength: 8 })
        .chain((records) => {
          const minLength = records.length * 2;
          const delivered = fc.shuffledSubarray([...records, ...records], { minLength });
          return fc.tuple(fc.constant(records), delivered);
        });
      fc.assert(
        fc.property(deliveries, ([records, delivered]) => {
          expectSame(delivered.reduce(merge), records.reduce(merge));
        }),
      );
    });

    it('includes another record exactly if merging that record changes nothing', () => {
      fc.assert(
        fc.property(anyRecord, anyRecord, (a, b) => {
          expect(includes(a, b)).toBe(isSame(merge(a, b), a));
          expect(includes(merge(a, b), a) && includes(merge(a, b), b)).toBe(true);
          expect(isSame(a, b)).toBe(includes(a, b) && includes(b, a));
        }),
      );
    });

    it('comes after what it includes, and stays the same object when a merge changes nothing', () => {
      fc.assert(
        fc.property(anyRecord, anyRecord, anyRecord, (a, b, c) => {
          expect(includes(a, a)).toBe(true);
          if (includes(a, b) && includes(b, c)) expect(includes(a, c)).toBe(true);
          if (includes(a, b)) expect(merge(a, b)).toBe(a);
          else if (includes(b, a)) expect(merge(a, b)).toBe(b);
        }),
      );
    });

    it('compares by its outline as by its whole content', () => {
      fc.assert(
        fc.property(anyRecord, anyRecord, (a, b) => {
          const [left, right] = [outlineOf(a), outlineOf(b)];
          expect(includes(left, right)).toBe(includes(a, b));
          expect(isSame(left, b)).toBe(isSame(a, b));
          expect(digestOf(left)).toEqual(digestOf(a));
        }),
      );
    });

    it('does not conflict with what its writer had seen, and compares with any other record', () => {
      fc.assert(
        fc.property(anyRecord, anyRecord, (a, b) => {
          const versions = versionsOf(b);
          const seen = versionsOf(a).every(({ origin: of, seq, dependencies }) =>
            versions.every(
              (old) =>
                (old.origin === of && old.seq < seq) ||
                dependencies.some((dot) => dot.origin === old.origin && dot.seq >= old.seq),
            ),
          );
          if (seen) expect(isConflict(a, b)).toBe(false);
          else expect(typeof isConflict(a, b)).toBe('boolean');
        }),
      );
    });

    it('is covered by a vector that has all of its dots, and by no other', () => {
      fc.assert(
        fc.property(anyRecord, (record) => {
          const dots = versionsOf(record);
          const vector = new Map(dots.map((dot) => [dot.origin, dot.seq]));
          expect(isCoveredBy(record, vector)).toBe(true);
          for (const { origin: of, seq } of dots)
            expect(isCoveredBy(record, new Map([...vector, [of, seq - 1]]))).toBe(false);
        }),
      );
    });
  });
}
