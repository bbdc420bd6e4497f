import { beforeEach, describe, expect, it } from 'vitest';
import type { ReplicaId } from '../../../src/model/id.ts';
import { isTombstone, type Mutation, type Record, recordOf } from '../../../src/model/record.ts';
import { expiryKey, recordKey } from '../../../src/store/layout.ts';
import { Expiry, ownsExpiryOf } from '../../../src/upkeep/expiry.ts';
import { key, membersOf, namespace, origin, run, settingsOf } from '../../support/build.ts';
import { MachineRoom, ownOrigin } from '../../support/machine-room.ts';

const NS = namespace('ns');
const OWN = ownOrigin(1);
const EU1 = origin('eu-1.1');
const PIECE = 64;
const TTL_MS = 500;

let room: MachineRoom;
let expiry: Expiry;
let deadlineMs: number;
/** Deletes that were requested, by key, and their results. */
let deleted: string[];
let healed: string[];
let hasRoom: boolean;
let isRefused: boolean;

beforeEach(() => {
  room = new MachineRoom();
  deadlineMs = room.now.wallMs + TTL_MS;
  hasRoom = true;
  isRefused = false;
  start();
});

/** Deletes are written to the log of this replica, like its own writes. */
function start(incarnation = 1): void {
  deleted = [];
  healed = [];
  const deleter = {
    get hasRoom() {
      return hasRoom;
    },
    expire(record: Record): boolean {
      deleted.push(record.key);
      if (isRefused) return false;
      const { key: name } = record;
      room.deliver(room.next(ownOrigin(incarnation), { key: name, operation: 'delete' }));
      return true;
    },
  };
  expiry = new Expiry(room.core, deleter, (_, name) => void healed.push(name));
}

/** Values that expire at the deadline, or this many ms after it. */
const expiring = (of: typeof OWN, count: number, afterMs = 0): Mutation[] =>
  run(of, count, (seq) => ({ key: key(`k${seq}`), expiresAtMs: deadlineMs + afterMs }));

/** A heartbeat is due this long before or after the deadline: one piece is read. */
function beat(afterMs = 0, isServing = true): void {
  room.pass(deadlineMs + afterMs - room.now.wallMs);
  expiry.onBeat(isServing, room.turn);
  room.readOnce();
  room.commit();
}

const isFiled = (name: string): boolean =>
  room.disk.get(expiryKey(deadlineMs, NS, key(name))) !== undefined;
const isDeleted = (name: string): boolean => {
  const { record } = room.core.table.read(NS, key(name));
  return record !== undefined && isTombstone(record);
};

