// Sets of members, each a number with one bit per member, so that counting a quorum costs some
// instructions and no object. A member is its index in the list of members. To the compiler a set
// is not a number: outside of this file only the verbs below combine sets, and no operators.
//
// Invariant: (1) a member's index is from 0 to MEMBERS_MAX - 1. This limits a cluster to 31
// replicas, because bit operators take 32 bits, of which one is the sign.
//
// The names are those of the `Set` of ECMAScript 2025, but every verb returns a set and changes
// none.

import { assert } from '../base/assert.ts';

declare const memberSet: unique symbol;

export interface MemberSet {
  readonly [memberSet]: true;
}

export const MEMBERS_MAX = 31;

export const NO_MEMBERS: MemberSet = asSet(0);

export function single(member: number): MemberSet {
  return asSet(bitOf(member));
}

export function setOf(members: Iterable<number>): MemberSet {
  let bits = 0;
  for (const member of members) bits |= bitOf(member);
  return asSet(bits);
}

/** All members of a cluster of `count`. */
export function firstMembers(count: number): MemberSet {
  assert(count <= MEMBERS_MAX, 'member set (1): more members than a set holds');
  return asSet(2 ** count - 1);
}

export function has(set: MemberSet, member: number): boolean {
  return (bitsOf(set) & bitOf(member)) !== 0;
}

export function add(set: MemberSet, member: number): MemberSet {
  return asSet(bitsOf(set) | bitOf(member));
}

export function remove(set: MemberSet, member: number): MemberSet {
  return asSet(bitsOf(set) & ~bitOf(member));
}

export function union(left: MemberSet, right: MemberSet): MemberSet {
  return asSet(bitsOf(left) | bitsOf(right));
}

export function intersection(left: MemberSet, right: MemberSet): MemberSet {
  return asSet(bitsOf(left) & bitsOf(right));
}

/** The members of `left` that are not in `right`. */
export function difference(left: MemberSet, right: MemberSet): MemberSet {
  return asSet(bitsOf(left) & ~bitsOf(right));
}

/** `right` has every member of `left`. */
export function isSubset(left: MemberSet, right: MemberSet): boolean {
  return (bitsOf(left) & ~bitsOf(right)) === 0;
}

export function isEmpty(set: MemberSet): boolean {
  return bitsOf(set) === 0;
}

export function sizeOf(set: MemberSet): number {
  let rest = bitsOf(set);
  let size = 0;
  while (rest !== 0) {
    rest &= rest - 1;
    size++;
  }
  return size;
}

/** In the order of their indexes. */
export function listOf(set: MemberSet): number[] {
  const members: number[] = [];
  for (let rest = bitsOf(set); rest !== 0; rest &= rest - 1)
    members.push(31 - Math.clz32(rest & -rest));
  return members;
}

/** As a message carries it: member n as bit n. */
export function bitsOf(set: MemberSet): number {
  return set as unknown as number;
}

/** `undefined` where the bits are those of no set. */
export function readBits(bits: number): MemberSet | undefined {
  const isSet = Number.isInteger(bits) && bits >= 0 && bits < 2 ** MEMBERS_MAX;
  return isSet ? asSet(bits) : undefined;
}

function asSet(bits: number): MemberSet {
  return bits as unknown as MemberSet;
}

function bitOf(member: number): number {
  assert(member >= 0 && member < MEMBERS_MAX, 'member set (1): not the index of a member');
  return 1 << member;
}
