import { expect, test } from 'vitest';
import { boot, type Configured, storedEpoch, storedIncarnation } from '../../../src/host/boot.ts';
import {
  bootMembership,
  type Membership,
  type Tenure,
  withPlace,
  without,
} from '../../../src/model/membership.ts';
import { nextIncarnation } from '../../../src/model/id.ts';
import { type Storage, UNREADABLE } from '../../../src/model/port.ts';
import type { Member } from '../../../src/model/quorum.ts';
import { beginningOf } from '../../../src/membership/succession.ts';
import { metaKey } from '../../../src/store/layout.ts';
import { membersOf } from '../../support/build.ts';

const MEMBERS = membersOf(['ap', 'eu', 'us']);
const [AP, EU] = MEMBERS as [Member, Member];
const FIRST = bootMembership(MEMBERS);

type Stored = Pick<Storage, 'get'>;

function configured(more: Partial<Configured> = {}): Configured {
  return { self: EU.id, members: MEMBERS, policiesAmong: () => [], ...more };
}

function directoryOf(membership: Membership, since = 1): Stored {
  const tenure: Tenure = { since, membership };
  const { keys, values } = beginningOf(tenure);
  return { get: (key) => values[keys.findIndex((each) => Buffer.compare(each, key) === 0)] };
}

const nothing: Stored = { get: () => undefined };

test('an empty directory begins with the configured members', () => {
  const begun = { kind: 'begun', members: MEMBERS, outsiders: [], policies: [] };
  expect(boot(nothing, configured())).toEqual(begun);
  expect(storedEpoch(nothing)).toBe(0);
  expect(storedIncarnation(nothing)).toBe(0);
});

test('the members that the directory remembers come before the configured ones', () => {
  const stored = directoryOf(without(FIRST, AP.id));
  const booted = boot(stored, configured());
  expect(booted).toMatchObject({ kind: 'begun', members: [{ id: 'eu-1' }, { id: 'us-1' }] });
  expect(storedEpoch(stored)).toBe(2);
});

test('in epoch 1 the members are reached where the configuration says', () => {
  const members = MEMBERS.map((member) => ({ ...member, peerAddress: `${member.id}.example:1` }));
  const booted = boot(directoryOf(FIRST), configured({ members }));
  expect(booted).toMatchObject({ kind: 'begun', members });
});

test('a replica that the others have removed is forgotten, even if one of its name joined again', () => {
  const removed = without(FIRST, EU.id);
  expect(boot(directoryOf(removed), configured())).toEqual({ kind: 'forgotten', epoch: 2 });
  const again = withPlace(removed, { ...EU, httpUrl: undefined });
  expect(boot(directoryOf(again), configured())).toEqual({ kind: 'forgotten', epoch: 3 });
});

test('policies that do not fit the remembered members are reported with the reason', () => {
  const policiesAmong = (members: readonly Member[]) => (members.length < 3 ? 'w is 3' : []);
  const stored = directoryOf(without(FIRST, AP.id));
  expect(boot(stored, configured({ policiesAmong }))).toEqual({ kind: 'unfit', reason: 'w is 3' });
});

test('what cannot be read is reported as damaged, never as absent', () => {
  const unreadable: Stored = { get: () => UNREADABLE };
  const garbled: Stored = { get: () => Uint8Array.of(1, 2, 3) };
  expect(boot(unreadable, configured())).toEqual({ kind: 'damaged' });
  expect(boot(garbled, configured())).toEqual({ kind: 'damaged' });
  expect(storedIncarnation(unreadable)).toBeUndefined();
  expect(
    storedIncarnation({
      get: (key) =>
        Buffer.compare(key, metaKey('incarnation')) === 0 ? Uint8Array.of(9) : undefined,
    }),
  ).toBeUndefined();
});

test('an incarnation has a number above the last, and a confirmed clock raises it', () => {
  const wallMs = Date.UTC(2026, 0, 1);
  expect(nextIncarnation(7, undefined)).toBe(8);
  expect(nextIncarnation(7, wallMs)).toBe(365 * 24 * 3600);
  expect(nextIncarnation(2 ** 31, wallMs)).toBe(2 ** 31 + 1);
});
