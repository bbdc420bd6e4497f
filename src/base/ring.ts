// A growable first-in-first-out queue on a power-of-two ring: push and shift are O(1) and never
// move other items, and an item is accessible by its distance from the head. The owner enforces a
// bound by `size`.

import { assert } from './assert.ts';

export interface Ring<T> {
  readonly size: number;
  push(item: T): void;
  shift(): T | undefined;
  /** The item `offset` places behind the head; the offset lies in [0, size). */
  at(offset: number): T;
  clear(): void;
}

export function createRing<T>(capacityInitial = 16): Ring<T> {
  let slots: (T | undefined)[] = new Array<T | undefined>(powerOfTwo(capacityInitial)).fill(
    undefined,
  );
  let head = 0;
  let size = 0;
  const grow = (): void => {
    const next = new Array<T | undefined>(slots.length * 2).fill(undefined);
    for (let i = 0; i < size; i++) next[i] = slots[(head + i) & (slots.length - 1)];
    slots = next;
    head = 0;
  };
  return {
    get size() {
      return size;
    },
    push(item) {
      if (size === slots.length) grow();
      slots[(head + size) & (slots.length - 1)] = item;
      size++;
    },
    shift() {
      if (size === 0) return undefined;
      const item = slots[head];
      slots[head] = undefined;
      head = (head + 1) & (slots.length - 1);
      size--;
      return item;
    },
    at(offset) {
      assert(offset >= 0 && offset < size, 'ring: offset out of range');
      return slots[(head + offset) & (slots.length - 1)] as T;
    },
    clear() {
      slots.fill(undefined);
      head = 0;
      size = 0;
    },
  };
}

function powerOfTwo(least: number): number {
  let capacity = 1;
  while (capacity < least) capacity *= 2;
  return capacity;
}
