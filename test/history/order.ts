// When one write is known to come after another without trusting any clock of the replicas: the later dot of one
// origin, or one that was asked of the same replica after the other had been acknowledged by it.

import type { Effect } from './register.ts';

interface Dot {
  readonly origin: string;
  readonly seq: number;
}

/** Reads `eu-1.7.1042`. */
export function parseDot(ver: string): Dot {
  const end = ver.lastIndexOf('.');
  return { origin: ver.slice(0, end), seq: Number(ver.slice(end + 1)) };
}

/** `later` must win over `earlier` wherever both are known. */
export function isAfter(later: Effect, earlier: Effect): boolean {
  return later.attempts.some((last) =>
    earlier.attempts.every((first) => {
      if (first.ok === false) return true;
      if (first.ok === null || last.ok === false || first.node !== last.node) return false;
      return first.return_ns < last.call_ns || isLaterDot(last.ver, first.ver);
    }),
  );
}

/** Of one origin, and with a higher number. */
export function isLaterDot(later: string | null, earlier: string | null): boolean {
  if (later === null || earlier === null) return false;
  const last = parseDot(later);
  const first = parseDot(earlier);
  return last.origin === first.origin && last.seq > first.seq;
}
