// Calls a function at a fixed interval while a server listens.

import type { Server } from 'node:http';

/** `check` gets the monotonic time in ms. */
export function checkRegularly(
  server: Server,
  everyMs: number,
  check: (nowMs: number) => void,
): void {
  let timer: NodeJS.Timeout | undefined;
  server.on('listening', () => {
    clearInterval(timer);
    timer = setInterval(() => check(performance.now()), everyMs);
    timer.unref();
  });
  server.on('close', () => clearInterval(timer));
}
