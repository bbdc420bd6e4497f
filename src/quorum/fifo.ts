// Reads in a `fifo` namespace that learned of a version which this replica does not show yet. Showing it alone would
// let it overtake its origin's earlier writes, so the read waits until the stream has brought everything up to it.
// Waits are indexed by the origin they wait for.

import type { Turn } from '../model/effect.ts';
import type { Dot, Origin, Seq } from '../model/id.ts';

interface Wait<T> {
  readonly seq: Seq;
  readonly deadlineMs: number;
  readonly item: T;
}

export type WaitEnd<T> = (item: T, reached: boolean, turn: Turn) => void;

export class FifoWaits<T> {
  readonly #waits = new Map<Origin, Wait<T>[]>();
  readonly #end: WaitEnd<T>;
  #size = 0;

  constructor(end: WaitEnd<T>) {
    this.#end = end;
  }

  get size(): number {
    return this.#size;
  }

  begin(item: T, dot: Dot, deadlineMs: number, turn: Turn): void {
    const waits = this.#waits.get(dot.origin);
    const wait: Wait<T> = { seq: dot.seq, deadlineMs, item };
    if (waits === undefined) this.#waits.set(dot.origin, [wait]);
    else waits.push(wait);
    this.#size++;
    turn.arm('read-order', deadlineMs);
  }

  /** Everything of `origin` up to `seq` is shown here. */
  onAdvance(origin: Origin, seq: Seq, turn: Turn): void {
    const waits = this.#waits.get(origin);
    if (waits === undefined) return;
    this.#release(origin, waits, (wait) => wait.seq <= seq, true, turn);
  }

  expire(turn: Turn): void {
    if (!turn.takeDue('read-order')) return;
    for (const [origin, waits] of this.#waits) {
      this.#release(origin, waits, (wait) => wait.deadlineMs <= turn.now.monoMs, false, turn);
      for (const wait of this.#waits.get(origin) ?? []) turn.arm('read-order', wait.deadlineMs);
    }
  }

  /** Forgets all that wait; gives their items. */
  abandon(): T[] {
    const waits = [...this.#waits.values()].flat();
    this.#waits.clear();
    this.#size = 0;
    return waits.map(({ item }) => item);
  }

  #release(
    origin: Origin,
    waits: Wait<T>[],
    leaves: (wait: Wait<T>) => boolean,
    reached: boolean,
    turn: Turn,
  ): void {
    const leaving = waits.filter(leaves);
    if (leaving.length === 0) return;
    const staying = waits.filter((wait) => !leaves(wait));
    if (staying.length === 0) this.#waits.delete(origin);
    else this.#waits.set(origin, staying);
    this.#size -= leaving.length;
    for (const wait of leaving) this.#end(wait.item, reached, turn);
  }
}
