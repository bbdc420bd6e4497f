// The logs of this replica's own lives, in their order; the last one is the current life's. Senders and writers share the
// list, so it is changed in place.

import { assert } from '../base/assert.ts';
import { incarnationOf, type LaneId, type ReplicaId, replicaOf, type Seq } from '../model/id.ts';
import type { VectorEntries } from '../model/message.ts';
import { type ReadonlyVector, seqOf } from '../model/vector.ts';
import type { Lane } from './lane.ts';
import type { Log } from './log.ts';

export class OwnLanes {
  readonly list: Lane[] = [];
  readonly #self: ReplicaId;

  constructor(self: ReplicaId) {
    this.#self = self;
  }

  isOwn(origin: LaneId): boolean {
    return replicaOf(origin) === this.#self;
  }

  /** After recovery: what is held of earlier lives, and the current one, which has no log yet. */
  begin(log: Log, current: LaneId): void {
    assert(log.lane(current) === undefined, 'a new life has no log yet');
    const earlier = [...log.lanes()].filter((lane) => this.isOwn(lane.id));
    earlier.sort((a, b) => incarnationOf(a.id) - incarnationOf(b.id));
    this.list.push(...earlier, log.open(current));
  }

  /** The log of an earlier life was found, or goes on in another lane; false when that is known already. */
  take(lane: Lane): boolean {
    if (this.list.includes(lane)) return false;
    const at = this.list.findIndex((own) => own.id === lane.id);
    if (at >= 0) {
      this.list[at] = lane;
      return true;
    }
    const life = incarnationOf(lane.id);
    const behind = this.list.findIndex((own) => incarnationOf(own.id) > life);
    assert(behind >= 0, 'the current life is the last');
    this.list.splice(behind, 0, lane);
    return true;
  }

  /** As far as a peer may lack them, accepted entries that are not durable included. */
  headsBeyond(holds: ReadonlyVector): VectorEntries {
    const heads: [LaneId, Seq][] = [];
    for (const lane of this.list)
      if (lane.received > seqOf(holds, lane.id)) heads.push([lane.id, lane.received]);
    return heads;
  }
}
