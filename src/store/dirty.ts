// Records that memory shows and storage does not: what a checkpoint has still to write
// (checkpoint.ts). They are kept by their leaf of the hash tree, because a leaf is written together
// with all its dirty records.
//
//   dirty -> writing   it is in a batch; storage shows it once that is durable
//   writing -> clean   the batch is durable
//   * -> dirty         it has changed again
//
// Range reads need them in the order of their names. That order is only kept while something reads:
// the first read sorts all names, and what comes later is sorted in by the next read.
//
// Bounds: checkpoint.ts.

import { assert, present } from '../base/assert.ts';
import { createRing } from '../base/ring.ts';
import type { Lsn } from '../model/effect.ts';
import type { Key, NamespaceName } from '../model/id.ts';
import type { Position } from '../model/message.ts';
import { encodedOf, type Record } from '../model/record.ts';
import { type Weight, weightOf } from './census.ts';
import { positionOf } from './layout.ts';

interface Held {
  readonly record: Record;
}

interface Entry<Cell> {
  cell: Cell;
  /** The batch that writes it; 0: no batch does yet. */
  lsn: Lsn;
  /** The weight of what storage holds under the key, for the census. */
  stored: Weight;
}

/** How many names in the order may be clean; at this bound the order is made again. */
const CLEAN_MAX = 1024;

export class Dirty<Cell extends Held> {
  readonly #leaves = new Map<number, Entry<Cell>[]>();
  readonly #writing = createRing<{ readonly leaf: number; readonly lsn: Lsn }>(64);
  #sorted: Position[] | undefined;
  readonly #recent = new Set<Position>();
  #size = 0;
  #bytes = 0;

  /** Dirty records, and their bytes. */
  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  find(leaf: number, namespace: NamespaceName, key: Key): Cell | undefined {
    return this.#entry(leaf, namespace, key)?.cell;
  }

  /** `before`: what was shown until now. */
  put(leaf: number, cell: Cell, before: Record | undefined): void {
    const { record } = cell;
    const entry = this.#entry(leaf, record.namespace, record.key);
    this.#bytes += encodedOf(record).length;
    if (entry !== undefined) {
      this.#bytes -= encodedOf(entry.cell.record).length;
      // From now on the batches under way count as what storage holds.
      if (entry.lsn > 0) entry.stored = weightOf(entry.cell.record);
      entry.cell = cell;
      entry.lsn = 0;
      return;
    }
    this.#size++;
    const fresh = { cell, lsn: 0, stored: weightOf(before) };
    const entries = this.#leaves.get(leaf);
    if (entries === undefined) this.#leaves.set(leaf, [fresh]);
    else entries.push(fresh);
    if (this.#sorted !== undefined) this.#recent.add(positionOf(record));
  }

  /** Returns what storage holds under the key; `undefined` if the record was not dirty. */
  remove(leaf: number, namespace: NamespaceName, key: Key): Weight | undefined {
    const entry = this.#entry(leaf, namespace, key);
    if (entry === undefined) return undefined;
    this.#drop(leaf, entry);
    return entry.lsn > 0 ? weightOf(entry.cell.record) : entry.stored;
  }

  /** Returns the dirty records of a leaf, which the batch of `lsn` writes. */
  write(leaf: number, lsn: Lsn, take: (cell: Cell, stored: Weight) => void): void {
    assert(lsn > 0, 'dirty: a batch writes it');
    const entries = this.#leaves.get(leaf);
    if (entries === undefined) return;
    let isWriting = false;
    for (const entry of entries) {
      if (entry.lsn > 0) continue;
      take(entry.cell, entry.stored);
      entry.lsn = lsn;
      isWriting = true;
    }
    if (isWriting) this.#writing.push({ leaf, lsn });
  }

  onDurable(lsn: Lsn): void {
    while (this.#writing.size > 0 && this.#writing.at(0).lsn <= lsn) {
      const { leaf } = present(this.#writing.shift(), 'dirty: a leaf is being written');
      const entries = this.#leaves.get(leaf) ?? [];
      for (const entry of entries.filter((each) => each.lsn > 0 && each.lsn <= lsn))
        this.#drop(leaf, entry);
    }
  }

  /** All dirty records, in no order. */
  *all(): IterableIterator<Cell> {
    for (const entries of this.#leaves.values()) for (const { cell } of entries) yield cell;
  }

  /** The dirty records that are in no batch yet, each with what storage holds under its key. */
  *unwritten(): IterableIterator<{ readonly cell: Cell; readonly stored: Weight }> {
    for (const entries of this.#leaves.values())
      for (const entry of entries) if (entry.lsn === 0) yield entry;
  }

  /**
   * At most `limit` names from `from` on and before `to`, in order or in reverse. Some of them may
   * be clean by now.
   */
  within(
    { from, to }: { readonly from: Position; readonly to: Position | undefined },
    limit: number,
    reverse: boolean,
  ): Position[] {
    const sorted = this.#inOrder();
    const first = firstFrom(sorted, from);
    const end = to === undefined ? sorted.length : firstFrom(sorted, to);
    if (reverse) return sorted.slice(Math.max(first, end - limit), end).toReversed();
    return sorted.slice(first, Math.min(end, first + limit));
  }

  /** No read needs the order any more: it is dropped until the next read. */
  forgetOrder(): void {
    this.#sorted = undefined;
    this.#recent.clear();
  }

  #entry(leaf: number, namespace: NamespaceName, key: Key): Entry<Cell> | undefined {
    const entries = this.#leaves.get(leaf);
    if (entries === undefined) return undefined;
    for (const entry of entries) {
      const { record } = entry.cell;
      if (record.key === key && record.namespace === namespace) return entry;
    }
    return undefined;
  }

  #drop(leaf: number, entry: Entry<Cell>): void {
    const entries = present(this.#leaves.get(leaf), 'dirty: what is dropped is there');
    this.#size--;
    this.#bytes -= encodedOf(entry.cell.record).length;
    assert(this.#size >= 0 && this.#bytes >= 0, 'dirty: what is dropped was counted');
    assert(this.#size > 0 || this.#bytes === 0, 'dirty: without records there are no bytes');
    if (entries.length === 1) this.#leaves.delete(leaf);
    else entries.splice(entries.indexOf(entry), 1);
  }

  #inOrder(): readonly Position[] {
    const sorted = this.#sorted;
    if (sorted === undefined || sorted.length > 2 * this.#size + CLEAN_MAX) {
      this.#sorted = Array.from(this.all(), ({ record }) => positionOf(record)).sort(inBytes);
    } else if (this.#recent.size > 0) {
      this.#sorted = merged(sorted, [...this.#recent].sort(inBytes));
    }
    this.#recent.clear();
    return this.#sorted ?? [];
  }
}

/** Merges two lists in order; a name in both comes once. */
function merged(left: readonly Position[], right: readonly Position[]): Position[] {
  const all: Position[] = [];
  let at = 0;
  for (const position of left) {
    for (; at < right.length && (right[at] as Position) < position; at++)
      all.push(right[at] as Position);
    if (right[at] === position) at++;
    all.push(position);
  }
  for (; at < right.length; at++) all.push(right[at] as Position);
  return all;
}

/** Positions are byte strings, so the order of their characters is that of their bytes. */
function inBytes(left: Position, right: Position): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

/** The index of the first that is not before a position. */
function firstFrom(sorted: readonly Position[], position: Position): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as Position) < position) low = middle + 1;
    else high = middle;
  }
  return low;
}
