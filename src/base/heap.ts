// A binary min-heap whose order is total: items of equal priority leave in the order of their
// insertion, so a run does not depend on the layout of the heap.

export interface Heap<T> {
  readonly size: number;
  push(priority: number, item: T): void;
  /** The smallest priority, or Infinity when empty. */
  peekPriority(): number;
  /** Removes and returns the item with the smallest priority. */
  pop(): T | undefined;
}

interface Entry<T> {
  readonly priority: number;
  readonly rank: number;
  readonly item: T;
}

export function createHeap<T>(): Heap<T> {
  const entries: Entry<T>[] = [];
  let rank = 0;
  return {
    get size() {
      return entries.length;
    },
    push(priority, item) {
      entries.push({ priority, rank: rank++, item });
      siftUp(entries, entries.length - 1);
    },
    peekPriority: () => entries[0]?.priority ?? Number.POSITIVE_INFINITY,
    pop() {
      const top = entries[0];
      const last = entries.pop();
      if (top === undefined || last === undefined) return undefined;
      if (entries.length > 0) {
        entries[0] = last;
        siftDown(entries);
      }
      return top.item;
    },
  };
}

function before<T>(a: Entry<T>, b: Entry<T>): boolean {
  return a.priority < b.priority || (a.priority === b.priority && a.rank < b.rank);
}

function siftUp<T>(entries: Entry<T>[], start: number): void {
  let index = start;
  const moving = entries[index] as Entry<T>;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    const above = entries[parent] as Entry<T>;
    if (!before(moving, above)) break;
    entries[index] = above;
    index = parent;
  }
  entries[index] = moving;
}

function siftDown<T>(entries: Entry<T>[]): void {
  const moving = entries[0] as Entry<T>;
  let index = 0;
  for (;;) {
    let child = 2 * index + 1;
    if (child >= entries.length) break;
    const right = entries[child + 1];
    if (right !== undefined && before(right, entries[child] as Entry<T>)) child++;
    const below = entries[child] as Entry<T>;
    if (!before(below, moving)) break;
    entries[index] = below;
    index = child;
  }
  entries[index] = moving;
}
