// Whether this replica still holds everything that it once acknowledged.
//
//   returning    its directory was empty, or peers hold more of its own writes than it does: writes
//                that it acknowledged may be missing here. It accepts writes from its peers, but
//                serves no client and counts in no quorum until it has everything that every other
//                member holds: any single one may be the only other holder of a write that it
//                acknowledged. If all members are empty, a cluster begins, and a majority suffices.
//                A replica that copies a snapshot is out of service likewise, until it has caught
//                up after it. Peers' memories of its vector reveal an old copy of a directory that
//                had written nothing since (memory.ts). Writes that no member has when the return
//                ends are lost for good: they are written off, and later reports of them begin no
//                other return.
//   caught up    a majority was heard, and everything that the connected peers held when they
//                greeted is durable here
//
// The goal is fixed at the greeting. Peers keep writing, and their present position might never be
// reached over a saturated link, though everything that this replica ever acknowledged is here. Its
// lag is a separate question (read-admission.ts). The goal is set again if the peer is another
// process, or if something was found missing or was copied since.

import { assert } from '../base/assert.ts';
import type { Outbox } from '../model/effect.ts';
import type { LaneId } from '../model/id.ts';
import { type Storage, UNREADABLE } from '../model/port.ts';
import {
  type ReadonlyVector,
  type Vector,
  type VectorEntries,
  dominates,
  mergeVector,
  seqOf,
} from '../model/vector.ts';
import { sealNothing } from '../store/envelope.ts';
import { metaKey } from '../store/layout.ts';
import { decode, encode } from '../peers/memory.ts';
import type { Peer, Peers } from '../peers/peers.ts';
import type { Held } from '../store/held.ts';
import type { Log } from '../store/log.ts';
import type { Settings } from '../model/settings.ts';

const RETURNING = metaKey('returning');
const WRITTEN_OFF = metaKey('written-off');

interface Goal {
  readonly life: LaneId | undefined;
  readonly holds: ReadonlyVector;
}

export interface CatchUpOptions {
  readonly get: Storage['get'];
  readonly held: Held;
  readonly log: Log;
  readonly peers: Peers;
  readonly settings: Settings;
}

export class CatchUp {
  readonly #options: CatchUpOptions;
  /** The members with which it must catch up first. */
  #return: 'none' | 'majority' | 'all' = 'none';
  /** What other replicas remember that this one held, if that is more than it has. */
  readonly #missed: Vector = new Map();
  readonly #writtenOff: Vector = new Map();
  /**
   * By member: its vector when this replica began to catch up with it, and its incarnation then.
   */
  readonly #goals: (Goal | undefined)[] = [];
  #isCopying = false;
  #isCaughtUp = false;

  constructor(options: CatchUpOptions) {
    this.#options = options;
  }

  get isReturning(): boolean {
    return this.#return !== 'none';
  }

  get isCaughtUp(): boolean {
    return this.#isCaughtUp;
  }

