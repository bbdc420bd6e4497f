import { beforeEach, describe, expect, it } from 'vitest';
import type { DiskRoom } from '../../../src/model/disk.ts';
import { recordOf } from '../../../src/model/record.ts';
import { Room } from '../../../src/store/room.ts';
import { mutation } from '../../support/build.ts';

const LOOK: DiskRoom = { low: false, putBytes: 4000, deleteBytes: 9000, peerBytes: 6000 };

let room: Room;
beforeEach(() => {
  room = new Room();
  room.onLook(LOOK);
});

describe('room on the disk', () => {
  it('counts down with each write, by twice its size and a little more', () => {
    expect(room.takes('put', 1700)).toBe(true);
    expect(room.takes('put', 1800)).toBe(false);
    room.spend(1000);
    expect(room.takes('put', 400)).toBe(true);
    expect(room.takes('put', 1000)).toBe(false);
  });

  it('is kept longest for deletes', () => {
    room.spend(1700);
    expect(room.takes('put', 0)).toBe(false);
    expect(room.takesFromPeer(0)).toBe(true);
    expect(room.takes('delete', 0)).toBe(true);
  });

  it('includes what was written since the last measurement, because it may be under way', () => {
    room.spend(1700);
    room.onLook(LOOK);
    expect(room.takes('put', 0)).toBe(false);
    room.onLook(LOOK);
    expect(room.takes('put', 0)).toBe(true);
  });

  it('admits entries from the first one on, as far as they fit', () => {
    const entries = [mutation(), mutation(), mutation()].map(({ operation }) => ({
      operation,
      bytes: new Uint8Array(1000),
    }));
    expect(room.fitting(entries)).toBe(2);
    const copies = [1, 2, 3].map(() => recordOf(mutation({ value: new Uint8Array(900) })));
    expect(room.takeCopies(copies.slice(0, 1))).toBe(true);
    expect(room.takeCopies(copies)).toBe(false);
  });
});
