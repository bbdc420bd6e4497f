// Entries of other replicas that lost here on arrival, because their key had a newer version. The
// acknowledgement that covers them reports them to their replica, so that a writer whose write is
// visible nowhere learns of it with the reply; a greeting reports them again, because an
// acknowledgement can be lost with its connection.
//
// Bound: the latest entries of each replica, as many as one message carries. Beyond it the oldest
// is not reported.

import { assert, present } from '../base/assert.ts';
import { type ReplicaId, replicaOf } from '../model/id.ts';
import { SUPERSEDED_MAX, type Superseded } from '../model/message.ts';
import { isTombstone, latestOf, type Mutation, type Record } from '../model/record.ts';
import { covers, type ReadonlyVector } from '../model/vector.ts';

interface Losses {
  readonly list: Superseded[];
  /** How many entries at the end of the list are not reported yet. */
  untold: number;
}

export class Supersessions {
  readonly #byReplica = new Map<ReplicaId, Losses>();

  note({ origin, seq }: Mutation, winner: Record): void {
    const replica = replicaOf(origin);
    let losses = this.#byReplica.get(replica);
    if (losses === undefined) {
      losses = { list: [], untold: 0 };
      this.#byReplica.set(replica, losses);
    }
    const { hlc, origin: by, seq: bySeq } = latestOf(winner);
    const isLive = !isTombstone(winner);
    losses.list.push({ origin, seq, by: { hlc, origin: by, seq: bySeq }, isLive });
    if (losses.list.length > SUPERSEDED_MAX) losses.list.shift();
    assert(losses.list.length <= SUPERSEDED_MAX, 'supersessions: as many as a message carries');
    losses.untold = Math.min(losses.untold + 1, losses.list.length);
  }

  /**
   * Durable entries of the replica that were not reported yet; from now on they count as reported.
   */
  take(replica: ReplicaId, durable: ReadonlyVector): readonly Superseded[] | undefined {
    const losses = this.#byReplica.get(replica);
    if (losses === undefined || losses.untold === 0) return undefined;
    assert(losses.untold <= losses.list.length, 'supersessions: what was not told is remembered');
    const from = losses.list.length - losses.untold;
    let to = from;
    while (
      to < losses.list.length &&
      covers(durable, present(losses.list[to], 'supersessions: within the list'))
    )
      to++;
    if (to === from) return undefined;
    losses.untold = losses.list.length - to;
    return losses.list.slice(from, to);
  }

  /** All remembered entries of the replica that are durable here. */
  all(replica: ReplicaId, durable: ReadonlyVector): readonly Superseded[] | undefined {
    const known = this.#byReplica.get(replica)?.list.filter((each) => covers(durable, each)) ?? [];
    return known.length === 0 ? undefined : known;
  }
}
