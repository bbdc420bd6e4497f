// How much may still be written before the next measurement of the disk. The disk watch decides
// (adapters/disk/mark.ts); the core counts down. Writes that free room, above all deletes, are
// accepted longer than writes that take room.

export interface DiskRoom {
  /** Below its mark: clients' writes are refused, and dispensable files are released. */
  readonly low: boolean;
  /** Bytes of new values from clients. */
  readonly putBytes: number;
  /** Bytes that peers send. */
  readonly peerBytes: number;
  /** Bytes of deletes. */
  readonly deleteBytes: number;
}

/** The room is unbounded, as far as is known. */
export const ROOM_UNBOUNDED: DiskRoom = {
  low: false,
  putBytes: Number.POSITIVE_INFINITY,
  peerBytes: Number.POSITIVE_INFINITY,
  deleteBytes: Number.POSITIVE_INFINITY,
};

/**
 * Writes of clients are refused, deletes are accepted; so are entries of peers while there is room
 * for them.
 */
export const ROOM_LOW: DiskRoom = { ...ROOM_UNBOUNDED, low: true, putBytes: 0 };

/** The same, without room for entries of peers. */
export const ROOM_FULL: DiskRoom = { ...ROOM_LOW, peerBytes: 0 };
