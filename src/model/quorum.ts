// How many replicas must answer, in the words of clients and policies, and its meaning for a given
// membership.
//
// A requirement is a list of groups, each "at least `count` of these members", so one form covers a
// number, a majority, all, the own region's majority (`local`) and a majority of every region
// (`each`).

import { assert } from '../base/assert.ts';
import type { Region, ReplicaId } from './id.ts';
import {
  firstMembers,
  intersection,
  isEmpty,
  isSubset,
  type MemberSet,
  NO_MEMBERS,
  setOf,
  sizeOf,
  union,
} from './member-set.ts';

export type QuorumSpec = number | 'majority' | 'all' | 'local' | 'each';

/** A replica as the configuration names it. `index` is its place in the list sorted by id. */
export interface Member {
  readonly index: number;
  readonly id: ReplicaId;
  readonly region: Region;
  /** `host:port` of its peer channel. */
  readonly peerAddress: string;
  /** Base URL of its HTTP API, if configured. */
  readonly httpUrl: string | undefined;
}

export interface Requirement {
  readonly groups: readonly RequirementGroup[];
  /** The smallest number of replicas that can satisfy it. */
  readonly count: number;
  /** Members whose answers can matter. */
  readonly members: MemberSet;
}

export interface RequirementGroup {
  readonly members: MemberSet;
  readonly count: number;
}

/** Reads `2`, `majority`, `all`, `local` or `each`. */
export function parseQuorum(text: string): QuorumSpec | undefined {
  if (text === 'majority' || text === 'all' || text === 'local' || text === 'each') return text;
  return /^[1-9][0-9]?$/.test(text) ? Number(text) : undefined;
}

/** `undefined` if a number exceeds the membership: such a quorum can never be reached. */
export function requirementOf(
  spec: QuorumSpec,
  members: readonly Member[],
  self: Member,
): Requirement | undefined {
  assert(members[self.index]?.id === self.id, 'quorum: this replica is in its place');
  const all = firstMembers(members.length);
  if (typeof spec === 'number') {
    return spec >= 1 && spec <= members.length ? oneGroup(all, spec) : undefined;
  }
  if (spec === 'all') return oneGroup(all, members.length);
  if (spec === 'majority') return oneGroup(all, majority(members.length));
  const regions = spec === 'local' ? [self.region] : [...new Set(members.map((m) => m.region))];
  const groups = regions.map((region) => regionMajority(members, region));
  const count = groups.reduce((sum, group) => sum + group.count, 0);
  assert(count <= members.length, 'quorum: no more replicas than there are members');
  return {
    groups,
    count,
    members: groups.reduce((some, group) => union(some, group.members), NO_MEMBERS),
  };
}

/** Any two sets of replicas that satisfy the two requirements overlap. */
export function intersects(reads: Requirement, writes: Requirement): boolean {
  return crowds(reads, writes) || crowds(writes, reads);
}

/**
 * Some group of `outer` leaves too few other members for the groups of `inner` that it contains.
 */
function crowds(outer: Requirement, inner: Requirement): boolean {
  return outer.groups.some(({ members, count }) => {
    const within = inner.groups.filter((group) => isSubset(group.members, members));
    const needed = within.reduce((sum, group) => sum + group.count, count);
    return needed > sizeOf(members);
  });
}

/**
 * True if these replicas are enough holders of a version that no read of such a quorum
 * misses it from then on. Two reads of more than half of all replicas overlap, whatever each of
 * them asks for, so N - majority + 1 holders suffice; for `local`, which is a majority of one
 * region, the same number of the region. Smaller quorums need not overlap: there one holder is
 * enough, and reads may go back.
 */
export function isHeld(
  { groups, count }: Requirement,
  holders: MemberSet,
  replicas: number,
): boolean {
  assert(sizeOf(holders) <= replicas, 'quorum: holders are members');
  const most = majority(replicas);
  if (count >= most) return sizeOf(holders) > replicas - most;
  const [group] = groups;
  const size = group === undefined ? 0 : sizeOf(group.members);
  const meets = groups.length === 1 && group !== undefined && 2 * group.count > size;
  return meets
    ? sizeOf(intersection(holders, group.members)) > size - majority(size)
    : !isEmpty(holders);
}

export function majority(size: number): number {
  return Math.floor(size / 2) + 1;
}

/** At least `count` of these members. */
export function oneGroup(members: MemberSet, count: number): Requirement {
  assert(count >= 1, 'quorum: at least one replica answers');
  return { groups: [{ members, count }], count, members };
}

function regionMajority(members: readonly Member[], region: Region): RequirementGroup {
  const local = members.filter((member) => member.region === region).map(({ index }) => index);
  assert(local.length > 0, 'quorum: a region has a member');
  return { members: setOf(local), count: majority(local.length) };
}
