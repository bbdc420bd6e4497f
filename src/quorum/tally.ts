// Counts answers against a requirement, as pure arithmetic on bit sets of members. Three-valued (as
// in etcd-io/raft): `won` when every group has its count, `lost` when the members that can still
// answer are too few, else `pending`. A member answers once: a second vote of the same member
// changes nothing, and a yes after a no does not count.

import { bitCount, type Requirement } from '../model/quorum.ts';

export type TallyState = 'pending' | 'won' | 'lost';

export class Tally {
  readonly requirement: Requirement;
  yes = 0;
  no = 0;

  constructor(requirement: Requirement) {
    this.requirement = requirement;
  }

  /** Members that said yes. */
  get acks(): number {
    return bitCount(this.yes);
  }

  /** Members of groups that still lack votes. */
  get wanted(): number {
    return this.requirement.groups.reduce(
      (wanted, { mask, count }) => (bitCount(mask & this.yes) < count ? wanted | mask : wanted),
      0,
    );
  }

  accept(member: number): void {
    const bit = 1 << member;
    if ((this.no & bit) === 0) this.yes |= bit;
  }

  reject(member: number): void {
    const bit = 1 << member;
    if ((this.yes & bit) === 0) this.no |= bit;
  }

  get state(): TallyState {
    let won = true;
    for (const { mask, count } of this.requirement.groups) {
      if (bitCount(mask & ~this.no) < count) return 'lost';
      if (bitCount(mask & this.yes) < count) won = false;
    }
    return won ? 'won' : 'pending';
  }
}

/** True if the members in `mask` alone could satisfy the requirement. */
export function isReachable(requirement: Requirement, mask: number): boolean {
  return requirement.groups.every((group) => bitCount(group.mask & mask) >= group.count);
}
