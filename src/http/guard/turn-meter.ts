// The earliest time at which a request can have arrived. All readable sockets are read once in a
// turn of the event loop, so a request that is read now arrived after the reads of the turn before.
// Since then the loop has not waited for events, so the age of the request is at most the time that
// the loop worked (libuv measures `idle`).

import { performance } from 'node:perf_hooks';
import type { Work } from './admission.ts';

export class TurnMeter {
  readonly #onTurn: (nowMs: number) => void;
  readonly #mark = (): void => this.#endTurn();
  /** The mark of this turn is not set yet. */
  #isDue = false;
  #sinceMs = 0;
  #markMs = performance.now();
  #markIdleMs = performance.eventLoopUtilization().idle;

  /**
   * `onTurn` is called once in each turn that had input, with the monotonic time in ms, before that
   * input is judged: after a rest, the measurements from before it no longer apply.
   */
  constructor(onTurn: (nowMs: number) => void) {
    this.#onTurn = onTurn;
  }

  /** Input was read. Returns the earliest time of its arrival, in monotonic ms. */
  arrived(): number {
    if (this.#isDue) return this.#sinceMs;
    this.#isDue = true;
    setImmediate(this.#mark);
    const waitedMs = performance.eventLoopUtilization().idle - this.#markIdleMs;
    const nowMs = performance.now();
    this.#sinceMs = Math.min(this.#markMs + waitedMs, nowMs);
    this.#onTurn(nowMs);
    return this.#sinceMs;
  }

  #endTurn(): void {
    this.#isDue = false;
    this.#markMs = performance.now();
    this.#markIdleMs = performance.eventLoopUtilization().idle;
  }
}

/** How long the event loop worked, and waited for events, since the last call. */
export function createWorkMeter(): () => Work {
  let last = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const since = performance.eventLoopUtilization(now, last);
    last = now;
    return { activeMs: since.active, idleMs: since.idle };
  };
}
