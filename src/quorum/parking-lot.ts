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

interface Wait {
  readonly seq: Seq;
  readonly deadlineMs: number;
  readonly parked: Parked;
}

export class ParkingLot {
  readonly #max: number;
  readonly #waits = new Map<LaneId, Wait[]>();
  /** Requests that wait until more is known of how fresh this replica is. */
  #untilEcho: Omit<Wait, 'seq'>[] = [];
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
    if (dot === 'echo') {
      this.#untilEcho.push({ deadlineMs, parked });
      return true;
    }
    const waits = this.#waits.get(dot.origin);
    const wait: Wait = { seq: dot.seq, deadlineMs, parked };
    if (waits === undefined) this.#waits.set(dot.origin, [wait]);
    else waits.push(wait);
    return true;
  }

  /** Everything of the lane up to `seq` is shown here, or is durable as well. */
  onApplied(origin: LaneId, seq: Seq, turn: Turn): void {
    const waits = this.#waits.get(origin);
    if (waits === undefined) return;
    const reached = this.#take(origin, waits, (wait) => wait.seq <= seq);
    for (const { parked } of reached) parked.onReached(turn);
  }

  /** An echo has come, or more is shown. */
  onEcho(turn: Turn): void {
    const waits = this.#untilEcho;
    if (waits.length === 0) return;
    this.#untilEcho = [];
    this.#size -= waits.length;
    for (const { parked } of waits) parked.onReached(turn);
  }

  onDue(turn: Turn): void {
    if (!turn.takeDue('parked')) return;
    const isLate = ({ deadlineMs }: { readonly deadlineMs: number }): boolean =>
      deadlineMs <= turn.now.monoMs;
    const lateForEcho = this.#untilEcho.filter(isLate);
    this.#untilEcho = this.#untilEcho.filter((wait) => !isLate(wait));
    this.#size -= lateForEcho.length;
    for (const { parked } of lateForEcho) parked.onLate(turn);
    for (const { deadlineMs } of this.#untilEcho) turn.arm('parked', deadlineMs);
    for (const [origin, waits] of this.#waits) {
      const late = this.#take(origin, waits, isLate);
      for (const { parked } of late) parked.onLate(turn);
      for (const wait of this.#waits.get(origin) ?? []) turn.arm('parked', wait.deadlineMs);
    }
  }

  /** Forgets all that is parked; gives their clients. */
  abandon(): Asker[] {
    const waits = [...[...this.#waits.values()].flat(), ...this.#untilEcho];
    assert(waits.length === this.#size, 'parking lot: what is parked is counted');
    this.#waits.clear();
    this.#untilEcho = [];
    this.#size = 0;
    return waits.map(({ parked }) => parked.client);
  }

  #take(origin: LaneId, waits: Wait[], leaves: (wait: Wait) => boolean): Wait[] {
    const leaving = waits.filter(leaves);
    if (leaving.length === 0) return leaving;
    const staying = waits.filter((wait) => !leaves(wait));
    if (staying.length === 0) this.#waits.delete(origin);
    else this.#waits.set(origin, staying);
    this.#size -= leaving.length;
    assert(this.#size >= 0, 'parking lot: what is parked is counted');
    return leaving;
  }
}
