// Whether a replica may answer reads of a namespace whose policy bounds its lag: the words that
// heartbeats, the status and the metrics share. lag/lag-state.ts has the transitions.

import type { NamespaceName } from './id.ts';

export const LAG_STATES = [
  'unknown',
  'catching-up',
  'serving',
  'suspect',
  'paused',
  'stale',
] as const;

/**
 * `unknown`: nothing is measured yet. `catching-up`: measured, and not yet verified to hold what
 * the others hold. `suspect`: beyond a limit, not yet for long enough. `paused`: beyond
 * `pauseLagMs`. `stale`: beyond `staleAfter`.
 */
export type LagState = (typeof LAG_STATES)[number];

/** The limits of a policy: `pauseLagMs`, `staleAfter.timeMs`, `staleAfter.entries`. */
export const LAG_LIMITS = ['pause', 'time', 'entries'] as const;
export type LagLimit = (typeof LAG_LIMITS)[number];

/**
 * The exceeded limit. `disk`: a limit of time is exceeded mostly because of a local commit that is
 * not durable yet.
 */
export const LAG_RULES = [...LAG_LIMITS, 'disk'] as const;
export type LagRule = (typeof LAG_RULES)[number];

export interface NamespaceLag {
  readonly namespace: NamespaceName;
  readonly state: LagState;
  /** `undefined` if no limit is exceeded. */
  readonly rule: LagRule | undefined;
  /** How long it has been in this state. */
  readonly forMs: number;
  /**
   * True if it answers reads. A paused replica answers only if too few others do (`minServing`).
   */
  readonly answers: boolean;
  /** By how much the lag must shrink before it returns, in ms; `undefined` if unknown. */
  readonly missingMs: number | undefined;
  /** Log entries that it is known to lack; `undefined` if unknown. */
  readonly missingEntries: number | undefined;
}

/** A heartbeat reports at most this many namespaces, the first by name. */
export const LAG_TOLD_MAX = 1024;
