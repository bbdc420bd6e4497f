// Whether this replica may serve a client's session (model/session.ts): it must show everything
// that the session has read and written. What it lacks is on its way, or at some other member, or
// lost:
//
//   shown     it is applied here
//   awaited   some member holds it, or a member that may hold it cannot be asked now
//   lost      the incarnation that made it is over, every member is heard and says what it holds,
//             and none of them holds it: the disks that had it are gone

import type { Now } from '../model/effect.ts';
import type { Session, SessionFacts } from '../model/session.ts';
import {
  type Dot,
  incarnationOf,
  type LaneId,
  type Origin,
  replicaOf,
  type ReplicaId,
} from '../model/id.ts';
import { isEmpty } from '../model/member-set.ts';
import { covers, seqOf, type Vector } from '../model/vector.ts';
import type { Peer, Peers } from '../peers/peers.ts';
import type { Settings } from '../model/settings.ts';
import type { Log } from '../store/log.ts';
import type { Shows } from '../store/record-reads.ts';

export interface SessionsOptions {
  readonly log: Log;
  readonly origin: Origin;
  readonly peers: Peers;
  readonly settings: Settings;
}

/**
 * Entries that a replica sent before it died arrive, and are reported, within this many heartbeats.
 * Until then nothing counts as lost.
 */
export const LOST_BEATS = 6;

export class Sessions implements SessionFacts {
  readonly #options: SessionsOptions;
  #replicas: readonly ReplicaId[] = [];
  /** The number of lanes when `#replicas` was made. */
  #lanes = -1;
  /**
   * Entries that every member shows. They count as shown everywhere until a peer sends its greeting
   * again.
   */
  readonly #everywhere: Vector = new Map();
  #epoch = -1;

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  /** The first entry of the session that is not shown here. A list shows what is durable. */
  lacking(session: Session, shows: Shows): Dot | undefined {
    const { log } = this.#options;
    const durable = shows === 'durable' ? log.shown : undefined;
    for (const [origin, seq] of session) {
      const shown = durable === undefined ? log.applied(origin) : seqOf(durable, origin);
      if (shown < seq) return { origin, seq };
    }
    return undefined;
  }

  /** A peer that holds an entry and can be asked for it. */
  holderOf(dot: Dot): Peer | undefined {
    return this.#options.peers.greeted().find(({ holds }) => covers(holds, dot));
  }

  /** Every member shows the entry, and everything before it in its lane. */
  isEverywhere(dot: Dot): boolean {
    const { log, peers } = this.#options;
    if (peers.epoch !== this.#epoch) {
      this.#everywhere.clear();
      this.#epoch = peers.epoch;
    }
    if (covers(this.#everywhere, dot)) return true;
    const isShown = peers.isShownByAll(dot, log.shown);
    if (isShown) this.#everywhere.set(dot.origin, dot.seq);
    return isShown;
  }

  isLost(dot: Dot, { monoMs }: Pick<Now, 'monoMs'>): boolean {
    const { log, peers } = this.#options;
    if (!isEmpty(peers.silent(monoMs))) return false;
    if (log.received(dot.origin) >= dot.seq || this.#mayGoOn(dot.origin)) return false;
    return peers.all().every(({ greeted, holds }) => greeted && !covers(holds, dot));
  }

  /** The incarnation of a lane may still be running: it holds what it has made. */
  #mayGoOn(lane: LaneId): boolean {
    const replica = replicaOf(lane);
    const { origin: own } = this.#options;
    if (replica === replicaOf(own)) return incarnationOf(lane) >= incarnationOf(own);
    const peer = this.#peerOf(replica);
    if (peer === undefined) return false;
    // A connection to a dead incarnation may still be open, because the next one is not known yet.
    const { greeted, life } = peer;
    return !greeted || life === undefined || incarnationOf(life) <= incarnationOf(lane);
  }

  replicas(): readonly ReplicaId[] {
    const { log, settings } = this.#options;
    if (this.#lanes !== log.laneCount) {
      const ids = [...settings.members.map(({ id }) => id), ...Array.from(log.lanes(), ownerOf)];
      this.#replicas = [...new Set(ids)];
      this.#lanes = log.laneCount;
    }
    return this.#replicas;
  }

  #peerOf(replica: ReplicaId): Peer | undefined {
    return this.#options.peers.all().find(({ member }) => member.id === replica);
  }
}

function ownerOf({ id }: { readonly id: LaneId }): ReplicaId {
  return replicaOf(id);
}
