// The local part of one origin's log: entries (floor, received], of which those up to `applied` are
// visible to readers and those up to `durable` have been synced. Today an entry is applied as soon
// as it is received; a delivery that waits holds `applied` back. Recent entries stay in memory for
// the peers; older ones are read back from storage.
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

/** The stored state of a lane, written in the same batch as its entries. */
export interface LaneState {
  readonly received: Seq;
  readonly chain: number;
  /** The origin's latest stamp. */
  readonly hlc: Hlc;
  /** Entries up to here were truncated; `floorChain` is the chain of the last of them. */
  readonly floor: Seq;
  readonly floorChain: number;
}

export const LANE_EMPTY: LaneState = { received: 0, chain: 0, hlc: 0, floor: 0, floorChain: 0 };

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
  chain: number;
  hlc: Hlc;
  floor: Seq;
  floorChain: number;
  /** Entries were appended since the lane's state was last written. */
  dirty = false;
  readonly #tail: Ring<Mutation> = createRing(64);

  constructor(id: LaneId, state: LaneState) {
    assert(state.floor <= state.received, 'lane (1): the floor is not above the head');
    const { origin, number } = laneOf(id);
    this.id = id;
    this.origin = origin;
    this.number = number;
    this.received = state.received;
    this.applied = state.received;
    this.durable = state.received;
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
    this.dirty = true;
  }

  /** The entry is visible to readers, as all before it are. */
  onApplied(seq: Seq): void {
    assert(seq === this.applied + 1, 'lane (2): shown in the order of the log');
    assert(seq <= this.received, 'lane (1): shown once it was received');
    this.applied = seq;
  }

  // received -> durable
  onDurable(seq: Seq): void {
    assert(seq <= this.received, 'lane (1): only what was received is durable');
    assert(seq >= this.durable, 'lane (1): what is durable stays so');
    this.durable = seq;
  }

  /** Entries up to there are forgotten. */
  truncate(floor: Seq, floorChain: number): void {
    assert(floor > this.floor, 'lane (1): the floor only rises');
    assert(floor <= this.durable, 'lane (1): what is truncated was durable');
    this.floor = floor;
    this.floorChain = floorChain;
  }

  /** An entry in memory. */
  at(seq: Seq): Mutation {
    assert(seq >= this.tailFrom, 'lane (3): the entry is in memory');
    assert(seq <= this.received, 'lane (3): the tail ends at the head');
    return this.#tail.at(seq - this.tailFrom);
  }

  /** Drops the oldest entry from memory and returns its size; an undurable entry stays. */
  dropOldest(): number {
    if (this.#tail.size === 0 || this.tailFrom > this.durable) return 0;
    return present(this.#tail.shift(), 'lane (3): the tail is not empty').bytes.length;
  }

  state(): LaneState {
    const { received, chain, hlc, floor, floorChain } = this;
    return { received, chain, hlc, floor, floorChain };
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
