// Computes the leaves of the hash tree anew from what is stored, page by page in the order of keys, while writes go on.
//
// Invariant: the sums are those of the records up to `position`, as they stand now. A change at or below the position
// goes into the sums as well. Storage may or may not show a change that was under way when a page was asked for, so for
// such keys memory decides: they are collected while the page is read, and what the page says of them is left out. They
// are as many as are not durable when it is asked for and are applied until it is here.

import type { Record } from '../model/record.ts';
import { Leaves, leafOf } from './leaves.ts';
import { positionOf } from './layout.ts';

/** Above every position. */
const END = '\uffff';

export class Recount {
  readonly sums = new Leaves();
  #position = '';
  /** Records changed since the page under way was asked for, or not known to be durable then. */
  #touched: Map<string, Record> | undefined;

  /** A page is about to be asked for; `undurable` is what storage may not show yet. */
  begin(undurable: Iterable<Record>): void {
    this.#touched = new Map();
    for (const record of undurable) this.#touched.set(positionOf(record), record);
  }

  /** The table shows `after` in the place of `before` from now on. */
  onChange(leaf: number, before: Record | undefined, after: Record): void {
    const position = positionOf(after);
    if (position <= this.#position) {
      this.sums.toggle(leaf, before);
      this.sums.toggle(leaf, after);
    } else {
      this.#touched?.set(position, after);
    }
  }

  /** The page is here: its whole records, and how far it reaches, `undefined` for the end. */
  take(records: readonly Record[], upTo: string | undefined): void {
    const touched = this.#touched ?? new Map<string, Record>();
    const end = upTo ?? END;
    for (const record of records) if (!touched.has(positionOf(record))) this.#add(record);
    for (const [position, record] of touched)
      if (position > this.#position && position <= end) this.#add(record);
    this.#touched = undefined;
    this.#position = end;
  }

  #add(record: Record): void {
    this.sums.toggle(leafOf(record.namespace, record.key), record);
  }
}
