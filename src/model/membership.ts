// The members of the cluster, as a value that is agreed on. An epoch numbers the memberships; epoch
// 1 is the configured one, and each later one was chosen by a majority of the one before it and
// differs from it by one member. So majorities of neighbouring epochs overlap (Ongaro, "Consensus:
// Bridging Theory and Practice", 4.1).
//
// A seat carries the epoch in which it was taken. A directory belongs to one tenure of a seat: a
// replica that was forgotten and joined again under the same name has a later one, which
// distinguishes its old directory from the new.

import { assert } from '../base/assert.ts';
import type { Origin, Region, ReplicaId } from './id.ts';
import type { Member } from './quorum.ts';

/** Numbers the memberships, from 1. */
export type Epoch = number;

export interface Place {
  readonly id: ReplicaId;
  readonly region: Region;
  /** `host:port` of its peer channel. */
  readonly peerAddress: string;
  /** Base URL of its HTTP API, when it is known. */
  readonly httpUrl: string | undefined;
}

export interface Seat extends Place {
  /** The epoch in which it became a member. */
  readonly since: Epoch;
}

/** A replica that was a member; kept so that it can learn that it was forgotten. */
export interface Former {
  readonly id: ReplicaId;
  readonly since: Epoch;
  readonly peerAddress: string;
}

export interface Membership {
  readonly epoch: Epoch;
  /** Sorted by id; at least one. */
  readonly seats: readonly Seat[];
  /** The last `FORMER_MAX` that were forgotten; older ones are dropped. */
  readonly former: readonly Former[];
}

/**
 * What was found at the peer address of a replica. `epoch`: of the membership to which its
 * directory is bound, 0 for none.
 */
export type Probed =
  | { readonly kind: 'there'; readonly region: string; readonly epoch: Epoch }
  | {
      readonly kind: 'unreachable';
      readonly reason: string;
      /**
       * The address may be right, but the replica has not begun yet: a later attempt can succeed.
       */
      readonly mayBegin: boolean;
    }
  /** Another replica than the intended one answers. */
  | { readonly kind: 'other'; readonly reason: string };

/** What a directory stores: its owner by the seat, and the last membership that it knows. */
export interface Tenure {
  readonly since: Epoch;
  readonly membership: Membership;
}

/**
 * Orders the attempts to have a membership chosen. `by` is one incarnation of a replica, so no
 * ballot is used twice.
 */
export interface Ballot {
  readonly round: number;
  readonly by: Origin;
}

export interface Proposal {
  readonly ballot: Ballot;
  readonly value: Membership;
}

/** What an acceptor has promised and accepted for the epoch after the present one. */
export interface Vote {
  readonly promised: Ballot | undefined;
  readonly accepted: Proposal | undefined;
}

export const FORMER_MAX = 8;
/**
 * The bound of a ballot and an epoch: no count gets so far, and above it there is room to count.
 */
export const ROUND_MAX = 2 ** 40;
export const EPOCH_MAX = 2 ** 32;
const BOOT_EPOCH = 1;

/** The configured membership, before any change was agreed on. */
export function bootMembership(members: readonly Member[]): Membership {
  assert(members.length > 0, 'membership: it has a member');
  const seats = members.map(({ id, region, peerAddress, httpUrl }) => ({
    id,
    region,
    peerAddress,
    httpUrl,
    since: BOOT_EPOCH,
  }));
  return { epoch: BOOT_EPOCH, seats, former: [] };
}

/** In the form that quorums count. */
export function membersIn({ seats }: Membership): Member[] {
  return seats.map(({ id, region, peerAddress, httpUrl }, index) => ({
    index,
    id,
    region,
    peerAddress,
    httpUrl,
  }));
}

/**
 * Former members that can still be notified: no present member has their name or address. Their
 * indexes follow those of the members.
 */
export function outsidersOf({ seats, former }: Membership): Member[] {
  const gone = former.filter(
    ({ id, peerAddress }) =>
      peerAddress !== '' &&
      seats.every((seat) => seat.id !== id && seat.peerAddress !== peerAddress),
  );
  return gone.map(({ id, peerAddress }, n) => ({
    index: seats.length + n,
    id,
    region: '' as Region,
    peerAddress,
    httpUrl: undefined,
  }));
}

