// How much longer than usual a peer's writes take to become visible here. Clocks are not shared, so
// the absolute delay is unknown; the excess over the link's own baseline, the smallest observed
// round trip, is not. The estimator is LEDBAT's base delay (RFC 6817 section 3.4.2): the minimum of
// each of the last ten minutes, and the smallest of those. A link that stays slower for ten minutes
// gets a new baseline.
//
// A delay is measured by echo: from our ping until everything that the peer had accepted on its
// arrival is visible here, less the time for which the peer kept the ping. An echo that still waits
// counts with its age so far.
//
// The baseline is taken when the echo arrives, not when its entries are visible. Otherwise a
// replica that is behind from its start, because more is written than its window lets through,
// would take its backlog for the distance (LEDBAT's late comer). The time of both sides' disks is
// therefore excess, unless the peer has kept the ping for as long.
//
// A ping that travels slowly is not a slow write. So the way back is measured as well, from the
// peer's monotonic time at its answer to ours when the entries are visible: the offset is unknown
// but constant, and drops out of the excess. Its baseline is taken only while the whole round trip
// is calm, and is forgotten with the peer's incarnation. The smaller excess counts: clocks that run
// apart can only enlarge the second one, or pull its baseline down.

import { assert } from '../base/assert.ts';

const MINUTE_MS = 60_000;
const MINUTES = 10;
/** A round trip within this of its baseline shows that neither direction is slow. */
const CALM_MS = 20;

export interface Delay {
  /** There and back. */
  readonly roundMs: number;
  /** The way back, plus the difference of the two clocks. */
  readonly backMs: number;
}

export class PathLag {
  readonly #round = new WindowedMinimum();
  #back = new WindowedMinimum();
  #last: Delay | undefined;
  #answeredAtMs: number | undefined;

  /**
   * An echo has arrived. Whether or not the entries that it names are visible, its delay is that of
   * the network.
   */
  onEcho({ roundMs, backMs }: Delay, nowMs: number): void {
    this.#answeredAtMs = nowMs;
    this.#round.observe(roundMs, nowMs);
    const baseline = this.#round.at(nowMs) ?? roundMs;
    if (roundMs - baseline <= CALM_MS) this.#back.observe(backMs, nowMs);
  }

  /** The entries that an echo names are visible. */
  onShown(delay: Delay): void {
    assert(this.#answeredAtMs !== undefined, 'path lag: what is shown was named by an echo');
    this.#last = delay;
  }

  /** Measurements of a connection do not apply to the next; the distance remains. */
  onDisconnected(): void {
    this.#last = undefined;
    this.#answeredAtMs = undefined;
  }

  /** Another process runs there, and its clock begins elsewhere. */
  onNewLife(): void {
    this.#back = new WindowedMinimum();
  }

  /** The least that a round trip takes, or `undefined` while nothing was measured. */
  baselineMs(nowMs: number): number | undefined {
    return this.#round.at(nowMs);
  }

  /**
   * In ms; `undefined` while nothing became visible on this connection. `waiting` is the delay so
   * far of the oldest waiting echo; an echo that is overdue by more than `quietMs` since the last
   * counts as well.
   */
  excessMs(waiting: Delay | undefined, quietMs: number, nowMs: number): number | undefined {
    if (this.#last === undefined || this.#answeredAtMs === undefined) return undefined;
    const overdue = nowMs - this.#answeredAtMs - quietMs;
    const waits = waiting === undefined ? 0 : this.#excessOf(waiting, nowMs);
    return Math.max(this.#excessOf(this.#last, nowMs), waits, overdue, 0);
  }

  #excessOf({ roundMs, backMs }: Delay, nowMs: number): number {
    const round = this.#round.at(nowMs);
    const back = this.#back.at(nowMs);
    const ofRound = round === undefined ? 0 : roundMs - round;
    return back === undefined ? ofRound : Math.min(ofRound, backMs - back);
  }
}

/** The smallest of the last ten minutes, a minute at a time. */
class WindowedMinimum {
  /** By minute modulo ten: the smallest of a minute, and the number of that minute. */
  readonly #least = new Array<number>(MINUTES).fill(Number.POSITIVE_INFINITY);
  readonly #minutes = new Array<number>(MINUTES).fill(Number.NEGATIVE_INFINITY);

  observe(ms: number, nowMs: number): void {
    const minute = Math.floor(nowMs / MINUTE_MS);
    const at = minute % MINUTES;
    assert((this.#minutes[at] as number) <= minute, 'path lag: minutes follow each other');
    const isNew = this.#minutes[at] !== minute;
    this.#minutes[at] = minute;
    this.#least[at] = isNew ? ms : Math.min(this.#least[at] as number, ms);
  }

  /** `undefined` if it has no value. */
  at(nowMs: number): number | undefined {
    const minute = Math.floor(nowMs / MINUTE_MS);
    let least = Number.POSITIVE_INFINITY;
    for (let at = 0; at < MINUTES; at++) {
      const isRecent = (this.#minutes[at] as number) > minute - MINUTES;
      if (isRecent) least = Math.min(least, this.#least[at] as number);
    }
    return least === Number.POSITIVE_INFINITY ? undefined : least;
  }
}
