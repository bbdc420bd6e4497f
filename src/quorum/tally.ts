// Counts answers against a requirement, as pure arithmetic on sets of members. Three-valued (as
// in etcd-io/raft): `won` when every group has its count, `lost` when the members that can still
// answer are too few, else `pending`. A member answers once: a second vote of the same member
// changes nothing, and a yes after a no does not count.

import { assert } from '../base/assert.ts';
import {
  add,
  difference,
  has,
  intersection,
  isEmpty,
  type MemberSet,
  NO_MEMBERS,
  sizeOf,
  union,
} from '../model/member-set.ts';
import type { Requirement, RequirementGroup } from '../model/quorum.ts';

export type TallyState = 'pending' | 'won' | 'lost';

export class Tally {
  readonly requirement: Requirement;
  yes: MemberSet = NO_MEMBERS;
  no: MemberSet = NO_MEMBERS;

  constructor(requirement: Requirement) {
    this.requirement = requirement;
  }

  /** Members that said yes. */
  get acks(): number {
    return sizeOf(this.yes);
  }

  /** Members of groups that still lack votes. */
  get wanted(): MemberSet {
    return this.requirement.groups.reduce(
      (wanted, { members, count }) =>
        sizeOf(intersection(members, this.yes)) < count ? union(wanted, members) : wanted,
      NO_MEMBERS,
    );
  }

  accept(member: number): void {
    if (!has(this.no, member)) this.yes = add(this.yes, member);
  }

  reject(member: number): void {
    if (!has(this.yes, member)) this.no = add(this.no, member);
  }

  /** How many more members of a group have to be asked; members that said no do not count. */
  lacking({ members, count }: RequirementGroup, asked: MemberSet): number {
    return count - sizeOf(difference(intersection(members, asked), this.no));
  }

  get state(): TallyState {
    assert(isEmpty(intersection(this.yes, this.no)), 'tally: a member answers once');
    let won = true;
    for (const { members, count } of this.requirement.groups) {
      if (sizeOf(difference(members, this.no)) < count) return 'lost';
      if (sizeOf(intersection(members, this.yes)) < count) won = false;
    }
    return won ? 'won' : 'pending';
  }
}

/** These members alone could satisfy the requirement. */
export function isReachable({ groups }: Requirement, these: MemberSet): boolean {
  return groups.every(({ members, count }) => sizeOf(intersection(members, these)) >= count);
}