describe('a value with a deadline', () => {
  it('is deleted at its deadline, and not before', () => {
    room.hold(...expiring(OWN, 1));
    beat(-1);
    expect(deleted).toEqual([]);
    beat(0);
    expect([isDeleted('k1'), isFiled('k1')]).toEqual([true, false]);
    expect(room.core.metrics.expirationsDeleted).toBe(1);
    beat(1);
    expect(deleted).toEqual(['k1']);
  });

  it('is left to the replica that stamped the deadline', () => {
    room.hold(...expiring(EU1, 1));
    beat(1);
    expect(deleted).toEqual([]);
  });

  it('is deleted in a later incarnation as well', () => {
    room.hold(...expiring(OWN, 1));
    room = room.restarted();
    start(2);
    beat(1);
    expect(isDeleted('k1')).toBe(true);
  });

  it('that was renewed is not deleted at its first deadline', () => {
    room.hold(...expiring(OWN, 1));
    room.hold(room.next(OWN, { key: key('k1'), expiresAtMs: deadlineMs + 100 }));
    beat(1);
    expect(deleted).toEqual([]);
    beat(100);
    expect(deleted).toEqual(['k1']);
  });

  it.each([
    ['a value of another replica', EU1, 0],
    ['a value with a later deadline', OWN, 100],
  ])('is removed from the index only if %s is stored by now', (_, of, afterMs) => {
    room.hold(...expiring(OWN, 1));
    // A damaged record may leave an entry like this: the write did not know of it.
    room.disk.damage(recordKey(NS, key('k1')));
    room = room.restarted();
    start(2);
    const other = room.next(of, { key: key('k1'), expiresAtMs: deadlineMs + afterMs });
    room.core.table.heal(recordOf(other), room.turn);
    room.commit();
    expect(isFiled('k1')).toBe(true);
    beat(1);
    expect([deleted, isFiled('k1')]).toEqual([[], false]);
  });

  it('is repaired if its record is damaged, and stays in the index', () => {
    room.hold(...expiring(OWN, 1));
    room = room.restarted();
    start(2);
    room.disk.flip(recordKey(NS, key('k1')), 99);
    beat(1);
    expect([healed, deleted, isFiled('k1')]).toEqual([['k1'], [], true]);
  });

  it('that may not be deleted yet is tried again with the next heartbeat', () => {
    room.hold(...expiring(OWN, 1));
    isRefused = true;
    beat(1);
    expect([isFiled('k1'), room.core.metrics.expirationsDeleted]).toEqual([true, 0]);
    isRefused = false;
    beat(2);
    expect(isDeleted('k1')).toBe(true);
  });

  it('removes an entry of the index that names nothing', () => {
    const nothing = new Uint8Array([...expiryKey(deadlineMs, NS, key('')).subarray(0, 9), 0x6e]);
    room.disk.write({ keys: [nothing], values: [new Uint8Array(0)] }, true);
    beat(1);
    expect(room.disk.get(nothing)).toBeUndefined();
  });
});

describe('a walk over what has expired', () => {
  const left = (): number => (3 * PIECE - deleted.length) / PIECE;

  beforeEach(() => room.hold(...expiring(OWN, 3 * PIECE)));

  it('processes a piece with a heartbeat, and continues with commits, as fast as writes come in', () => {
    beat();
    expect(left()).toBe(2);
    beat();
    expect(left()).toBe(2);
    expiry.onDurable(PIECE, room.turn);
    room.read();
    expect(left()).toBe(0);
  });

  it('stops while the replica does not serve', () => {
    beat(0, false);
    expect(left()).toBe(3);
    beat();
    beat(0, false);
    expiry.onDurable(PIECE, room.turn);
    expect(room.turn.reads).toEqual([]);
    expect(left()).toBe(2);
    beat();
    expiry.onDurable(1, room.turn);
    room.read();
    expect(left()).toBeLessThan(2);
  });

  it('drops what it has read if the replica no longer serves', () => {
    room.pass(TTL_MS);
    expiry.onBeat(true, room.turn);
    expiry.onBeat(false, room.turn);
    room.read();
    expect(left()).toBe(3);
  });

  it('stops while there is no room for more writes', () => {
    hasRoom = false;
    beat();
    expiry.onDurable(PIECE, room.turn);
    room.read();
    expect(left()).toBe(3);
    hasRoom = true;
    beat();
    expect(left()).toBeLessThan(3);
  });

  it('that cannot be read reports it, and deletes nothing', () => {
    room.disk.damage(expiryKey(deadlineMs, NS, key('k1')));
    beat();
    expect([room.noted(), left()]).toEqual([['expiry-unreadable'], 3]);
  });
});

describe('the deadlines of a replica', () => {
  const ownsAt = (self: number) => ownsExpiryOf(settingsOf(membersOf(['ap', 'eu']), self));
  const [AP, EU, GONE] = ['ap-1', 'eu-1', 'zz-1'] as ReplicaId[] as [
    ReplicaId,
    ReplicaId,
    ReplicaId,
  ];

  it('are its own, and the first member has those of a replica that is no member any more', () => {
    expect([AP, EU, GONE].map(ownsAt(0))).toEqual([true, false, true]);
    expect([AP, EU, GONE].map(ownsAt(1))).toEqual([false, true, false]);
  });
});
