// The contract of resolvers on each rule that is built, and the order of versions on which
// last-write-wins rests.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resolvers } from '../../src/conflict/merge.ts';
import { compareVersions } from '../../src/conflict/version-order.ts';
import { origin } from '../support/build.ts';
import { resolverContract } from './resolver.contract.ts';

for (const [rule, resolver] of Object.entries(resolvers)) resolverContract(rule, resolver);

const anyVersion = fc.record({
  hlc: fc.integer({ min: 1, max: 3 }),
  origin: fc.constantFrom(origin('a.1'), origin('a.2'), origin('a.10'), origin('b.1')),
  seq: fc.integer({ min: 1, max: 3 }),
});

describe('versions', () => {
  it('are totally ordered', () => {
    fc.assert(
      fc.property(anyVersion, anyVersion, anyVersion, (a, b, c) => {
        expect(compareVersions(a, a)).toBe(0);
        expect(Math.sign(compareVersions(a, b)) + Math.sign(compareVersions(b, a))).toBe(0);
        const isSame = a.hlc === b.hlc && a.origin === b.origin && a.seq === b.seq;
        expect(compareVersions(a, b) === 0).toBe(isSame);
        if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0)
          expect(compareVersions(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });
});