export function seatOf({ seats }: Membership, id: ReplicaId): Seat | undefined {
  return seats.find((seat) => seat.id === id);
}

/**
 * The addresses that an incarnation uses. In epoch 1 they are configured, and may differ between
 * replicas.
 */
export function localised(membership: Membership, members: readonly Member[]): Membership {
  if (membership.epoch > 1) return membership;
  const seats = membership.seats.map((seat) => {
    const member = members.find(({ id }) => id === seat.id);
    return member === undefined
      ? seat
      : { ...seat, peerAddress: member.peerAddress, httpUrl: member.httpUrl };
  });
  return { ...membership, seats };
}

/** The directory of this tenure still belongs to a member. */
export function isSeated({ since, membership }: Tenure, id: ReplicaId): boolean {
  return seatOf(membership, id)?.since === since;
}

/** With a new member, or with a member at a new address. */
export function withPlace(membership: Membership, place: Place): Membership {
  const epoch = membership.epoch + 1;
  const before = seatOf(membership, place.id);
  assert(epoch <= EPOCH_MAX, 'membership: an epoch that others accept');
  const seat = { ...place, since: before?.since ?? epoch };
  const others = membership.seats.filter(({ id }) => id !== place.id);
  const kept = before === undefined ? others.length : others.length + 1;
  assert(kept === membership.seats.length, 'membership: a replica has one seat');
  return { ...membership, epoch, seats: sorted([...others, seat]) };
}

/** Without one member. */
export function without(membership: Membership, id: ReplicaId): Membership {
  const seats = membership.seats.filter((seat) => seat.id !== id);
  const gone = membership.seats.filter((seat) => seat.id === id);
  assert(gone.length === 1, 'membership: a replica that is forgotten was a member');
  const former = [...membership.former.filter((one) => one.id !== id), ...gone.map(formerOf)];
  return { epoch: membership.epoch + 1, seats, former: former.slice(-FORMER_MAX) };
}

/**
 * `to` follows `from` and differs from it by one member: one more, one less, or one that has moved.
 */
export function isOneStep(from: Membership, to: Membership): boolean {
  if (to.epoch !== from.epoch + 1 || to.seats.length === 0) return false;
  const added = to.seats.filter((seat) => seatOf(from, seat.id) === undefined);
  const removed = from.seats.filter((seat) => seatOf(to, seat.id) === undefined);
  const moved = to.seats.filter((seat) => {
    const before = seatOf(from, seat.id);
    return before !== undefined && !isSameSeat(before, seat);
  });
  if (added.some(({ since }) => since !== to.epoch)) return false;
  if (moved.some((seat) => !isSameTenure(seatOf(from, seat.id) as Seat, seat))) return false;
  return added.length + removed.length + moved.length === 1;
}

/**
 * The same replicas with the same tenures. In epoch 1 each may know the others by addresses of its
 * own.
 */
export function isSameMembership(left: Membership, right: Membership): boolean {
  return (
    left.epoch === right.epoch &&
    left.seats.length === right.seats.length &&
    left.seats.every((seat, n) => isSameTenure(seat, right.seats[n] as Seat))
  );
}

/** The same members at the same addresses. */
export function isEqualMembership(left: Membership, right: Membership): boolean {
  const isSame = isSameMembership(left, right);
  return isSame && left.seats.every((seat, n) => isSameSeat(seat, right.seats[n] as Seat));
}

export function compareBallots(left: Ballot, right: Ballot): number {
  if (left.round !== right.round) return left.round - right.round;
  if (left.by === right.by) return 0;
  return left.by < right.by ? -1 : 1;
}

function isSameTenure(left: Seat, right: Seat): boolean {
  return left.id === right.id && left.region === right.region && left.since === right.since;
}

function isSameSeat(left: Seat, right: Seat): boolean {
  const isAtSame = left.peerAddress === right.peerAddress && left.httpUrl === right.httpUrl;
  return isAtSame && isSameTenure(left, right);
}

function formerOf({ id, since, peerAddress }: Seat): Former {
  return { id, since, peerAddress };
}

function sorted(seats: Seat[]): Seat[] {
  return seats.sort((left, right) => (left.id < right.id ? -1 : 1));
}
