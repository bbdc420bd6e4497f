// How much of a disk must stay free, derived from what it has to cover (trap 78), not from the size of the disk:
//
//   growth       LevelDB writes a buffer out while the next one and its log fill: two buffers of 16 MiB
//   compaction   it writes what it merges once more before it deletes the old files. Its largest merge takes all tables of
//                level 0, at most 12 of a buffer each, and what overlaps them: 256 MiB; never more than is stored
//
// The floor is 64 MiB, or a third of a volume that is smaller than that takes. Above it the mark follows what is stored, up to
// 288 MiB, however large the disk. Deletes go on down to 4 MiB; what peers send stops a little below the mark, so that two
// replicas that fill at the same pace do not stop each other's writes at once.

import type { DiskRoom } from '../../model/disk.ts';

/** As the file system says. */
export interface DiskUse {
  /** What this process may still use. */
  readonly availableBytes: number;
  readonly totalBytes: number;
  /** What the database takes, as far as that matters: it may say more. */
  readonly storedBytes: number;
}

const MIB = 1024 * 1024;
const GROWTH_BYTES = 32 * MIB;
/** A database that is larger needs no more room than this for a merge. */
export const COMPACTION_BYTES_MAX = 256 * MIB;
const FLOOR_BYTES = 64 * MIB;
/** Of a small volume, for growth and for the floor. */
const SHARE_MAX = 1 / 3;
const PEER_BYTES = 16 * MIB;
const DELETE_BYTES = 4 * MIB;

/** Below this a client's values are refused. */
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
