// Computes the leaves of the hash tree again from the stored records, page by page in the order of
// keys, while writes continue.
//
// Invariant: the sums are those of the present records up to `position`. A change at or below the
// position changes the sums as well. Storage may or may not show a change that was in progress when
// a page was requested, so for such keys memory decides: they are collected while the page is read,
// and the page's records of them are ignored. Their number is bounded by the writes that are
// undurable at the request or applied before the page arrives.

import { assert } from '../base/assert.ts';
import type { Position } from '../model/message.ts';
import type { Record } from '../model/record.ts';
import { Census } from './census.ts';
import { Leaves, leafOf } from './leaves.ts';
import { positionOf } from './layout.ts';
import type { RecordName } from './record-index.ts';

/** Above every position. */
const END = '\uffff';

export class Recount {
  readonly sums = new Leaves();
  readonly census = new Census();
  #position = '';
  /** Records changed since the present page was requested, or not known to be durable then. */
  #touched: Map<string, Record | undefined> | undefined;

  /** A page is about to be requested; storage may lack `undurable` and still contain `dropping`. */
  begin(undurable: Iterable<Record>, dropping: Iterable<Position>): void {
    assert(this.#position !== END, 'recount: a page behind the last');
    this.#touched = new Map();
    for (const position of dropping) this.#touched.set(position, undefined);
    for (const record of undurable) this.#touched.set(positionOf(record), record);
  }

  /** The table shows `after` instead of `before` from now on. */
  onChange(
    name: RecordName,
    leaf: number,
    before: Record | undefined,
    after: Record | undefined,
  ): void {
    const position = positionOf(name);
    if (position <= this.#position) {
      this.sums.toggle(leaf, before);
      this.sums.toggle(leaf, after);
      this.census.change(before, after);
    } else {
      this.#touched?.set(position, after);
    }
  }

  /** The page was read: its intact records, and its end; `undefined` for the end of all. */
  take(records: readonly Record[], upTo: string | undefined): void {
    const touched = this.#touched ?? new Map<string, Record | undefined>();
    const end = upTo ?? END;
    assert(end >= this.#position, 'recount: pages come in the order of keys');
    for (const record of records) if (!touched.has(positionOf(record))) this.#add(record);
    for (const [position, record] of touched)
      if (record !== undefined && position > this.#position && position <= end) this.#add(record);
    this.#touched = undefined;
    this.#position = end;
  }

  #add(record: Record): void {
    this.sums.toggle(leafOf(record.namespace, record.key), record);
    this.census.change(undefined, record);
  }
}
