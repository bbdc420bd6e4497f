import { describe, expect, it } from 'vitest';
import { setOf } from '../../../src/model/member-set.ts';
import { rulesOf } from '../../../src/model/level.ts';
import type { Namespace } from '../../../src/model/namespaces.ts';
import { membersOf, namespace, namespacesOf } from '../../support/build.ts';

const MEMBERS = membersOf(['eu', 'eu', 'us']);
const DOCUMENT = { fi: { consistency: 'fifo', w: 2 }, ev: { r: 'majority' } };
const namespaces = namespacesOf(MEMBERS, DOCUMENT);
const find = (name: string): Namespace | undefined => namespaces.find(namespace(name));

describe('a namespace', () => {
  it('has the rules of the level that its policy names', () => {
    expect(find('fi')?.level).toBe(rulesOf('fifo'));
    expect(find('ev')?.level).toBe(rulesOf('eventual'));
  });

  it('has the quorums of its policy, and makes each other quorum once', () => {
    expect(find('fi')).toMatchObject({ w: { count: 2 }, r: { count: 1 }, all: { count: 3 } });
    expect(find('ev')?.requirement('majority')).toBe(find('ev')?.r);
    expect(find('ev')?.requirement('local')).toMatchObject({ count: 2, members: setOf([0, 1]) });
  });

  it('has no quorum of more replicas than hold it', () => {
    expect(find('fi')?.requirement(3)?.count).toBe(3);
    expect(find('fi')?.requirement(4)).toBeUndefined();
  });

  it('has its own list of members', () => {
    expect(find('fi')?.members).toEqual(MEMBERS);
    expect(find('fi')?.members).not.toBe(find('ev')?.members);
  });
});

describe('records of a namespace that no policy names', () => {
  it('are repaired by the weakest rules, at all members', () => {
    expect(find('none')).toBeUndefined();
    expect(namespaces.rulesFor(namespace('none'))).toMatchObject({
      members: MEMBERS,
      level: { repairs: 'record', delivery: 'arrival' },
      all: { count: 3 },
    });
  });
});
