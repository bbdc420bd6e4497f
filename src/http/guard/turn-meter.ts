// Says since when a request can have been here. What is readable is read once in a turn of the event loop, so a request that is
// read now came after the requests of the turn before were read, and since then the loop has not waited for events: what it
// has is the time that it worked (`idle` is what libuv tells).

import { performance } from 'node:perf_hooks';
import type { Work } from './admission.ts';

export class TurnMeter {
  readonly #onTurn: (nowMs: number) => void;
  readonly #mark = (): void => this.#endTurn();
  /** The mark of this turn is still to come. */
  #isDue = false;
  #sinceMs = 0;
  #markMs = performance.now();
  #markIdleMs = performance.eventLoopUtilization().idle;

  /** `onTurn` is called once in each turn in which something came, with the monotonic time in ms. */
  constructor(onTurn: (nowMs: number) => void) {
    this.#onTurn = onTurn;
  }

  /** Something came: when it can have arrived at the earliest, in monotonic ms. */
  arrived(): number {
    if (this.#isDue) return this.#sinceMs;
    this.#isDue = true;
    setImmediate(this.#mark);
    const waitedMs = performance.eventLoopUtilization().idle - this.#markIdleMs;
    this.#sinceMs = Math.min(this.#markMs + waitedMs, performance.now());
    return this.#sinceMs;
  }

  #endTurn(): void {
    this.#isDue = false;
    this.#markMs = performance.now();
    this.#markIdleMs = performance.eventLoopUtilization().idle;
    this.#onTurn(this.#markMs);
  }
}

/** For how long the event loop worked, and waited for events, since the last call. */
export function createWorkMeter(): () => Work {
  let last = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const since = performance.eventLoopUtilization(now, last);
    last = now;
    return { activeMs: since.active, idleMs: since.idle };
  };
}
