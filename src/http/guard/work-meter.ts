// The measured work of this thread, for admission.ts: libuv tells for how long its loop waited for events.

import { performance } from 'node:perf_hooks';
import type { Work } from './admission.ts';

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
