// The clock and the scheduler of a real process.

import type { Clock, Scheduler } from '../model/port.ts';

/** The longest delay that a Node timer accepts; a longer one would fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monoMs: () => performance.now(),
};

/**
 * One timer. Arming it for a later time leaves the Node timer as it is; if that fires too early, it
 * is set again. This is the usual case, and costs nothing.
 */
export function createSystemScheduler(clock: Clock = systemClock): Scheduler {
  let timer: NodeJS.Timeout | undefined;
  let firesAtMs = Number.POSITIVE_INFINITY;
  let dueMs = Number.POSITIVE_INFINITY;
  let due: () => void = () => {};

  const set = (): void => {
    const delayMs = Math.min(Math.ceil(Math.max(dueMs - clock.monoMs(), 0)), TIMER_MS_MAX);
    firesAtMs = clock.monoMs() + delayMs;
    timer = setTimeout(fire, delayMs);
  };
  const fire = (): void => {
    timer = undefined;
    if (dueMs === Number.POSITIVE_INFINITY) return;
    if (clock.monoMs() < dueMs) {
      set();
      return;
    }
    dueMs = Number.POSITIVE_INFINITY;
    due();
  };
  return {
    soon: (run) => void setImmediate(run),
    arm(delayMs, run) {
      dueMs = clock.monoMs() + delayMs;
      due = run;
      if (timer !== undefined && (dueMs < firesAtMs || delayMs === Number.POSITIVE_INFINITY)) {
        clearTimeout(timer);
        timer = undefined;
      }
      if (timer === undefined && delayMs !== Number.POSITIVE_INFINITY) set();
    },
  };
}
