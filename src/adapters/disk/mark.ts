// How much of a disk must stay free. The mark follows from the writes that it has to cover (trap
// 78), not from the size of the disk:
//
//   growth       LevelDB writes one buffer out while the next one and its log fill: two buffers of
//                16 MiB
//   compaction   LevelDB writes the merged tables before it deletes the old ones. Its largest merge
//                takes all tables of level 0, at most 12 of one buffer each, and the tables that
//                overlap them: 256 MiB; never more than is stored
//
// The floor is 64 MiB, or a third of a volume so small that a third of it is less. Above the floor
// the mark grows with the stored data, up to 288 MiB on a disk of any size. Deletes are accepted
// down to 4 MiB. Entries of peers are refused slightly below the mark, so two replicas that fill at
// the same rate do not stop each other's writes at the same moment.

import type { DiskRoom } from '../../model/disk.ts';

/** As reported by the file system. */
export interface DiskUse {
  /** What this process may still use. */
  readonly availableBytes: number;
  readonly totalBytes: number;
  /**
   * The size of the database; beyond the bound of a merge an estimate is as good as the exact size.
   */
  readonly storedBytes: number;
}

const MIB = 1024 * 1024;
const GROWTH_BYTES = 32 * MIB;
/** A merge needs at most this much room, even in a larger database. */
export const COMPACTION_BYTES_MAX = 256 * MIB;
const FLOOR_BYTES = 64 * MIB;
/** The share of a small volume that is kept free for growth and for the floor. */
const SHARE_MAX = 1 / 3;
const PEER_BYTES = 16 * MIB;
const DELETE_BYTES = 4 * MIB;

/** With less free space than this, values of clients are refused. */
export function lowWaterMark({ storedBytes, totalBytes }: DiskUse): number {
  const most = Math.floor(totalBytes * SHARE_MAX);
  const growth = Math.min(GROWTH_BYTES, most);
  const floor = Math.min(FLOOR_BYTES, most);
  return Math.max(growth + Math.min(storedBytes, COMPACTION_BYTES_MAX), floor);
}

export function roomOf(use: DiskUse, low: boolean): DiskRoom {
  const { availableBytes } = use;
  const mark = lowWaterMark(use);
  return {
    low,
    putBytes: low ? 0 : Math.max(availableBytes - mark, 0),
    peerBytes: Math.max(availableBytes - Math.max(mark - PEER_BYTES, mark / 2), 0),
    deleteBytes: Math.max(availableBytes - Math.min(DELETE_BYTES, mark / 4), 0),
  };
}
