// Computes the leaves of the hash tree again from the stored records, page by page in the order of
// keys, while writes continue.
//
// Invariant: the sums are those of the records up to `position`, as they stand now. A page is what
// the table shows when it comes (record-reads.ts), and a change at or below the position goes into
// the sums as well.

import { assert } from '../base/assert.ts';
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

  /** The table shows `after` instead of `before` from now on. */
  onChange(
    name: RecordName,
    leaf: number,
    before: Record | undefined,
    after: Record | undefined,
  ): void {
    const position = positionOf(name);
    if (position > this.#position) return;
    this.sums.toggle(leaf, before);
    this.sums.toggle(leaf, after);
    this.census.change(before, after);
  }

  /** A page was read: its intact records and its end; `undefined`: it is the last page. */
  take(records: readonly Record[], upTo: string | undefined): void {
    const end = upTo ?? END;
    assert(this.#position !== END, 'recount: a page behind the last');
    assert(end >= this.#position, 'recount: pages come in the order of keys');
    for (const record of records) this.#add(record);
    this.#position = end;
  }

  #add(record: Record): void {
    this.sums.toggle(leafOf(record.namespace, record.key), record);
    this.census.change(undefined, record);
  }
}
