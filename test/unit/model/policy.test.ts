import { describe, expect, it } from 'vitest';
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

describe('staleAfter', () => {
  it('takes a time, a number of entries, or both', () => {
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

  it('is part of what replicas must agree on', () => {
    const [with2s, with3s] = [2000, 3000].map((timeMs) => compile({ staleAfter: { timeMs } }));
    if (!with2s?.ok || !with3s?.ok) throw new Error('they compile');
    expect(policyDigest(with2s.policies)).not.toBe(policyDigest(with3s.policies));
  });
});
