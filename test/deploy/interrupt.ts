// Ctrl-C ends the current wait, so that every stage removes what it has made. A second Ctrl-C ends
// the process at once.

import { GUARD_MS, until } from '../support/wait.ts';

const interruption = new AbortController();
const CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

export const interrupted: AbortSignal = interruption.signal;

export function isInterrupted(): boolean {
  return interrupted.aborted;
}

for (const [signal, code] of Object.entries(CODES)) {
  process.on(signal, () => {
    process.exitCode = code;
    if (interrupted.aborted) process.exit();
    console.log('\ninterrupted: taking everything down');
    interruption.abort(new Error('interrupted'));
  });
}

/** `until`, unless Ctrl-C ends it earlier. */
export function waitFor<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = GUARD_MS,
): Promise<T> {
  const watch = () => {
    interrupted.throwIfAborted();
    return look();
  };
  return until(what, watch, timeoutMs);
}
