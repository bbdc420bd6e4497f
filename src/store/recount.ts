// Rebuilds the leaves of the hash tree from what is stored, page by page in the order of keys, while writes go on.
//
// Invariant: the sums are those of the records up to `position`, as they stand now. A change at or below the position
// goes into the sums as well. Storage may or may not show a change that was under way when a page was asked for, so for
// such keys memory decides: they are collected while the page is read, and what the page says of them is left out. They
// are as many as are not durable when it is asked for and are applied until it is here.

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
  /** Records changed since the page under way was asked for, or not known to be durable then. */
  #touched: Map<string, Record | undefined> | undefined;

  /** A page is about to be asked for; storage may not show what is `undurable`, and still show what is `dropping`. */
  begin(undurable: Iterable<Record>, dropping: Iterable<Position>): void {
    assert(this.#position !== END, 'recount: a page behind the last');
    this.#touched = new Map();
    for (const position of dropping) this.#touched.set(position, undefined);
    for (const record of undurable) this.#touched.set(positionOf(record), record);
  }

  /** The table shows `after` in the place of `before` from now on. */
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

  /** The page was read: its whole records, and how far it reaches, `undefined` for the end. */
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
