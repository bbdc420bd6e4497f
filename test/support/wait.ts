// Waits for a condition, with a deadline: the only way in which a test lets time pass.

import { setTimeout as sleep } from 'node:timers/promises';

const PERIOD_MS = 20;
/**
 * Prevents waiting for ever; it measures nothing. Even on a busy machine the condition holds
 * earlier.
 */
export const GUARD_MS = 240_000;

/** Polls until `look` returns something; throws, naming `what`, when the deadline has passed. */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = GUARD_MS,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`in ${timeoutMs} ms not: ${what}`);
    await sleep(PERIOD_MS);
  }
}
