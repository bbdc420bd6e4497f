// The local part of one origin's log: entries (floor, received], of which those up to `applied` are
// visible to readers and those up to `durable` have been synced. An entry may wait for what it
// depends on (order/causal-order.ts) while later ones are visible already: then `applied` stays
// before it. Recent entries stay in memory for the peers; older ones are read back from storage.
//
// Invariants:
// (1) floor, durable and applied <= received, and what is truncated was durable or came by a jump;
// (2) entries are gap-free and each is chained to its predecessor;
// (3) the tail in memory ends at `received` and reaches back at least to the first entry that is
//     not durable.

import { assert, present } from '../base/assert.ts';
import { createRing, type Ring } from '../base/ring.ts';
import type { Hlc } from '../model/hlc.ts';
import { type LaneId, laneOf, type Origin, type Seq } from '../model/id.ts';
import type { Mutation } from '../model/record.ts';
import { seal, unseal } from './envelope.ts';

/** What storage remembers of a lane besides its entries. */
export interface LaneState {
  /** The last entry that the mark covers, and its chain. */
  readonly received: Seq;
  readonly chain: number;
  /** The origin's latest stamp. */
  readonly hlc: Hlc;
  /** Entries up to here were truncated; `floorChain` is the chain of the last of them. */
  readonly floor: Seq;
  readonly floorChain: number;
}

export const LANE_EMPTY: LaneState = { received: 0, chain: 0, hlc: 0, floor: 0, floorChain: 0 };

/** How far a log goes. */
export interface LaneMark {
  readonly received: Seq;
  readonly chain: number;
  readonly hlc: Hlc;
}

/** Where a block ends: the log can be cut behind it. */
export interface BlockEnd {
  readonly seq: Seq;
  readonly chain: number;
}

/** Places in memory at which a lane can be cut; of more, every second one is forgotten. */
const ENDS_MAX = 1024;

export class Lane {
  readonly id: LaneId;
  /** The lane's origin, and its number there. */
  readonly origin: Origin;
  readonly number: number;
  /** The last entry received without a gap. */
  received: Seq;
  /** The last entry up to which all are visible. */
  applied: Seq;
  /** The last entry on disk. */
  durable: Seq;
  /** The same as `applied`, in the last durable batch. It counts while entries wait. */
  shown: Seq;
  chain: number;
  hlc: Hlc;
  floor: Seq;
  floorChain: number;
  /** The table in storage includes the entries up to this one (checkpoint.ts). */
  marked: LaneMark;
  /**
   * Entries were appended that are in no block, or the state has changed that storage is to
   * remember.
   */
  dirty = false;
  /** The state has changed. */
  isStateDirty = false;
  /** Another lane has taken its place in the log (`Log.jump`). */
  isReplaced = false;
  /** The last entry that is in a block. */
  sealed: Seq;
  /** Entries beyond `applied` that are not visible yet; every other one has been shown. */
  readonly #waiting = new Set<Seq>();
  readonly #tail: Ring<Mutation> = createRing(64);
  /** In the order of the log, none below the floor. */
  #ends: BlockEnd[] = [];

  constructor(id: LaneId, state: LaneState) {
    assert(state.floor <= state.received, 'lane (1): the floor is not above the head');
    const { origin, number } = laneOf(id);
    this.id = id;
    this.origin = origin;
    this.number = number;
    this.received = state.received;
    this.applied = state.received;
    this.durable = state.received;
    this.shown = state.received;
    this.sealed = state.received;
    this.marked = state;
    this.chain = state.chain;
    this.hlc = state.hlc;
    this.floor = state.floor;
    this.floorChain = state.floorChain;
  }

  /** The first sequence number in memory; `received` + 1 if there is none. */
  get tailFrom(): Seq {
    return this.received - this.#tail.size + 1;
  }

  append(mutation: Mutation): void {
    assert(mutation.origin === this.origin, 'lane (2): an entry of this origin');
    assert(mutation.lane === this.number, 'lane (2): an entry of this lane');
    assert(mutation.seq === this.received + 1, 'lane (2): no gap');
    this.#tail.push(mutation);
    this.received = mutation.seq;
    this.chain = mutation.chain;
    if (mutation.hlc > this.hlc) this.hlc = mutation.hlc;
  }

