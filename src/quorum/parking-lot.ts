// Requests that wait until this replica shows a lane up to a position, each to its deadline. Today these are reads in a `fifo`
// namespace that learned of a version which is not shown here yet: shown alone, it would overtake its origin's earlier writes.
//
//   parked -> reached   everything of the lane up to the position is applied here
//   parked -> expired   the deadline came first
//
// What waits is indexed by the lane, so an entry that comes costs nothing where no request waits for its lane. The callers bound
// how many wait.

import type { Turn } from '../model/effect.ts';
import type { Dot, LaneId, Seq } from '../model/id.ts';

interface Wait<T> {
  readonly seq: Seq;
  readonly deadlineMs: number;
  readonly item: T;
}

export type WaitEnd<T> = (item: T, reached: boolean, turn: Turn) => void;

export class ParkingLot<T> {
  readonly #waits = new Map<LaneId, Wait<T>[]>();
  readonly #end: WaitEnd<T>;
  #size = 0;

  constructor(end: WaitEnd<T>) {
    this.#end = end;
  }

  get size(): number {
    return this.#size;
  }

  park(item: T, dot: Dot, deadlineMs: number, turn: Turn): void {
    const waits = this.#waits.get(dot.origin);
    const wait: Wait<T> = { seq: dot.seq, deadlineMs, item };
    if (waits === undefined) this.#waits.set(dot.origin, [wait]);
    else waits.push(wait);
    this.#size++;
    turn.arm('read-order', deadlineMs);
  }

  /** Everything of the lane up to `seq` is shown here. */
  onApplied(origin: LaneId, seq: Seq, turn: Turn): void {
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

  /** Forgets all that is parked; gives the items. */
  abandon(): T[] {
    const waits = [...this.#waits.values()].flat();
    this.#waits.clear();
    this.#size = 0;
    return waits.map(({ item }) => item);
  }

  #release(
    origin: LaneId,
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
