// The timers of the core: one closed table, so that the host asks for one number. A timer is armed
// by the part that waits for it, and is due once. It may be due too early, if the wait that it was
// armed for has ended; the part then checks, and arms it again.

import { assert } from '../base/assert.ts';

const TIMERS = [
  'grace',
  'heartbeat',
  /** Entries that waited for others can be shown now. */
  'delivery',
  /** Deadlines of writes that wait for copies, and of retries that wait for them. */
  'write',
  'replay',
  'key-claim',
  /** Deadlines and hedges of reads. */
  'read',
  'write-back',
  'parked',
  'list',
  'quorum-list',
  'forward',
] as const;

export type Timer = (typeof TIMERS)[number];

const NEVER = Number.POSITIVE_INFINITY;

export class Timers {
  /** In fixed places, which cost the collector nothing: timers are armed in every turn. */
  readonly #dueMs = neverDue();
  #only: readonly Timer[] = TIMERS;
  #nextMs: number | undefined = NEVER;

  /** Monotonic time of the first timer that is due. */
  get nextMs(): number {
    if (this.#nextMs !== undefined) return this.#nextMs;
    let nextMs = NEVER;
    for (const timer of this.#only) nextMs = Math.min(nextMs, this.dueMs(timer));
    this.#nextMs = nextMs;
    return nextMs;
  }

  dueMs(timer: Timer): number {
    return this.#dueMs[timer];
  }

  /** Due at `atMs`; an earlier time that is already armed stays. */
  arm(timer: Timer, atMs: number): void {
    assert(!Number.isNaN(atMs), 'timers: a time is a number');
    if (atMs >= this.dueMs(timer)) return;
    this.#dueMs[timer] = atMs;
    if (this.#nextMs !== undefined && atMs < this.#nextMs)
      this.#nextMs = this.#only === TIMERS ? atMs : undefined;
  }

  disarm(timer: Timer): void {
    if (this.dueMs(timer) === NEVER) return;
    this.#dueMs[timer] = NEVER;
    this.#nextMs = undefined;
  }

  /** Whether it is due; it has to be armed again then. */
  takeDue(timer: Timer, nowMs: number): boolean {
    if (this.dueMs(timer) > nowMs) return false;
    this.disarm(timer);
    return true;
  }

  /** All other timers are disarmed. */
  keepOnly(timers: readonly Timer[]): void {
    this.#only = timers;
    this.#nextMs = undefined;
  }
}

function neverDue(): { [timer in Timer]: number } {
  return Object.fromEntries(TIMERS.map((timer) => [timer, NEVER])) as { [timer in Timer]: number };
}
