// How much all lists of a replica hold together: the pages that they have read and not answered yet, and the versions that they
// name to peers for theirs.
//
// At the bound (`listsHeldBytesMax`) a list that has something to show ends with its cursor, one that asks other replicas and has
// nothing yet is refused `overloaded`, and a survey of a peer is answered `unknown`, so that the peer asks another.

import { assert } from '../base/assert.ts';
import type { RangeRequest } from '../model/effect.ts';
import type { Metrics } from '../model/metrics.ts';

/** What a page of records with their values may read: it holds them until it is answered. */
export const LIST_PAGE_BYTES = 1024 * 1024;
/** What a page of heads may read: storage lets go of each value as soon as it was checked. */
const HEADS_PAGE_BYTES = 16 * 1024 * 1024;
/** How much a page may read, and whether as heads. */
export function looksAt(values: boolean): Pick<RangeRequest, 'bytesMax' | 'headsOnly'> {
  return values ? { bytesMax: LIST_PAGE_BYTES } : { bytesMax: HEADS_PAGE_BYTES, headsOnly: true };
}

/** What an item takes besides its key, and without its value. */
export const ITEM_BYTES = 256;
/** What a key and its version take, where keys are as long as usual. */
export const VERSION_BYTES = 160;

/** A list, or a survey. */
export interface Holder {
  /** Bytes of what it holds; the room's own figure. */
  held: number;
}

export class ListRoom {
  readonly #bytesMax: number;
  readonly #metrics: Metrics;
  #held = 0;

  constructor(bytesMax: number, metrics: Metrics) {
    this.#bytesMax = bytesMax;
    this.#metrics = metrics;
  }

  get isFull(): boolean {
    return this.#held >= this.#bytesMax;
  }

  /** The holder may hold so much from now on; false where that is too much for all together, and nothing changes. */
  take(holder: Holder, bytes: number): boolean {
    if (bytes > holder.held && this.#held - holder.held + bytes > this.#bytesMax) return false;
    this.hold(holder, bytes);
    return true;
  }

  /** What the holder holds now, whatever the bound. */
  hold(holder: Holder, bytes: number): void {
    this.#held += bytes - holder.held;
    holder.held = bytes;
    assert(this.#held >= 0, 'list room: more was let go of than was held');
    this.#metrics.listsHeldBytes = this.#held;
  }
}
