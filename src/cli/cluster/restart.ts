// When a replica that ended is started again: at once if it ran for long, with growing pauses if it
// ended soon, and not at all if it keeps failing soon after its start.

import { EXIT } from '../exit.ts';

const YOUNG_MS = 10_000;
const YOUNG_DEATHS_MAX = 5;
const DELAY_MS_FIRST = 250;
const DELAY_MS_MAX = 8000;

type Decision =
  | { readonly kind: 'restart'; readonly delayMs: number }
  | { readonly kind: 'give-up'; readonly reason: string };

interface RestartPolicy {
  onDeath(livedMs: number, code: number | null): Decision;
}

export function createRestartPolicy(): RestartPolicy {
  let youngDeaths = 0;
  return {
    onDeath(livedMs, code) {
      if (code === EXIT.usage) return { kind: 'give-up', reason: 'its configuration was refused' };
      youngDeaths = livedMs < YOUNG_MS ? youngDeaths + 1 : 0;
      if (youngDeaths >= YOUNG_DEATHS_MAX) {
        const reason = `it died ${youngDeaths} times within ${YOUNG_MS / 1000} s of its start`;
        return { kind: 'give-up', reason };
      }
      return {
        kind: 'restart',
        delayMs: Math.min(DELAY_MS_MAX, DELAY_MS_FIRST * 2 ** youngDeaths),
      };
    },
  };
}
