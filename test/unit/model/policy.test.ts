import { describe, expect, it } from 'vitest';
import { ALL_GUARANTEES, GUARANTEES } from '../../../src/model/guarantees.ts';
import { compilePolicies, policyDigest } from '../../../src/model/policy.ts';
import type { Member } from '../../../src/model/quorum.ts';
import { membersOf } from '../../support/build.ts';

const members = membersOf(['eu', 'us', 'ap']);

function compile(policy: object) {
  return compilePolicies({ ns: policy }, members, members[0] as Member);
}

function problemsOf(policy: object): string[] {
  const compiled = compile(policy);
  return compiled.ok ? [] : compiled.problems.map(({ path, code }) => `${path} ${code}`);
}

describe('pauseLagMs and minServing', () => {
  it('are accepted, and one replica keeps serving by default', () => {
    expect(compile({ pauseLagMs: 100 })).toMatchObject({
      policies: [{ pauseLagMs: 100, minServing: 1 }],
    });
    expect(compile({ pauseLagMs: 50, minServing: 2 })).toMatchObject({
      policies: [{ pauseLagMs: 50, minServing: 2 }],
    });
    expect(compile({})).toMatchObject({ policies: [{ pauseLagMs: undefined, minServing: 1 }] });
  });

  it.each([
    ['below the jitter of any link', { pauseLagMs: 49 }, 'pauseLagMs contradiction'],
    ['no number', { pauseLagMs: '100' }, 'pauseLagMs invalid'],
    ['null', { pauseLagMs: null }, 'pauseLagMs invalid'],
    [
      'not before stale',
      { pauseLagMs: 2000, staleAfter: { timeMs: 2000 } },
      'pauseLagMs contradiction',
    ],
    ['none to serve', { pauseLagMs: 100, minServing: 0 }, 'minServing invalid'],
    ['more than there are', { pauseLagMs: 100, minServing: 99 }, 'minServing invalid'],
    ['nothing to keep from', { minServing: 1 }, 'minServing contradiction'],
  ])('are refused: %s', (_what, fields, problem) => {
    expect(problemsOf(fields)).toContain(`namespaces.ns.${problem}`);
  });

  it('are part of the digest', () => {
    const digests = [{}, { pauseLagMs: 100 }, { pauseLagMs: 100, minServing: 2 }].map((fields) => {
      const compiled = compile(fields);
      return compiled.ok ? policyDigest(compiled.policies) : 0;
    });
    expect(new Set(digests).size).toBe(3);
  });
});

describe('session', () => {
  it('has all guarantees by default, and those that are named otherwise', () => {
    expect(compile({})).toMatchObject({ policies: [{ session: ALL_GUARANTEES }] });
    const some = compile({ session: ['mr', 'ryw'] });
    expect(some).toMatchObject({ policies: [{ session: new Set(['ryw', 'mr']) }] });
    expect(compile({ session: [] })).toMatchObject({ policies: [{ session: new Set() }] });
  });

  it.each([
    ['another word', ['ryw', 'all']],
    ['one twice', ['ryw', 'ryw']],
    ['a text', 'ryw'],
    ['null', null],
  ])('is refused: %s', (_what, session) => {
    expect(problemsOf({ session })).toEqual(['namespaces.ns.session invalid']);
  });

  it('is part of the digest if it is not the default', () => {
    const digests = [{}, { session: [] }, { session: ['mr'] }, { session: [...GUARANTEES] }].map(
      (fields) => {
        const compiled = compile(fields);
        return compiled.ok ? policyDigest(compiled.policies) : 0;
      },
    );
    expect(new Set(digests).size).toBe(3);
    expect(digests[0]).toBe(digests[3]);
  });
});

describe('onIsolated', () => {
  const staleAfter = { timeMs: 2000 };

  it('refuses writes by default if staleness is bounded', () => {
    expect(compile({ staleAfter })).toMatchObject({ policies: [{ onIsolated: 'refuse' }] });
    for (const onIsolated of ['refuse', 'accept'])
      expect(compile({ staleAfter, onIsolated })).toMatchObject({ policies: [{ onIsolated }] });
    expect(compile({})).toMatchObject({ policies: [{ onIsolated: 'accept' }] });
  });

  it.each([
    ['another word', { staleAfter, onIsolated: 'maybe' }, 'onIsolated invalid'],
    ['null', { staleAfter, onIsolated: null }, 'onIsolated invalid'],
    ['no bound', { onIsolated: 'refuse' }, 'onIsolated contradiction'],
  ])('is refused: %s', (_what, fields, problem) => {
    expect(problemsOf(fields)).toContain(`namespaces.ns.${problem}`);
  });

  it('is part of the digest', () => {
    const digests = [{ staleAfter }, { staleAfter, onIsolated: 'accept' }].map((fields) => {
      const compiled = compile(fields);
      return compiled.ok ? policyDigest(compiled.policies) : 0;
    });
    expect(new Set(digests).size).toBe(2);
  });
});

describe('staleAfter', () => {
  it('accepts a time, a number of entries, or both', () => {
    expect(compile({ staleAfter: { timeMs: 2000, entries: 5 } })).toMatchObject({
      ok: true,
      policies: [{ staleAfter: { timeMs: 2000, entries: 5 } }],
    });
    expect(compile({ staleAfter: { entries: 1 } })).toMatchObject({ ok: true });
    expect(compile({})).toMatchObject({ ok: true, policies: [{ staleAfter: undefined }] });
  });

  it.each<[string, unknown, string]>([
    ['a bare number', 2000, 'namespaces.ns.staleAfter invalid'],
    ['nothing', {}, 'namespaces.ns.staleAfter invalid'],
    ['null', null, 'namespaces.ns.staleAfter invalid'],
    ['less than heartbeats can tell', { timeMs: 999 }, 'namespaces.ns.staleAfter.timeMs invalid'],
    ['no whole number', { entries: 1.5 }, 'namespaces.ns.staleAfter.entries invalid'],
    ['an unknown word', { ms: 5, entries: 1 }, 'namespaces.ns.staleAfter.ms invalid'],
  ])('refuses %s', (_what, staleAfter, problem) => {
    expect(problemsOf({ staleAfter })).toContain(problem);
  });

  it('is part of the policy that replicas must agree on', () => {
    const [with2s, with3s] = [2000, 3000].map((timeMs) => compile({ staleAfter: { timeMs } }));
    if (!with2s?.ok || !with3s?.ok) throw new Error('they compile');
    expect(policyDigest(with2s.policies)).not.toBe(policyDigest(with3s.policies));
  });
});
