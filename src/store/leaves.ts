// The leaves of a hash tree (Merkle, 1987) over a replica's live records, and their arithmetic. The
// hash of a record's name selects its leaf; a leaf is the exclusive or of the digests of its
// records, so a record is added and removed by the same operation, in any order. An inner node is
// the exclusive or of its 128 leaves, and the root that of all inner nodes.
//
// The term of a record is its digest (model/record.ts), which is the same at every replica that
// holds the record, and zero for a tombstone: dropping one changes nothing (trap 6).

import { assert } from '../base/assert.ts';
import { hashText, mix32 } from '../base/mix.ts';
import type { Key, NamespaceName } from '../model/id.ts';
import { type Digest, digestOf, type Outline } from '../model/record.ts';

export const FANOUT = 128;
export const LEAVES = FANOUT * FANOUT;
const LEAF_BITS = 14;

/** The leaves of one tree: two words each, in one array. */
export class Leaves {
  readonly words = new Uint32Array(2 * LEAVES);
  #rootLow = 0;
  #rootHigh = 0;

  /** Adds a record to a leaf, or removes it. */
  toggle(leaf: number, record: Outline | undefined): void {
    if (record === undefined) return;
    assert(leaf >= 0 && leaf < LEAVES, 'leaves: no such leaf');
    const digest = digestOf(record);
    const low = digest[0];
    const high = digest[1];
    const at = 2 * leaf;
    const { words } = this;
    this.#rootLow ^= low;
    this.#rootHigh ^= high;
    words[at] = (words[at] as number) ^ low;
    words[at + 1] = (words[at + 1] as number) ^ high;
  }

  leaf(leaf: number): Digest {
    return [this.words[2 * leaf] as number, this.words[2 * leaf + 1] as number];
  }

  inner(node: number): Digest {
    assert(node >= 0 && node < FANOUT, 'leaves: no such node');
    return this.#sum(node * FANOUT, (node + 1) * FANOUT);
  }

  root(): Digest {
    return [this.#rootLow >>> 0, this.#rootHigh >>> 0];
  }

  /** Both words of a leaf. */
  set(leaf: number, low: number, high: number): void {
    assert(leaf >= 0 && leaf < LEAVES, 'leaves: no such leaf');
    const at = 2 * leaf;
    this.#rootLow ^= (this.words[at] as number) ^ low;
    this.#rootHigh ^= (this.words[at + 1] as number) ^ high;
    this.words[at] = low;
    this.words[at + 1] = high;
  }

  copy(): Leaves {
    const copy = new Leaves();
    copy.words.set(this.words);
    copy.#rootLow = this.#rootLow;
    copy.#rootHigh = this.#rootHigh;
    return copy;
  }

  isSame(other: Leaves, leaf: number): boolean {
    const at = 2 * leaf;
    return this.words[at] === other.words[at] && this.words[at + 1] === other.words[at + 1];
  }

  #sum(from: number, to: number): Digest {
    let low = 0;
    let high = 0;
    for (let at = 2 * from; at < 2 * to; at += 2) {
      low ^= this.words[at] as number;
      high ^= this.words[at + 1] as number;
    }
    return [low >>> 0, high >>> 0];
  }
}

/** The leaf that a record of this name belongs to. */
export function leafOf(namespace: NamespaceName, key: Key): number {
  const hash = hashText(key, hashText('\0', hashText(namespace)));
  return mix32(hash) >>> (32 - LEAF_BITS);
}