  /**
   * The directory is read. A replica without other members has none to ask. An unfinished return
   * continues.
   */
  begin(isEmpty: boolean, out: Outbox): void {
    assert(this.#return !== 'all', 'catch-up: the directory is read once');
    const { get, settings } = this.#options;
    if (settings.members.length === 1) return;
    const writtenOff = get(WRITTEN_OFF);
    if (writtenOff !== undefined && writtenOff !== UNREADABLE)
      mergeVector(this.#writtenOff, new Map(decode(writtenOff)));
    if (isEmpty || get(RETURNING) !== undefined) this.#returnToAll(out);
  }

  /** The copy of a snapshot has begun, or ended. */
  onCopy(isCopying: boolean): void {
    this.#isCopying = isCopying;
    if (!isCopying) return;
    this.#isCaughtUp = false;
    this.#goals.length = 0;
    if (this.#return === 'none') this.#return = 'majority';
  }

  /**
   * Replicas send only durable entries. So if a peer has more of earlier incarnations of this
   * replica, the local disk has lost them. True if that was found just now.
   */
  onLearned(vector: VectorEntries, isOwn: (origin: LaneId) => boolean, out: Outbox): boolean {
    if (this.#return === 'all') return false;
    const { log } = this.#options;
    const lost = vector.find(([origin, seq]) => isOwn(origin) && seq > log.received(origin));
    if (lost === undefined) return false;
    this.#onLost(lost, out);
    return true;
  }

  /**
   * A peer reports the vector that it remembers of this replica. True if this is news and more than
   * is here.
   */
  onRemembered(vector: VectorEntries, out: Outbox): boolean {
    const { log } = this.#options;
    const missed = vector.filter(
      ([origin, seq]) => seq > log.received(origin) && seq > seqOf(this.#writtenOff, origin),
    );
    const [first] = missed;
    if (first === undefined) return false;
    mergeVector(this.#missed, new Map(missed));
    if (this.#return === 'all') return false;
    this.#onLost(first, out);
    return true;
  }

  /** Evaluates the state again; returns whether a return has just ended. */
  check(isOpen: boolean, out: Outbox): boolean {
    if (this.#isCaughtUp || this.#isCopying) return false;
    const { peers } = this.#options;
    const greeted = peers.greeted();
    for (const peer of greeted) this.#aim(peer);
    if (!peers.isMajority(greeted.length)) return false;
    const isNew = greeted.every((peer) => peer.holds.size === 0);
    const others = this.#return === 'all' && !isNew ? peers.all() : greeted;
    if (!others.every((peer) => this.#hasReached(peer))) return false;
    const hasReturned = this.isReturning;
    if (this.#return === 'all') {
      out.del(RETURNING);
      this.#writeOff(out);
    }
    assert(!this.#isCopying, 'catch-up: a copy is no return');
    assert(this.#missed.size === 0, 'catch-up: what was missed is here, or is written off');
    this.#return = 'none';
    this.#isCaughtUp = isOpen;
    if (isOpen) this.#goals.length = 0;
    return hasReturned;
  }

  #aim({ member, life, holds }: Peer): void {
    if (this.#goals[member.index]?.life !== life)
      this.#goals[member.index] = { life, holds: new Map(holds) };
  }

  #hasReached({ member }: Peer): boolean {
    const goal = this.#goals[member.index];
    return goal !== undefined && this.#hasAll(goal.holds);
  }

  /** Entries that wait for their time have arrived, so they count as held. */
  #hasAll(holds: ReadonlyVector): boolean {
    const { held, log } = this.#options;
    if (held.isEmpty) return dominates(log.durable, holds);
    for (const [origin, seq] of holds)
      if (seq > seqOf(log.durable, origin) && !held.isSilent(origin)) return false;
    return true;
  }

  /** `known`: what a peer knows of a log that this replica has less of. */
  #onLost([origin, known]: VectorEntries[number], out: Outbox): void {
    this.#returnToAll(out);
    this.#isCaughtUp = false;
    out.note('error', 'data-lost', { origin, held: this.#options.log.received(origin), known });
  }

  #writeOff(out: Outbox): void {
    const { held, log } = this.#options;
    const lost = [...this.#missed].filter(
      ([origin, seq]) => seq > seqOf(log.durable, origin) && !held.isSilent(origin),
    );
    this.#missed.clear();
    if (lost.length === 0) return;
    for (const [origin, seq] of lost) {
      assert(seq > seqOf(this.#writtenOff, origin), 'catch-up: what is written off only grows');
      this.#writtenOff.set(origin, seq);
    }
    out.put(WRITTEN_OFF, encode([...this.#writtenOff]));
    out.note('error', 'data-written-off', { logs: this.#writtenOff.size });
  }

  /** Stored, so that a restart in between does not take the present state for the complete one. */
  #returnToAll(out: Outbox): void {
    assert(this.#return !== 'all', 'catch-up: a return to all begins once');
    this.#return = 'all';
    this.#goals.length = 0;
    out.put(RETURNING, sealNothing());
  }
}

/** Stored notes whose existence proves that a directory has lost acknowledged writes. */
export function returningKey(): Uint8Array {
  return RETURNING;
}
