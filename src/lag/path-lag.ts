// How much longer than usual a peer's writes take to be shown here. No clock is shared, so there is no "late" but only
// "later than this path can do": the excess over the link's own baseline, the smallest round trip that was seen. The
// estimator is LEDBAT's base delay (RFC 6817 section 3.4.2): the minimum of each of the last ten minutes, and the smallest
// of those. A path that stays slower for ten minutes has a new baseline.
//
// A delay is measured by echo: from our ping until everything that the peer had accepted when it came is shown here, less
// the time for which the peer kept the ping before it answered. What still waits counts with its age so far.
//
// The baseline is taken when the echo comes, and not when what it names is shown. Else a replica that is behind from its
// start, because more is written than its window lets through, would take its very backlog for the distance (LEDBAT's late
// comer). What the disks of both sides take is therefore excess, as far as the peer has not kept the ping for as long.
//
// A ping that travels slowly is not a write that does. So the way back is measured as well, from the peer's monotonic time
// when it answered to ours when that is shown: its offset is unknown but constant, and drops out of the excess. Its
// baseline is taken only while the whole way is calm, and is forgotten with the peer's life. The smaller excess counts:
// clocks that run apart can only make the second one larger than it is, or follow its baseline down.

const MINUTE_MS = 60_000;
const MINUTES = 10;
/** A round trip within this of its baseline tells that neither way is slow. */
const CALM_MS = 20;

export interface Delay {
  /** There and back. */
  readonly roundMs: number;
  /** Back, plus what the two clocks differ by. */
  readonly backMs: number;
}

export class PathLag {
  readonly #round = new WindowedMinimum();
  #back = new WindowedMinimum();
  #last: Delay | undefined;
  #answeredAtMs: number | undefined;

  /** An echo came, whether or not what it names is shown: until that is applied, its delay is that of the network. */
  onEcho({ roundMs, backMs }: Delay, nowMs: number): void {
    this.#answeredAtMs = nowMs;
    this.#round.observe(roundMs, nowMs);
    const baseline = this.#round.at(nowMs) ?? roundMs;
    if (roundMs - baseline <= CALM_MS) this.#back.observe(backMs, nowMs);
  }

  /** What an echo names is shown. */
  onShown(delay: Delay): void {
    this.#last = delay;
  }

  /** What was measured on a connection says nothing of the next; the distance stays. */
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
   * In ms; `undefined` while nothing was shown on this connection. `waiting` is the delay so far of the oldest echo that is
   * not shown; an echo that is overdue by more than `quietMs` since the last counts as well.
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
  /** By minute modulo ten: the smallest of a minute, and which minute that was. */
  readonly #least = new Array<number>(MINUTES).fill(Number.POSITIVE_INFINITY);
  readonly #minutes = new Array<number>(MINUTES).fill(Number.NEGATIVE_INFINITY);

  observe(ms: number, nowMs: number): void {
    const minute = Math.floor(nowMs / MINUTE_MS);
    const at = minute % MINUTES;
    const isNew = this.#minutes[at] !== minute;
    this.#minutes[at] = minute;
    this.#least[at] = isNew ? ms : Math.min(this.#least[at] as number, ms);
  }

  /** `undefined` while there is none. */
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
