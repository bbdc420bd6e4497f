// The error of one machine's wall clock, from the first event of a run to its last, by what was
// done to the clock, not by what a replica says about it.

interface Piece {
  readonly atMs: number;
  readonly aheadMs: number;
  /** What it gains in each millisecond. */
  readonly rate: number;
}

export class ClockError {
  /** In the order of time. */
  readonly #pieces: Piece[] = [{ atMs: 0, aheadMs: 0, rate: 0 }];

  jump(ms: number, nowMs: number): void {
    const { rate } = this.#last;
    this.#pieces.push({ atMs: nowMs, aheadMs: at(this.#last, nowMs) + ms, rate });
  }

  skew(msPerSecond: number, nowMs: number): void {
    const aheadMs = at(this.#last, nowMs);
    this.#pieces.push({ atMs: nowMs, aheadMs, rate: msPerSecond / 1000 });
  }

  set(aheadMs: number, nowMs: number): void {
    this.#pieces.push({ atMs: nowMs, aheadMs, rate: 0 });
  }

  /** The most that it was off at any time between the two, in either direction. */
  mostMs(fromMs: number, toMs: number): number {
    let most = 0;
    this.#pieces.forEach((piece, n) => {
      const untilMs = this.#pieces[n + 1]?.atMs ?? Number.POSITIVE_INFINITY;
      if (piece.atMs > toMs || untilMs < fromMs) return;
      for (const whenMs of [Math.max(piece.atMs, fromMs), Math.min(untilMs, toMs)])
        most = Math.max(most, Math.abs(at(piece, whenMs)));
    });
    return most;
  }

  get #last(): Piece {
    return this.#pieces.at(-1) as Piece;
  }
}

function at({ atMs, aheadMs, rate }: Piece, nowMs: number): number {
  return aheadMs + rate * (nowMs - atMs);
}
