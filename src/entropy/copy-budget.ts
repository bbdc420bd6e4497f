// How many copies of all records may begin in an hour: a copy is expensive for the replica that
// gives it, and a replica that begins one after the other, for any reason, must not exhaust the
// others with it (trap 46). Continuing after a mark begins nothing. Beyond the budget a replica
// stays behind until an hour has passed since the oldest of them. In memory only: a restarted
// process has a whole budget.

import { assert } from '../base/assert.ts';

const HOUR_MS = 3_600_000;

export class CopyBudget {
  readonly #perHour: number;
  /** When the last copies began, oldest first; at most `perHour`. */
  readonly #begunMs: number[] = [];

  /** @param perHour at least 1 */
  constructor(perHour: number) {
    assert(perHour >= 1, 'copy budget: at least one');
    this.#perHour = perHour;
  }

  /** True if a copy may begin now; it then counts as begun. */
  take(monoMs: number): boolean {
    if (this.waitMs(monoMs) > 0) return false;
    if (this.#begunMs.length >= this.#perHour) this.#begunMs.shift();
    assert((this.#begunMs.at(-1) ?? monoMs) <= monoMs, 'copy budget: the oldest is the first');
    this.#begunMs.push(monoMs);
    assert(this.#begunMs.length <= this.#perHour, 'copy budget: as many as an hour has');
    return true;
  }

  /** The time until the next may begin; 0 is now. */
  waitMs(monoMs: number): number {
    const oldestMs = this.#begunMs.length < this.#perHour ? undefined : this.#begunMs[0];
    return oldestMs === undefined ? 0 : Math.max(oldestMs + HOUR_MS - monoMs, 0);
  }
}
