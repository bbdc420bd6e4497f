// The logs of this replica's own incarnations, in their order; the last one is the current
// incarnation's. Senders and writers share the list, so it is changed in place.

import { assert } from '../base/assert.ts';
import { incarnationOf, type LaneId, type ReplicaId, replicaOf, type Seq } from '../model/id.ts';
import { type ReadonlyVector, type VectorEntries, seqOf } from '../model/vector.ts';
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

  /** After recovery: the logs of earlier incarnations, and the current one, which is empty. */
  begin(log: Log, current: LaneId): void {
    assert(log.lane(current) === undefined, 'own lanes: a new incarnation has no log yet');
    const earlier = [...log.lanes()].filter((lane) => this.isOwn(lane.id));
    assert(this.list.length === 0, 'own lanes: begun once');
    earlier.sort((a, b) => incarnationOf(a.id) - incarnationOf(b.id));
    this.list.push(...earlier, log.open(current));
    assert(this.list.at(-1)?.id === current, 'own lanes: the current incarnation is the last');
  }

  /**
   * The log of an earlier incarnation was found, or continues in another lane; false if that is
   * already known.
   */
  take(lane: Lane): boolean {
    assert(this.isOwn(lane.id), 'own lanes: a lane of this replica');
    if (this.list.includes(lane)) return false;
    const at = this.list.findIndex((own) => own.id === lane.id);
    if (at >= 0) {
      this.list[at] = lane;
      return true;
    }
    const life = incarnationOf(lane.id);
    const behind = this.list.findIndex((own) => incarnationOf(own.id) > life);
    assert(behind >= 0, 'own lanes: the current incarnation is the last');
    this.list.splice(behind, 0, lane);
    return true;
  }

  /** Entries that a peer may lack, undurable ones included. */
  headsBeyond(holds: ReadonlyVector): VectorEntries {
    const heads: [LaneId, Seq][] = [];
    for (const lane of this.list)
      if (lane.received > seqOf(holds, lane.id)) heads.push([lane.id, lane.received]);
    return heads;
  }
}
