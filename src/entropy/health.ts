// When this replica is too far behind to answer for a namespace (PROMISES §6): by time or by entries, as its policy says.
//
//   serving -> stale    beyond a limit at several looks in a row
//   stale -> serving    within half of every limit for a while
//
// Lag is behind what can be known: entries that connected peers hold, and how long ago everything that they had
// accepted was shown here, by echo and without synchronised clocks. A peer that is down does not make the others stale;
// a replica that hears no majority grows stale from the moment it last did. It goes on storing writes and counts in
// every quorum, and returns by itself.

import type { NamespaceName } from '../model/id.ts';
import type { StaleAfter } from '../model/policy.ts';

export interface Lag {
  readonly ms: number;
  readonly entries: number;
}

/** Why a namespace is not answered for. */
export interface Stale {
  readonly namespace: NamespaceName;
  readonly rule: 'time' | 'entries';
  readonly sinceMs: number;
}

const LOOKS_BEYOND = 3;
const WITHIN_MS = 1000;
const RETURN_SHARE = 0.5;

interface Watched {
  readonly namespace: NamespaceName;
  readonly limit: StaleAfter;
  looksBeyond: number;
  withinSinceMs: number | undefined;
  stale: Stale | undefined;
}

export class Health {
  readonly #watched: readonly Watched[];

  constructor(
    policies: Iterable<{ namespace: NamespaceName; staleAfter: StaleAfter | undefined }>,
  ) {
    const watched: Watched[] = [];
    for (const { namespace, staleAfter: limit } of policies) {
      if (limit === undefined) continue;
      watched.push({
        namespace,
        limit,
        looksBeyond: 0,
        withinSinceMs: undefined,
        stale: undefined,
      });
    }
    this.#watched = watched;
  }

  /** No policy has a limit: nobody needs to measure. */
  get isIdle(): boolean {
    return this.#watched.length === 0;
  }

  /** With every heartbeat. */
  look(lag: Lag, nowMs: number): void {
    for (const each of this.#watched) {
      if (each.stale === undefined) this.#lookForStale(each, lag, nowMs);
      else this.#lookForReturn(each, lag, nowMs);
    }
  }

  of(namespace: NamespaceName): Stale | undefined {
    return this.#watched.find((each) => each.namespace === namespace)?.stale;
  }

  all(): readonly Stale[] {
    return this.#watched.flatMap(({ stale }) => stale ?? []);
  }

  #lookForStale(each: Watched, lag: Lag, nowMs: number): void {
    const rule = ruleBroken(each.limit, lag, 1);
    each.looksBeyond = rule === undefined ? 0 : each.looksBeyond + 1;
    if (rule === undefined || each.looksBeyond < LOOKS_BEYOND) return;
    each.stale = { namespace: each.namespace, rule, sinceMs: nowMs };
    each.withinSinceMs = undefined;
  }

  #lookForReturn(each: Watched, lag: Lag, nowMs: number): void {
    if (ruleBroken(each.limit, lag, RETURN_SHARE) !== undefined) {
      each.withinSinceMs = undefined;
      return;
    }
    each.withinSinceMs ??= nowMs;
    if (nowMs - each.withinSinceMs < WITHIN_MS) return;
    each.stale = undefined;
    each.looksBeyond = 0;
  }
}

function ruleBroken(
  { timeMs, entries }: StaleAfter,
  lag: Lag,
  share: number,
): Stale['rule'] | undefined {
  if (timeMs !== undefined && lag.ms > timeMs * share) return 'time';
  return entries !== undefined && lag.entries > entries * share ? 'entries' : undefined;
}
