// Whether this replica may speak for what it once acknowledged.
//
//   returning    its directory was empty, or peers hold more of its own writes than it does: what it acknowledged may be
//                missing here. It takes writes from its peers, but no client sees it and no quorum counts what it holds,
//                until it has all that every other member holds: any single one may be the only other with a write that
//                it acknowledged. Where nobody holds anything, a cluster begins, and a majority suffices.
//                A replica that copies a snapshot is out of service likewise, until it has caught up behind it.
//                What peers remember it to have held tells the same of an old copy that had written nothing since (memory.ts).
//                What nobody has any more when the return ends is lost for good: it is written off, and no later word of it
//                begins another return.
//   caught up    a majority was heard, and everything that the connected peers held when they greeted is durable here
//
// What has to be reached stands still. Peers go on writing, and what they hold now would never be reached over a way that is
// full, though everything that this replica ever acknowledged is here. How far it is behind them is another question, which
// read-admission.ts asks. The goal is set anew where the peer is another process, and where what is missing was found or copied since.

import type { Outbox } from '../model/effect.ts';
import type { LaneId } from '../model/id.ts';
import type { VectorEntries } from '../model/message.ts';
import { type Storage, UNREADABLE } from '../model/port.ts';
import {
  dominates,
  mergeVector,
  type ReadonlyVector,
  seqOf,
  type Vector,
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
  /** Whom it has to have caught up with before it speaks again. */
  #return: 'none' | 'majority' | 'all' = 'none';
  /** What this replica once held, as others remember, and more than is here. */
  readonly #missed: Vector = new Map();
  readonly #writtenOff: Vector = new Map();
  /** By member: what it held when this replica began to catch up with it, and the life in which it did. */
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

  /** The directory is read. A replica without others has nobody to ask. A return that was under way goes on. */
  begin(isEmpty: boolean, out: Outbox): void {
    const { get, settings } = this.#options;
    if (settings.members.length === 1) return;
    const writtenOff = get(WRITTEN_OFF);
    if (writtenOff !== undefined && writtenOff !== UNREADABLE)
      mergeVector(this.#writtenOff, new Map(decode(writtenOff)));
    if (isEmpty || get(RETURNING) !== undefined) this.#returnToAll(out);
  }

  /** A snapshot is being copied, or no longer. */
  onCopy(isCopying: boolean): void {
    this.#isCopying = isCopying;
    if (!isCopying) return;
    this.#isCaughtUp = false;
    this.#goals.length = 0;
    if (this.#return === 'none') this.#return = 'majority';
  }

  /**
   * Nothing leaves before it is durable, so who has more of our earlier lives has what this disk has lost. True when
   * that was found just now.
   */
  onLearned(vector: VectorEntries, isOwn: (origin: LaneId) => boolean, out: Outbox): boolean {
    if (this.#return === 'all') return false;
    const { log } = this.#options;
    const lost = vector.find(([origin, seq]) => isOwn(origin) && seq > log.received(origin));
    if (lost === undefined) return false;
    const [origin, known] = lost;
    this.#returnToAll(out);
    this.#isCaughtUp = false;
    out.note('error', 'data-lost', { origin, held: log.received(origin), known });
    return true;
  }

  /** A peer remembers what this replica once held. True when it was found just now that this is more than is here. */
  onRemembered(vector: VectorEntries, out: Outbox): boolean {
    const { log } = this.#options;
    const missed = vector.filter(
      ([origin, seq]) => seq > log.received(origin) && seq > seqOf(this.#writtenOff, origin),
    );
    const [first] = missed;
    if (first === undefined) return false;
    mergeVector(this.#missed, new Map(missed));
    if (this.#return === 'all') return false;
    const [origin, known] = first;
    this.#returnToAll(out);
    this.#isCaughtUp = false;
    out.note('error', 'data-lost', { origin, held: log.received(origin), known });
    return true;
  }

  /** Looks again; gives whether a return has just ended. */
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

  /** What waits for its time is here, and lacks nothing but that. */
  #hasAll(holds: ReadonlyVector): boolean {
    const { held, log } = this.#options;
    if (held.isEmpty) return dominates(log.durable, holds);
    for (const [origin, seq] of holds)
      if (seq > seqOf(log.durable, origin) && !held.isSilent(origin)) return false;
    return true;
  }

  #writeOff(out: Outbox): void {
    const { held, log } = this.#options;
    const lost = [...this.#missed].filter(
      ([origin, seq]) => seq > seqOf(log.durable, origin) && !held.isSilent(origin),
    );
    this.#missed.clear();
    if (lost.length === 0) return;
    for (const [origin, seq] of lost) this.#writtenOff.set(origin, seq);
    out.put(WRITTEN_OFF, encode([...this.#writtenOff]));
    out.note('error', 'data-written-off', { logs: this.#writtenOff.size });
  }

  /** Remembered, so that a restart in between does not take what has come so far for everything. */
  #returnToAll(out: Outbox): void {
    this.#return = 'all';
    this.#goals.length = 0;
    out.put(RETURNING, sealNothing());
  }
}

/** Whose presence says that a directory has lost something that its replica had acknowledged. */
export function returningKey(): Uint8Array {
  return RETURNING;
}
