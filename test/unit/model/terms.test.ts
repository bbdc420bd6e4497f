import { describe, expect, it } from 'vitest';
import type { Command } from '../../../src/model/command.ts';
import { firstMembers } from '../../../src/model/member-set.ts';
import type { Namespace } from '../../../src/model/namespaces.ts';
import {
  type DataCommand,
  isDataCommand,
  type Terms,
  termsOf,
  UNMEETABLE,
  unmeetable,
} from '../../../src/model/terms.ts';
import { isReachable } from '../../../src/quorum/tally.ts';
import { getOf, listOf, putOf } from '../../cluster/cluster.ts';
import { membersOf, namespace, namespacesOf } from '../../support/build.ts';

const POLICY = { w: 2, r: 3, timeoutMs: 700 };
const NS = namespacesOf(membersOf(['eu', 'us', 'us']), { ns: POLICY }).find(namespace('ns'));
const ns = NS as Namespace;

const terms = (command: object): Terms => termsOf(command as DataCommand, ns, 50);
const unsaid = { r: undefined, w: undefined, timeoutMs: undefined };

describe('the terms of a request', () => {
  it.each([
    ['a write', putOf('k', 'v', { ns: 'ns', ...unsaid }), ns.w],
    ['a run', { kind: 'run', items: [], ...unsaid }, ns.w],
    ['a read', getOf('k', { ns: 'ns', ...unsaid }), ns.r],
    ['a list', { ...listOf({ ns: 'ns' }), ...unsaid }, ns.r],
  ])('are those of the policy: %s', (_, command, quorum) => {
    expect(terms(command)).toEqual({ namespace: ns, quorum, deadlineMs: 750 });
  });

  it('are those that the request names', () => {
    expect(terms(putOf('k', 'v', { ns: 'ns', w: 'all', timeoutMs: 10 }))).toEqual({
      namespace: ns,
      quorum: ns.requirement('all'),
      deadlineMs: 60,
    });
    expect(terms(getOf('k', { ns: 'ns', r: 1 })).quorum.count).toBe(1);
  });

  it('are all members and one second, to explain a key', () => {
    expect(terms({ kind: 'explain' })).toEqual({ namespace: ns, quorum: ns.all, deadlineMs: 1050 });
  });

  it('cannot be met if the request asks for more replicas than exist', () => {
    const { quorum } = terms(getOf('k', { ns: 'ns', r: 4 }));
    expect(quorum).toBe(UNMEETABLE);
    expect(isReachable(quorum, firstMembers(3))).toBe(false);
    expect(unmeetable('r', ns)).toEqual({
      code: 'invalid-parameter',
      detail: 'r exceeds the 3 replicas of the namespace',
    });
  });
});

it('are absent for a command about the replica or its cluster', () => {
  const kinds = ['write', 'run', 'read', 'list', 'explain'];
  const others = ['status', 'write-status', 'membership', 'drain', 'resync'];
  const hasTerms = [...kinds, ...others].filter((kind) => isDataCommand({ kind } as Command));
  expect(hasTerms).toEqual(kinds);
});
