// The common bound of all lists of a replica: the pages that they have read and not answered yet,
// and the versions that they name to peers for theirs.
//
// At the bound (`listsHeldBytesMax`) a list with items ends with its cursor, one that asks other
// replicas and has no item yet is refused `overloaded`, and a survey of a peer is answered
// `unknown`, so that the peer asks another.

import { assert } from '../base/assert.ts';
import type { RangeRequest } from '../model/effect.ts';
import type { Metrics } from '../model/metrics.ts';

/** The bytes that a page of records with values may read: it holds them until it is answered. */
export const LIST_PAGE_BYTES = 1024 * 1024;
/** The bytes that a page of heads may read: storage frees each value as soon as it is verified. */
const HEADS_PAGE_BYTES = 16 * 1024 * 1024;
/** The bytes that a page may read, and whether it reads heads. */
export function looksAt(values: boolean): Pick<RangeRequest, 'bytesMax' | 'headsOnly'> {
  return values ? { bytesMax: LIST_PAGE_BYTES } : { bytesMax: HEADS_PAGE_BYTES, headsOnly: true };
}

/** The bytes of an item besides its key, without its value. */
export const ITEM_BYTES = 256;
/** The bytes of a key and its version, for keys of usual length. */
export const VERSION_BYTES = 160;

/** A list, or a survey. */
export interface Holder {
  /** The bytes that it holds, as the room counts them. */
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

  /**
   * The holder may hold this many bytes from now on. False, without effect, if that exceeds the
   * common bound.
   */
  take(holder: Holder, bytes: number): boolean {
    if (bytes > holder.held && this.#held - holder.held + bytes > this.#bytesMax) return false;
    this.hold(holder, bytes);
    return true;
  }

  /** Sets how many bytes the holder has now, whatever the bound. */
  hold(holder: Holder, bytes: number): void {
    assert(bytes >= 0, 'list room: bytes are counted');
    this.#held += bytes - holder.held;
    holder.held = bytes;
    assert(this.#held >= 0, 'list room: more was let go of than was held');
    this.#metrics.listsHeldBytes = this.#held;
  }
}