  /** The entry, which was received last, is not visible yet. */
  onWaiting(seq: Seq): void {
    assert(seq === this.received, 'lane (1): what waits has just been received');
    assert(seq > this.applied, 'lane (1): what waits is not visible');
    this.#waiting.add(seq);
  }

  /** Entries that were received wait. */
  get hasWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** The entry is visible to readers; all before it are, except those that wait. */
  onApplied(seq: Seq): void {
    assert(seq > this.applied, 'lane (2): shown once');
    assert(seq <= this.received, 'lane (1): shown once it was received');
    if (this.#waiting.size === 0) {
      assert(seq === this.applied + 1, 'lane (2): shown in the order of the log');
      this.applied = seq;
      return;
    }
    this.#waiting.delete(seq);
    while (this.applied < this.received && !this.#waiting.has(this.applied + 1)) this.applied++;
  }

  /** Up to where all is shown; `undefined` where the last of it is not in memory. */
  shownTo(): LaneMark | undefined {
    const { applied, received, chain, hlc } = this;
    if (applied === received) return { received, chain, hlc };
    if (applied < this.tailFrom) return undefined;
    const last = this.at(applied);
    return { received: applied, chain: last.chain, hlc: last.hlc };
  }

  // received -> durable
  onDurable(seq: Seq): void {
    assert(seq <= this.received, 'lane (1): only what was received is durable');
    assert(seq >= this.durable, 'lane (1): what is durable stays so');
    this.durable = seq;
  }

  /** Entries up to there are forgotten. */
  truncate({ seq, chain }: BlockEnd): void {
    assert(seq > this.floor, 'lane (1): the floor only rises');
    assert(seq <= this.durable, 'lane (1): what is truncated was durable');
    assert(seq <= this.marked.received, 'checkpoint (2): nothing behind the mark is truncated');
    this.floor = seq;
    this.floorChain = chain;
    this.#ends = this.#ends.filter((end) => end.seq > seq);
  }

  /** An entry in memory: the ring asserts that it is there. */
  at(seq: Seq): Mutation {
    return this.#tail.at(seq - this.tailFrom);
  }

  /** The entries that are in no block yet; all of them are in memory. */
  unsealed(): Mutation[] {
    assert(this.sealed >= this.durable, 'lane: what is durable is in a block');
    assert(this.tailFrom <= this.sealed + 1, 'lane (3): what is in no block is in memory');
    const entries: Mutation[] = [];
    for (let seq = this.sealed + 1; seq <= this.received; seq++) entries.push(this.at(seq));
    return entries;
  }

  /** A block ends here, and with it a run. */
  noteEnd(end: BlockEnd): void {
    assert(
      end.seq > (this.#ends.at(-1)?.seq ?? this.floor),
      'lane: blocks end one after the other',
    );
    this.#ends.push(end);
    if (this.#ends.length > ENDS_MAX) this.#ends = this.#ends.filter((_, at) => at % 2 === 1);
  }

  /**
   * The last place up to `seq` at which the log can be cut; `undefined` where there is none above
   * the floor.
   */
  endUpTo(seq: Seq): BlockEnd | undefined {
    return this.#ends.findLast((end) => end.seq <= seq && end.seq > this.floor);
  }

  /**
   * Drops the oldest entry from memory and returns its size; an entry that is not durable stays.
   */
  dropOldest(): number {
    if (this.#tail.size === 0 || this.tailFrom > this.durable) return 0;
    return present(this.#tail.shift(), 'lane (3): the tail is not empty').bytes.length;
  }

  /** What storage is to remember besides the entries. */
  state(): LaneState {
    const { received, chain, hlc } = this.marked;
    return { received, chain, hlc, floor: this.floor, floorChain: this.floorChain };
  }
}

export function encodeLaneState(state: LaneState): Uint8Array {
  return seal((writer) => {
    writer.varint(state.received);
    writer.u64(state.chain);
    writer.u64(state.hlc);
    writer.varint(state.floor);
    writer.u64(state.floorChain);
  });
}

export function decodeLaneState(bytes: Uint8Array): LaneState | undefined {
  const reader = unseal(bytes);
  if (reader === undefined) return undefined;
  const received = reader.varint();
  const chain = reader.u64();
  const hlc = reader.u64();
  const floor = reader.varint();
  const floorChain = reader.u64();
  return reader.finished ? { received, chain, hlc, floor, floorChain } : undefined;
}
