// When one write is known to come after another, without trusting the clock of a replica: it has
// the later dot of one origin, or it was sent to a replica after that replica had acknowledged the
// other.

import type { Write } from './operation.ts';
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

/**
 * `later` must win over `earlier` if both are known. A write that was retried may have happened
 * with any attempt that was not refused: all of them come after, or the dot shows it.
 */
export function isAfter(later: Effect, earlier: Effect): boolean {
  return earlier.attempts.every((first) => {
    if (first.ok === false) return true;
    return first.ok !== null && isBehind(later, first);
  });
}

function isBehind({ attempts, ok }: Effect, first: Write): boolean {
  if (attempts.some((last) => last.ok !== false && isLaterDot(last.ver, first.ver))) return true;
  const begun = attempts.filter((last) => last.ok !== false);
  return (
    ok !== false &&
    begun.every((last) => last.node === first.node && first.return_ns < last.call_ns)
  );
}

/** Both of one origin, the second with a higher number. */
export function isLaterDot(later: string | null, earlier: string | null): boolean {
  if (later === null || earlier === null) return false;
  const last = parseDot(later);
  const first = parseDot(earlier);
  return last.origin === first.origin && last.seq > first.seq;
}
