// How an incarnation begins: the stored membership of the directory, combined with the
// configuration. It is pure, so a process and the simulation begin in the same way.
//
//   no tenure stored            the configured members, as in a cluster that starts for the first
//                               time
//   a tenure with this replica  the members that the directory remembers; epoch 1 is reached at the
//                               configured addresses
//   a tenure without it         forgotten: the replica was removed, and its directory belongs to no
//                               member
//   unreadable                  damaged: only an operator knows which cluster this is
//
// The remembered members replace the configured ones, because the cluster has agreed on them.

import { type Epoch, isSeated, localised, membersIn, outsidersOf } from '../model/membership.ts';
import type { Incarnation, ReplicaId } from '../model/id.ts';
import type { Policy } from '../model/policy.ts';
import { type Storage, UNREADABLE } from '../model/port.ts';
import type { Member } from '../model/quorum.ts';
import { readStoredTenure, tenureKey } from '../membership/succession.ts';
import { readIncarnation } from '../store/incarnation.ts';
import { metaKey } from '../store/layout.ts';

type Stored = Pick<Storage, 'get'>;

export interface Configured {
  readonly self: ReplicaId;
  /** Sorted by id, `self` included. */
  readonly members: readonly Member[];
  /** The policies for these members, or why they do not fit. */
  readonly policiesAmong: (members: readonly Member[]) => readonly Policy[] | string;
}

export interface Begun {
  readonly kind: 'begun';
  /** Sorted by id. */
  readonly members: readonly Member[];
  /** Removed replicas that may not know it; they are contacted so that they can be notified. */
  readonly outsiders: readonly Member[];
  readonly policies: readonly Policy[];
}

export type Boot =
  | Begun
  | { readonly kind: 'forgotten'; readonly epoch: Epoch }
  | { readonly kind: 'unfit'; readonly reason: string }
  | { readonly kind: 'damaged' };

export function boot(stored: Stored, configured: Configured): Boot {
  const tenure = readStoredTenure(stored.get(tenureKey()));
  if (tenure === 'damaged') return { kind: 'damaged' };
  if (tenure === undefined) return begun(configured, configured.members, []);
  const { membership } = tenure;
  if (!isSeated(tenure, configured.self)) return { kind: 'forgotten', epoch: membership.epoch };
  const members = membersIn(localised(membership, configured.members));
  return begun(configured, members, outsidersOf(membership));
}

function begun(
  { policiesAmong }: Configured,
  members: readonly Member[],
  outsiders: readonly Member[],
): Boot {
  const policies = policiesAmong(members);
  if (typeof policies === 'string') return { kind: 'unfit', reason: policies };
  return { kind: 'begun', members, outsiders, policies };
}

/** The epoch of the stored membership; 0 if there is none. */
export function storedEpoch(stored: Stored): Epoch {
  const tenure = readStoredTenure(stored.get(tenureKey()));
  return typeof tenure === 'object' ? tenure.membership.epoch : 0;
}

/**
 * The last incarnation in storage; 0 if none wrote its number, `undefined` if it cannot be read.
 */
export function storedIncarnation(stored: Stored): Incarnation | undefined {
  const bytes = stored.get(metaKey('incarnation'));
  return bytes === UNREADABLE ? undefined : readIncarnation(bytes);
}
