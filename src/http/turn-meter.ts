// Says since when a request can have been here. A mark is set in each turn of the event loop, as long as something came in
// the turn before; while one is due the loop does not wait for events. What is readable is read once a turn: a request that
// is read now came after the last mark.

export class TurnMeter {
  readonly #onTurn: (nowMs: number) => void;
  readonly #mark = (): void => this.#endTurn();
  #isRunning = false;
  #hasCome = false;
  #markMs = 0;

  /** `onTurn` is called at each mark, with its monotonic time in ms. */
  constructor(onTurn: (nowMs: number) => void) {
    this.#onTurn = onTurn;
  }

  /** Something came: when it can have arrived at the earliest, in monotonic ms. */
  arrived(): number {
    this.#hasCome = true;
    if (this.#isRunning) return this.#markMs;
    this.#isRunning = true;
    this.#markMs = performance.now();
    setImmediate(this.#mark);
    return this.#markMs;
  }

  #endTurn(): void {
    const nowMs = performance.now();
    this.#markMs = nowMs;
    if (this.#hasCome) setImmediate(this.#mark);
    else this.#isRunning = false;
    this.#hasCome = false;
    this.#onTurn(nowMs);
  }
}
