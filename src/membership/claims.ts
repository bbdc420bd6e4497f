// Claims of peers about a membership that is later than this replica's. The next one is chosen by
// Paxos among the present members, so a single peer's claim is weighed before this incarnation ends
// for it:
//
//   confirmed   two peers claim the same, or one does and this replica has accepted it: believed at
//               once
//   refuted     a majority of the present members, this replica included and those that claim a
//               later one excluded, are connected in the present epoch and have accepted nothing:
//               then nothing was chosen. Not believed, and a lie if still so after a wait: a peer
//               may report the choice before the others, who made it, disconnect
//   one step    claimed by one peer, and not refuted: believed at once if this replica keeps its
//               seat; after a wait if it does not, because that ends it for good
//   further     claimed by one peer, and not refuted: believed after a longer wait. This is how a
//               replica that missed several changes returns when only one peer is left; a majority
//               that is merely late is heard by then
//
// A vote is heard with a greeting and may be older than the acceptance that chose: its replica then
// begins a new incarnation, is no longer connected in the present epoch, and refutes nothing. A
// claim holds until its peer says otherwise.

import { isOneStep, isSameMembership, type Membership, seatOf } from '../model/membership.ts';
import type { ReplicaId } from '../model/id.ts';
import { majority } from '../model/quorum.ts';

interface Claim {
  readonly membership: Membership;
  readonly sinceMs: number;
}

export interface Ground {
  readonly self: ReplicaId;
  readonly current: Membership;
  /** This replica has accepted it. */
  readonly hasAccepted: (membership: Membership) => boolean;
  /** Members, this replica included and these excluded, that are known to have accepted nothing. */
  readonly abstaining: (claimants: ReadonlySet<number>) => number;
  readonly waitMs: number;
}

const FURTHER_WAITS = 10;

export type Verdict = 'believed' | 'refuted' | 'waiting';

export class Claims {
  /** By member index. */
  readonly #claims = new Map<number, Claim>();

  hear(peer: number, membership: Membership, nowMs: number): void {
    const before = this.#claims.get(peer);
    if (before !== undefined && isSameMembership(before.membership, membership)) return;
    this.#claims.set(peer, { membership, sinceMs: nowMs });
  }

  /** The peer is in the present epoch. */
  withdraw(peer: number): void {
    this.#claims.delete(peer);
  }

  /** The latest membership that is to be believed, if there is one. */
  believed(ground: Ground, nowMs: number): Membership | undefined {
    let latest: Membership | undefined;
    for (const [peer, { membership }] of this.#claims) {
      if (latest !== undefined && membership.epoch <= latest.epoch) continue;
      if (this.verdict(peer, ground, nowMs) === 'believed') latest = membership;
    }
    return latest;
  }

  verdict(peer: number, ground: Ground, nowMs: number): Verdict {
    const claim = this.#claims.get(peer);
    if (claim === undefined) return 'waiting';
    const { membership, sinceMs } = claim;
    if (ground.hasAccepted(membership) || this.#isSaidTwice(membership)) return 'believed';
    const against = ground.abstaining(new Set(this.#claims.keys()));
    if (against >= majority(ground.current.seats.length))
      return nowMs - sinceMs >= ground.waitMs ? 'refuted' : 'waiting';
    return nowMs - sinceMs >= waitMsFor(membership, ground) ? 'believed' : 'waiting';
  }

  #isSaidTwice(membership: Membership): boolean {
    let voices = 0;
    for (const claim of this.#claims.values())
      if (isSameMembership(claim.membership, membership)) voices++;
    return voices >= 2;
  }
}

function waitMsFor(membership: Membership, { current, self, waitMs }: Ground): number {
  if (!isOneStep(current, membership)) return FURTHER_WAITS * waitMs;
  return seatOf(membership, self)?.since === seatOf(current, self)?.since ? 0 : waitMs;
}
