// Items that wait for an answer, by the id that the answer names. Ids grow from 1 and none is given
// twice, so an answer that comes late finds nothing.
//
// An item is in the slot `id mod capacity` of a plain array; an id whose slot is taken is skipped.
// A `Map` would do the same, at a price: after enough additions and removals V8 moves a map to a
// new table, and the old table refers to the new one. Once one table is in the old generation of
// the heap, all later tables survive every minor collection, and with them most of the items.
//
// Invariants: (1) an id is given once; (2) at most half of the slots are taken.
//
// The owner enforces a bound by `size`.

import { assert } from './assert.ts';

const CAPACITY_MIN = 64;

export class IdTable<T extends { readonly id: number }> {
  #slots: (T | undefined)[] = emptySlots(CAPACITY_MIN);
  #lastId = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** An id that no item has or had. */
  nextId(): number {
    do this.#lastId++;
    while (this.#slots[this.#placeOf(this.#lastId)] !== undefined);
    return this.#lastId;
  }

  /** Takes in an item under the id that was given last. */
  add(item: T): void {
    assert(item.id === this.#lastId, 'id table (1): the item has the id that was given last');
    const place = this.#placeOf(item.id);
    assert(this.#slots[place] === undefined, 'id table (1): an id is given once');
    this.#slots[place] = item;
    this.#size++;
    if (this.#size * 2 > this.#slots.length) this.#grow();
  }

  get(id: number): T | undefined {
    const item = this.#slots[this.#placeOf(id)];
    return item?.id === id ? item : undefined;
  }

  /** False: it was not there. */
  remove({ id }: T): boolean {
    if (this.get(id) === undefined) return false;
    this.#slots[this.#placeOf(id)] = undefined;
    this.#size--;
    return true;
  }

  clear(): void {
    this.#slots = emptySlots(CAPACITY_MIN);
    this.#size = 0;
  }

  /** In the order of their slots. What is removed meanwhile does not come. */
  *[Symbol.iterator](): Generator<T> {
    // The least recent ids come first, so that items come in the order of ids if none is skipped.
    const slots = this.#slots;
    for (let i = 1; i <= slots.length; i++) {
      const item = slots[(this.#lastId + i) & (slots.length - 1)];
      if (item !== undefined && this.get(item.id) === item) yield item;
    }
  }

  #placeOf(id: number): number {
    return id & (this.#slots.length - 1);
  }

  /** Two items keep different places, because their ids differ modulo the old capacity. */
  #grow(): void {
    const items = this.#slots;
    this.#slots = emptySlots(items.length * 2);
    for (const item of items) if (item !== undefined) this.#slots[this.#placeOf(item.id)] = item;
    assert(this.#size * 2 <= this.#slots.length, 'id table (2): half of the slots are free');
  }
}

function emptySlots<T>(capacity: number): (T | undefined)[] {
  return new Array<T | undefined>(capacity).fill(undefined);
}
