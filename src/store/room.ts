// Counts down how much may still be written before the next measurement of the disk. Writes between
// the last two measurements may still be in progress, so they count against the last one.

import { present } from '../base/assert.ts';
import { type DiskRoom, ROOM_UNBOUNDED } from '../model/disk.ts';
import { encodedOf, type Mutation, type Operation, type Record } from '../model/record.ts';

/** A write is stored twice, as an entry of the log and as a record, with their overhead. */
const COPIES = 2;
const MORE_BYTES = 512;

export class Room {
  #room: DiskRoom = ROOM_UNBOUNDED;
  #spent = 0;
  #spentBefore = 0;

  /** The disk is below its mark. */
  get isLow(): boolean {
    return this.#room.low;
  }

  onLook(room: DiskRoom): void {
    this.#room = room;
    this.#spentBefore = this.#spent;
    this.#spent = 0;
  }

  /** True if there is room for a client's write of this many bytes. */
  takes(operation: Operation, bytes: number): boolean {
    const { putBytes, deleteBytes } = this.#room;
    return this.#fits(bytes, operation === 'delete' ? deleteBytes : putBytes);
  }

  /** True if there is room for entries of a peer. */
  takesFromPeer(bytes: number): boolean {
    return this.#fits(bytes, this.#room.peerBytes);
  }

  /** How many of these entries, from the first one on, have room. */
  fitting(entries: readonly Pick<Mutation, 'operation' | 'bytes'>[]): number {
    const { peerBytes, deleteBytes } = this.#room;
    let cost = this.#spentBefore + this.#spent;
    for (let at = 0; at < entries.length; at++) {
      const { operation, bytes } = present(entries[at], 'room: within the entries');
      cost += costOf(bytes.length);
      if (cost > (operation === 'delete' ? deleteBytes : peerBytes)) return at;
    }
    return entries.length;
  }

  /**
   * For copies of records for which no client waits: their holder offers them again. False if there
   * is no room.
   */
  takeCopies(records: readonly Record[]): boolean {
    const total = records.reduce((sum, record) => sum + encodedOf(record).length, 0);
    if (!this.takesFromPeer(total)) return false;
    this.spend(total);
    return true;
  }

  /** This many bytes were handed over to be written. */
  spend(bytes: number): void {
    this.#spent += costOf(bytes);
  }

  #fits(bytes: number, room: number): boolean {
    return this.#spentBefore + this.#spent + costOf(bytes) <= room;
  }
}

function costOf(bytes: number): number {
  return COPIES * bytes + MORE_BYTES;
}
