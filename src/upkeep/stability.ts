// Which tombstones no member needs any more (causal stability: Baquero, Almeida, Shoker, "Pure
// Operation-Based Replicated Data Types", 2017). A tombstone cannot be dropped merely because every
// member has the delete: an older write concurrent with it may still be on its way to one of them,
// and would be taken for a new one. A member that has the delete issues only larger stamps from
// then on; so once all have what each had accepted when it had the delete, nothing older can
// arrive.
//
// Holding means to show here: an entry that waits in causal order can still become visible, and an
// older version with it.
//
//   cut -> barrier      `cut` is what every member held; each has been heard since, so what they
//                       hold together (`barrier`) includes everything that they had accepted before
//                       they had the cut
//   barrier -> settled  every member holds the barrier, and
//   settled -> done     each has been heard once more since: it held it, on its present disk, at
//                       one moment
//
// Then every delete in `cut` may be dropped, by each member on its own. A member that loses its
// disk after that moment returns with a log that has the delete, or with a snapshot of a replica
// that had everything older than it.
//
// A member that connects or disconnects starts a new round: the vector of a member counts while it
// is connected. So a member that is down keeps every tombstone that was not settled. Age drops
// nothing.
//
// One case remains: a replica that is started on an old copy of its disk without hearing another,
// and whose clock is behind, can stamp a write below a delete that the others have dropped.

import { assert } from '../base/assert.ts';
import type { Dot, ReplicaId } from '../model/id.ts';
import { PerMember } from '../model/per-member.ts';
import {
  covers,
  dominates,
  meetVectors,
  mergeVector,
  type ReadonlyVector,
  type Vector,
} from '../model/vector.ts';
import type { Log } from '../store/log.ts';
import type { Peers } from '../peers/peers.ts';

interface Round {
  readonly epoch: number;
  readonly cut: ReadonlyVector;
  barrier: ReadonlyVector | undefined;
  isHeld: boolean;
  /** How often each peer had been heard when the round reached its present step. */
  heard: PerMember<number>;
}

export class Stability {
  readonly #log: Log;
  readonly #peers: Peers;
  /** Heartbeats of each peer: each says everything that the peer held when it sent it. */
  readonly #reports = new PerMember(() => 0);
  #round: Round | undefined;
  #settled: ReadonlyVector = new Map();

  constructor(log: Log, peers: Peers) {
    this.#log = log;
    this.#peers = peers;
  }

  /** Deletes up to here are settled, and every member holds them now. */
  get cut(): ReadonlyVector {
    return meetVectors([this.#settled, this.#peers.shownCut(this.#log.shown)]);
  }

  /**
   * Members because of which a tombstone is kept: those that lack it, else those that cannot be
   * asked.
   */
  blockers(dot: Dot): ReplicaId[] {
    const lacking = this.#peers.all().filter(({ holds }) => !covers(holds, dot));
    const blocking = lacking.length > 0 ? lacking : this.#peers.all().filter((p) => !p.greeted);
    return blocking.map(({ member }) => member.id);
  }

  /** A heartbeat of the peer has arrived. */
  onHeartbeat(peer: number): void {
    this.#reports.set(peer, this.#reports.of(peer) + 1);
  }

  /** With every heartbeat. */
  onBeat(): void {
    const round = this.#round;
    if (round?.epoch !== this.#peers.epoch) this.#begin();
    else if (round.barrier === undefined) this.#gather(round);
    else if (!round.isHeld) this.#await(round, round.barrier);
    else if (this.#isHeardSince(round)) this.#finish(round);
  }

  #begin(): void {
    const { epoch } = this.#peers;
    this.#round = undefined;
    if (!this.#peers.all().every(({ greeted }) => greeted)) return;
    const cut = this.#peers.shownCut(this.#log.shown);
    this.#round = { epoch, cut, barrier: undefined, isHeld: false, heard: this.#heard() };
  }

  // cut -> barrier
  #gather(round: Round): void {
    if (!this.#isHeardSince(round)) return;
    const barrier: Vector = new Map(this.#log.durable);
    for (const { holds } of this.#peers.all()) mergeVector(barrier, holds);
    assert(round.barrier === undefined, 'stability: a round has one barrier');
    assert(dominates(barrier, round.cut), 'stability: the barrier includes the cut');
    round.barrier = barrier;
    this.#await(round, barrier);
  }

  // barrier -> settled
  #await(round: Round, barrier: ReadonlyVector): void {
    if (!dominates(this.#peers.shownCut(this.#log.shown), barrier)) return;
    round.isHeld = true;
    round.heard = this.#heard();
    if (this.#peers.all().length === 0) this.#finish(round);
  }

  // settled -> done
  #finish({ cut, isHeld }: Round): void {
    assert(isHeld, 'stability: a round ends once its barrier is held');
    this.#settled = cut;
    this.#begin();
  }

  #heard(): PerMember<number> {
    const heard = new PerMember(() => 0);
    for (const { member } of this.#peers.all())
      heard.set(member.index, this.#reports.of(member.index));
    return heard;
  }

  #isHeardSince({ heard }: Round): boolean {
    return this.#peers
      .all()
      .every(({ member: { index } }) => this.#reports.of(index) > heard.of(index));
  }
}
