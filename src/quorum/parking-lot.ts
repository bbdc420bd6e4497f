// The one place in which requests wait until this replica shows a lane up to a position. Today
// these are reads in a `fifo` namespace that learned of a version which is not shown here yet:
// shown alone, it would overtake the earlier writes of its origin. A gate of the admission
// (replica/admission/) may park a request as well.
//
//   parked -> reached   everything of the lane up to the position is applied here; a request that
//                       needs it on the disk is parked again, until it is durable
//   parked -> late      the request's deadline passed before
//
// A read with a bound on staleness waits here for the next echo of a heartbeat, and is then judged
// again.
//
// The requests are indexed by lane, so an entry costs nothing if no request waits for its lane.
//
// Bound: `max` requests. At the bound nothing more is parked, and the caller refuses its request as
// `overloaded`.

import { assert } from '../base/assert.ts';
import type { Asker, Turn } from '../model/effect.ts';
import { type Fault, fault } from '../model/fault.ts';
import type { Dot, LaneId, Seq } from '../model/id.ts';

/** A request that waits. One of its methods is called, once, unless it is abandoned. */
export interface Parked {
  readonly client: Asker;
  onReached(turn: Turn): void;
  onLate(turn: Turn): void;
}

/** A position in a lane, or an echo, which may prove that this replica is fresher. */
type Until = LaneId | 'echo';

interface Wait {
  /** 0 for an echo: the next one is enough. */
  readonly seq: Seq;
  readonly deadlineMs: number;
  readonly parked: Parked;
}

export class ParkingLot {
  readonly #max: number;
  readonly #waits = new Map<Until, Wait[]>();
  #size = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#size;
  }

  /** The fault for a request that cannot be parked. */
  get full(): Fault {
    const detail = `${this.#max} requests wait for writes that are on their way already`;
    return fault('overloaded', detail, { retryAfterMs: 1000 });
  }

  /**
   * Waits until everything of the dot's lane up to the dot is shown, or until the next echo of a
   * heartbeat. False: the lot is full.
   */
  park(parked: Parked, dot: Dot | 'echo', deadlineMs: number, turn: Turn): boolean {
    if (this.#size >= this.#max) return false;
    this.#size++;
    turn.arm('parked', deadlineMs);
    const [until, seq] = dot === 'echo' ? [dot, 0] : [dot.origin, dot.seq];
    const waits = this.#waits.get(until);
    const wait: Wait = { seq, deadlineMs, parked };
    if (waits === undefined) this.#waits.set(until, [wait]);
    else waits.push(wait);
    return true;
  }

  /** Everything of the lane up to `seq` is shown here, or is durable as well. */
  onApplied(origin: LaneId, seq: Seq, turn: Turn): void {
    this.#reach(origin, seq, turn);
  }

  /** An echo has come, or more is shown. */
  onEcho(turn: Turn): void {
    this.#reach('echo', 0, turn);
  }

  onDue(turn: Turn): void {
    if (!turn.takeDue('parked')) return;
    for (const [until, waits] of this.#waits) {
      const late = this.#take(until, waits, (wait) => wait.deadlineMs <= turn.now.monoMs);
      for (const { parked } of late) parked.onLate(turn);
      for (const wait of this.#waits.get(until) ?? []) turn.arm('parked', wait.deadlineMs);
    }
  }

  /** Forgets all that is parked; gives their clients. */
  abandon(): Asker[] {
    const waits = [...this.#waits.values()].flat();
    assert(waits.length === this.#size, 'parking lot: what is parked is counted');
    this.#waits.clear();
    this.#size = 0;
    return waits.map(({ parked }) => parked.client);
  }

  #reach(until: Until, seq: Seq, turn: Turn): void {
    const waits = this.#waits.get(until);
    if (waits === undefined) return;
    const reached = this.#take(until, waits, (wait) => wait.seq <= seq);
    for (const { parked } of reached) parked.onReached(turn);
  }

  #take(until: Until, waits: Wait[], leaves: (wait: Wait) => boolean): Wait[] {
    const leaving = waits.filter(leaves);
    if (leaving.length === 0) return leaving;
    const staying = waits.filter((wait) => !leaves(wait));
    if (staying.length === 0) this.#waits.delete(until);
    else this.#waits.set(until, staying);
    this.#size -= leaving.length;
    assert(this.#size >= 0, 'parking lot: what is parked is counted');
    return leaving;
  }
}
