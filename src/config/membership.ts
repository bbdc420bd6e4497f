// The members of the cluster, and this replica among them: the one that the configured list names,
// or the only one.

import type { Region, ReplicaId } from '../model/id.ts';
import type { Member } from '../model/quorum.ts';
import { type Address, formatAddress } from '../model/address.ts';
import type { Place } from './address.ts';
import { variableOf } from './option.ts';
import type { Complain, Resolved } from './resolve.ts';
import { spoken, type TABLE } from './table.ts';

export interface Membership {
  /** Sorted by id. */
  readonly members: readonly Member[];
  readonly self: Member;
  readonly own: Place;
}

export const PEER_DEFAULT: Address = { host: '127.0.0.1', port: 7071 };

export function membershipOf(
  { values, refused }: Resolved<typeof TABLE>,
  complain: Complain,
): Membership | undefined {
  const { replica: id, region, peers, peer } = values;
  if (id === undefined && !refused.has('replica')) complain(spoken('replica'), 'is required');
  const isDoubtful = refused.has('peers') || refused.has('region') || refused.has('peer');
  if (id === undefined || isDoubtful) return undefined;
  if (peers !== undefined && peers.length > 0) return listed(id, region, peers, complain);
  if (region !== undefined)
    return alone({ id, region, peer: peer ?? PEER_DEFAULT, http: undefined });
  complain(spoken('region'), `is required unless ${variableOf('peers')} gives it`);
  return undefined;
}

function alone(own: Place): Membership {
  const self = memberOf(own, 0);
  return { members: [self], self, own };
}

function listed(
  id: ReplicaId,
  region: Region | undefined,
  peers: readonly Place[],
  complain: Complain,
): Membership | undefined {
  const places = [...peers].sort((left, right) => (left.id < right.id ? -1 : 1));
  const members = places.map(memberOf);
  const own = places.find((place) => place.id === id);
  const self = members.find((member) => member.id === id);
  if (own === undefined || self === undefined) {
    const others = places.map((place) => place.id).join(', ');
    complain(spoken('peers'), `must name this replica too: ${id} is not among ${others}`);
    return undefined;
  }
  if (region === undefined || region === own.region) return { members, self, own };
  complain(spoken('region'), `is ${region}, but ${variableOf('peers')} says ${own.region}`);
  return undefined;
}

function memberOf({ id, region, peer, http }: Place, index: number): Member {
  return { index, id, region, peerAddress: formatAddress(peer), httpUrl: http };
}
