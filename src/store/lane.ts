// What this replica holds of one origin's log: entries (floor, head], of which those up to `durable` have been synced.
// Recent entries stay in memory for the peers; older ones are read back from storage.
//
// Invariants: (1) floor <= durable <= head; (2) entries are gap-free and each is chained to its predecessor;
// (3) the tail in memory ends at head and reaches back at least to the first entry that is not durable.

import { assert } from '../base/assert.ts';
import { createRing, type Ring } from '../base/ring.ts';
import type { Hlc } from '../model/hlc.ts';
import type { Origin, Seq } from '../model/id.ts';
import type { Mutation } from '../model/record.ts';
import { seal, unseal } from './envelope.ts';

/** What storage remembers of a lane, written in the same batch as its entries. */
export interface LaneState {
  readonly head: Seq;
  readonly chain: number;
  /** The origin's latest stamp. */
  readonly hlc: Hlc;
  /** Entries up to here were truncated; `floorChain` is the chain of the last of them. */
  readonly floor: Seq;
  readonly floorChain: number;
}

export const LANE_EMPTY: LaneState = { head: 0, chain: 0, hlc: 0, floor: 0, floorChain: 0 };

export class Lane {
  readonly origin: Origin;
  head: Seq;
  durable: Seq;
  chain: number;
  hlc: Hlc;
  floor: Seq;
  floorChain: number;
  /** Entries were appended since the lane's state was last written. */
  dirty = false;
  readonly #tail: Ring<Mutation> = createRing(64);

  constructor(origin: Origin, state: LaneState) {
    this.origin = origin;
    this.head = state.head;
    this.durable = state.head;
    this.chain = state.chain;
    this.hlc = state.hlc;
    this.floor = state.floor;
    this.floorChain = state.floorChain;
  }

  /** The first sequence number that is in memory; head + 1 when none is. */
  get tailFrom(): Seq {
    return this.head - this.#tail.size + 1;
  }

  append(mutation: Mutation): void {
    assert(mutation.origin === this.origin, 'lane: entry of another origin');
    assert(mutation.seq === this.head + 1, 'lane: gap');
    this.#tail.push(mutation);
    this.head = mutation.seq;
    this.chain = mutation.chain;
    if (mutation.hlc > this.hlc) this.hlc = mutation.hlc;
    this.dirty = true;
  }

  /** An entry that is in memory. */
  at(seq: Seq): Mutation {
    return this.#tail.at(seq - this.tailFrom);
  }

  /** Drops the oldest entry from memory and returns its size; an entry that is not durable stays. */
  dropOldest(): number {
    if (this.#tail.size === 0 || this.tailFrom > this.durable) return 0;
    const dropped = this.#tail.shift();
    return dropped === undefined ? 0 : dropped.bytes.length;
  }

  state(): LaneState {
    const { head, chain, hlc, floor, floorChain } = this;
    return { head, chain, hlc, floor, floorChain };
  }
}

export function encodeLaneState(state: LaneState): Uint8Array {
  return seal((writer) => {
    writer.varint(state.head);
    writer.u64(state.chain);
    writer.u64(state.hlc);
    writer.varint(state.floor);
    writer.u64(state.floorChain);
  });
}

export function decodeLaneState(bytes: Uint8Array): LaneState | undefined {
  const reader = unseal(bytes);
  if (reader === undefined) return undefined;
  const head = reader.varint();
  const chain = reader.u64();
  const hlc = reader.u64();
  const floor = reader.varint();
  const floorChain = reader.u64();
  return reader.finished ? { head, chain, hlc, floor, floorChain } : undefined;
}
