// The policy compiler: every accepted policy is built and means what it says; everything else is
// refused with a place and a reason, and is never weakened.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LEVELS } from '../../src/model/level.ts';
import { compilePolicies, policyDigest } from '../../src/model/policy.ts';
import { membersOf } from '../support/build.ts';

const MEMBERS = membersOf(['eu', 'us', 'ap']);
const SELF = MEMBERS[0] as (typeof MEMBERS)[number];
const compile = (document: unknown) => compilePolicies(document, MEMBERS, SELF);

const BUILT_FIELDS = [
  'consistency',
  'conflict',
  'w',
  'r',
  'timeoutMs',
  'claimOverlap',
  'staleAfter',
  'onIsolated',
  'pauseLagMs',
  'minServing',
  'session',
];
const BUILT_LEVELS: unknown[] = ['causal', 'fifo', 'eventual'];
const GOOD_QUORUMS: unknown[] = [1, 2, 3, '1', '2', '3', 'majority', 'all', 'local', 'each'];

const junk: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    undefined,
    true,
    'true',
    [],
    {},
    '',
    0,
    -1,
    4,
    1.5,
    Number.NaN,
    '01',
    'ALL',
  ),
  fc.string({ maxLength: 5 }),
);
const fieldName = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...BUILT_FIELDS) },
  fc.constantFrom(
    'preset',
    'home',
    'unit',
    'bounds',
    'pauseLagMs',
    'placement',
    'sync',
    'critical',
  ),
  fc.constantFrom('consistancy', 'ttl', 'W', '__proto__', 'constructor', 'toString', ''),
);
const fieldValue = fc.oneof(
  fc.constantFrom<unknown>(
    ...LEVELS,
    'lww',
    'siblings',
    'crdt',
    'reject',
    ...GOOD_QUORUMS,
    100,
    true,
  ),
  junk,
);
const fields = fc
  .array(fc.tuple(fieldName, fieldValue), { maxLength: 4 })
  .map((entries) => Object.fromEntries(entries));

describe('the policy compiler', () => {
  it('accepts only words that exist and that are built', () => {
    fc.assert(
      fc.property(fields, (policy) => {
        const compiled = compile({ cart: policy });
        if (!compiled.ok) return;
        const given: { readonly [name: string]: unknown } = policy;
        for (const name of Object.keys(given)) expect(BUILT_FIELDS).toContain(name);
        const has = (name: string): boolean => given[name] !== undefined;
        if (has('consistency')) expect(BUILT_LEVELS).toContain(given['consistency']);
        if (has('conflict')) expect(given['conflict']).toBe('lww');
        if (has('w')) expect(GOOD_QUORUMS).toContain(given['w']);
        if (has('r')) expect(GOOD_QUORUMS).toContain(given['r']);
        const [result] = compiled.policies;
        if (has('consistency')) expect(result?.consistency).toBe(given['consistency']);
        if (has('w')) expect(String(result?.w)).toBe(String(given['w']));
        if (has('timeoutMs')) expect(result?.timeoutMs).toBe(given['timeoutMs']);
        if (has('claimOverlap')) expect(given['claimOverlap']).toBeTypeOf('boolean');
        if (given['claimOverlap'] === true) expect(result?.overlap).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('never throws, and refuses with a place and a reason', () => {
    const document = fc.oneof(
      junk,
      fc.dictionary(fc.string({ maxLength: 4 }), fc.oneof(fields, junk)),
    );
    fc.assert(
      fc.property(document, (given) => {
        const compiled = compile(given);
        if (compiled.ok) return;
        expect(compiled.problems).not.toHaveLength(0);
        for (const { path, reason } of compiled.problems) {
          expect(path.startsWith('namespaces')).toBe(true);
          expect(reason).not.toBe('');
        }
      }),
      { numRuns: 500 },
    );
  });

  it.each(LEVELS.filter((level) => !BUILT_LEVELS.includes(level)))(
    'refuses the level %s by name, as not built',
    (consistency) => {
      expect(compile({ cart: { consistency } })).toMatchObject({
        ok: false,
        problems: [{ path: 'namespaces.cart.consistency', code: 'not-built' }],
      });
    },
  );

  it('accepts a claim of overlap exactly if the quorums of r and w always meet', () => {
    const overlap = (w: unknown, r: unknown) => {
      const compiled = compile({ cart: { w, r } });
      return compiled.ok && compiled.policies[0]?.overlap;
    };
    expect(overlap('majority', 'majority')).toBe(true);
    expect(overlap(2, 2)).toBe(true);
    expect(overlap('each', 1)).toBe(true);
    expect(overlap('local', 'each')).toBe(true);
    expect(overlap(1, 2)).toBe(false);
    expect(overlap('local', 'majority')).toBe(false);
    expect(compile({ cart: { w: 1, r: 1, claimOverlap: true } })).toMatchObject({
      ok: false,
      problems: [{ path: 'namespaces.cart.claimOverlap', code: 'contradiction' }],
    });
  });

  it('gives a digest that depends on the content of the policies and not on their order', () => {
    const digest = (document: unknown): number => {
      const compiled = compile(document);
      if (!compiled.ok) throw new Error('the document compiles');
      return policyDigest(compiled.policies);
    };
    const [a, b] = [{ w: 2 }, { consistency: 'fifo' }];
    expect(digest({ a, b })).toBe(digest({ b, a }));
    expect(digest({ a, b })).not.toBe(digest({ a, b: { ...b, timeoutMs: 4999 } }));
    expect(digest({ a, b })).not.toBe(digest({ a: b, b: a }));
  });
});
