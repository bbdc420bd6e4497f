// Evidence of peers that this replica's directory is an old copy: an incarnation of ours that we do
// not know, or more of this one than we ever wrote.

import type { Outbox } from '../model/effect.ts';
import {
  type Incarnation,
  incarnationOf,
  type LaneId,
  type Origin,
  replicaOf,
} from '../model/id.ts';
import { type VectorEntries, latestIncarnation } from '../model/vector.ts';
import type { Log } from '../store/log.ts';
import type { OwnLanes } from '../store/own-lanes.ts';
import { writeIncarnation } from '../store/incarnation.ts';

export class StaleDisk {
  readonly #log: Log;
  readonly #own: OwnLanes;
  readonly #origin: Origin;
  readonly #incarnation: Incarnation;

  constructor(log: Log, own: OwnLanes, origin: Origin) {
    this.#log = log;
    this.#own = own;
    this.#origin = origin;
    this.#incarnation = incarnationOf(origin);
  }

  isProvedBy(vector: VectorEntries): boolean {
    for (const [of, seq] of vector) {
      if (of === this.#origin ? seq > this.#log.received(of) : this.isLaterLife(of)) return true;
    }
    return false;
  }

  /** This incarnation ends, and the next begins after the latest that any peer knows. */
  haltBehind(vector: VectorEntries, out: Outbox): void {
    const known = latestIncarnation(new Map(vector), replicaOf(this.#origin));
    writeIncarnation(Math.max(known, this.#incarnation), out);
    out.note('error', 'old-copy', { known, incarnation: this.#incarnation });
    out.halt(
      'peers know a later life of this replica: its disk is an old copy; starting again behind it',
    );
  }

  isLaterLife(of: LaneId): boolean {
    return this.#own.isOwn(of) && incarnationOf(of) > this.#incarnation;
  }
}
