// How much may still be written before the next look at the disk. The disk watch decides (adapters/disk/mark.ts); the core counts
// down. What frees room, deletes above all, may go on longer than what takes it.

export interface DiskRoom {
  /** Below its mark: nothing new is taken from clients, and what can be given up is. */
  readonly low: boolean;
  /** Bytes of new values from clients. */
  readonly putBytes: number;
  /** Bytes of what peers send. */
  readonly peerBytes: number;
  /** Bytes of deletes. */
  readonly deleteBytes: number;
}

/** Nothing is known that would bound it. */
export const ROOM_UNBOUNDED: DiskRoom = {
  low: false,
  putBytes: Number.POSITIVE_INFINITY,
  peerBytes: Number.POSITIVE_INFINITY,
  deleteBytes: Number.POSITIVE_INFINITY,
};

/** Clients write nothing, deletes go on; so does what peers send, as long as there is room for that. */
export const ROOM_LOW: DiskRoom = { ...ROOM_UNBOUNDED, low: true, putBytes: 0 };

/** The same, and no room for what peers send. */
export const ROOM_FULL: DiskRoom = { ...ROOM_LOW, peerBytes: 0 };
