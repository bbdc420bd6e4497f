// Whether this replica may answer for a namespace whose policy bounds its lag
// (docs/consistency.md).
//
//   unknown -> catching-up       a majority was measured
//   catching-up -> serving       verified: this replica holds all that the others hold, and every
//                                lag is proved and within its limit
//   serving -> suspect           beyond a limit
//   suspect -> serving           no longer beyond any
//   suspect -> paused, stale     beyond it for one heartbeat more than the limit allows, or at
//                                looks two heartbeats apart
//   paused -> stale              beyond a limit of `staleAfter` for as long
//   paused, stale -> serving     verified, and within half of every limit for a second; for a limit
//                                of time near the usual delay of the link, halfway between the two
//   serving, suspect -> catching-up   it copies a snapshot, or has lost stored data
//   serving, suspect -> unknown       only entries are bounded, and no peer has reported any for
//                                     long
//
// `pauseLagMs` bounds by how much longer than usual writes take to become visible here,
// `staleAfter` how long ago everything that others had accepted was visible here, and how many
// entries are known to be missing. Unknown is never zero: an unmeasured lag ages, and a state
// changes to `serving` only on proof. A lag that grows with time makes a replica stale at once when
// it is looked at late, as after a stall of the whole process.

import { assert, unreachable } from '../base/assert.ts';
import { LAG_LIMITS, type LagLimit, type LagRule, type LagState } from '../model/lag.ts';
import type { NamespaceName } from '../model/id.ts';
import { isLagBounded, type StaleAfter } from '../model/policy.ts';

/** The lag of this replica behind what its peers are known to hold, at one look. */
export interface Reading {
  /**
   * A majority was measured: how long ago everything that it had accepted was visible here, in ms.
   */
  readonly unheardMs: number | undefined;
  /** Every peer that is heard was measured since then. */
  readonly isProved: boolean;
  /** This replica holds what the others held when it started, and copies no snapshot. */
  readonly isCaughtUp: boolean;
  readonly lagMs: number;
  readonly excessMs: number;
  readonly entries: number;
  /** The share of both that the unfinished local commit accounts for. */
  readonly ownMs: number;
}

export interface Limits {
  readonly namespace: NamespaceName;
  readonly staleAfter: StaleAfter | undefined;
  readonly pauseLagMs: number | undefined;
}

export interface LagTimes {
  /** The time between two measurements. */
  readonly beatMs: number;
  /** After this time without a report, the number of missing entries is unknown. */
  readonly untoldMs: number;
}

const LOOKS_BEYOND = 2;
const WITHIN_MS = 1000;
const RETURN_SHARE = 0.5;

/** The state of one namespace. */
export interface Watched {
  readonly limits: Limits;
  readonly state: LagState;
  readonly sinceMs: number;
  /** The exceeded limit, or the disk that caused it. */
  readonly rule: LagRule | undefined;
}

interface Mutable extends Watched {
  state: LagState;
  sinceMs: number;
  rule: LagRule | undefined;
  /** Since when each limit is exceeded. */
  readonly beyondSinceMs: Map<LagLimit, number>;
  withinSinceMs: number | undefined;
}

export class LagStates {
  readonly #times: LagTimes;
  readonly #watched: readonly Mutable[];
  readonly #byName: ReadonlyMap<NamespaceName, Mutable>;

  constructor(policies: Iterable<Limits>, times: LagTimes) {
    this.#times = times;
    this.#watched = [...policies].filter(isLagBounded).map((limits) => ({
      limits,
      state: 'unknown' as const,
      sinceMs: 0,
      rule: undefined,
      beyondSinceMs: new Map<LagLimit, number>(),
      withinSinceMs: undefined,
    }));
    this.#byName = new Map(this.#watched.map((each) => [each.limits.namespace, each]));
  }

  /** No policy has a limit: no lag needs to be measured. */
  get isIdle(): boolean {
    return this.#watched.length === 0;
  }

  get isSuspect(): boolean {
    return this.#watched.some(({ state }) => state === 'suspect');
  }

  of(namespace: NamespaceName): Watched | undefined {
    return this.#byName.get(namespace);
  }

  all(): readonly Watched[] {
    return this.#watched;
  }

  /** Called with every heartbeat, and whenever a read must not use the last measurement. */
  judge(reading: Reading, nowMs: number): void {
    assert(reading.lagMs >= 0 && reading.entries >= 0, 'lag state: a lag is not negative');
    for (const each of this.#watched) {
      this.#noteBeyond(each, reading, nowMs);
      this.#decide(each, reading, nowMs);
    }
  }

  #noteBeyond({ limits, beyondSinceMs }: Mutable, reading: Reading, nowMs: number): void {
    for (const rule of LAG_LIMITS) {
      if (!isBeyond(limits, rule, reading)) beyondSinceMs.delete(rule);
      else if (!beyondSinceMs.has(rule)) beyondSinceMs.set(rule, nowMs);
    }
  }

  #decide(each: Mutable, reading: Reading, nowMs: number): void {
    switch (each.state) {
      case 'unknown':
        if (reading.unheardMs === undefined || this.#isUntold(each, reading)) return;
        enter(each, 'catching-up', undefined, nowMs);
        return this.#decide(each, reading, nowMs);
      case 'catching-up':
        if (isVerified(reading) && each.beyondSinceMs.size === 0)
          enter(each, 'serving', undefined, nowMs);
        return;
      case 'serving':
      case 'suspect':
        return this.#watch(each, reading, nowMs);
      case 'paused':
      case 'stale':
        return this.#lookForReturn(each, reading, nowMs);
      default:
        return unreachable(each.state);
    }
  }

  #watch(each: Mutable, reading: Reading, nowMs: number): void {
    const [rule] = each.beyondSinceMs.keys();
    const lasting = this.#lastingRule(each, reading, nowMs);
    if (!reading.isCaughtUp) enter(each, 'catching-up', undefined, nowMs);
    else if (lasting !== undefined) enter(each, stateBy(lasting), blame(lasting, reading), nowMs);
    else if (this.#isUntold(each, reading)) enter(each, 'unknown', undefined, nowMs);
    else if (rule !== undefined) enter(each, 'suspect', blame(rule, reading), nowMs);
    else enter(each, 'serving', undefined, nowMs);
  }

  #lookForReturn(each: Mutable, reading: Reading, nowMs: number): void {
    const lasting = this.#lastingRule(each, reading, nowMs);
    if (each.state === 'paused' && lasting !== undefined && lasting !== 'pause')
      enter(each, 'stale', blame(lasting, reading), nowMs);
    const isWithin =
      isVerified(reading) &&
      LAG_LIMITS.every((rule) => overReturn(each.limits, rule, reading) <= 0);
    if (!isWithin) each.withinSinceMs = undefined;
    else each.withinSinceMs ??= nowMs;
    if (each.withinSinceMs === undefined || nowMs - each.withinSinceMs < WITHIN_MS) return;
    enter(each, 'serving', undefined, nowMs);
  }

  /** The hardest limit that was exceeded for long enough. */
  #lastingRule(
    { limits, beyondSinceMs }: Mutable,
    reading: Reading,
    nowMs: number,
  ): LagLimit | undefined {
    const { beatMs } = this.#times;
    return GRAVEST_FIRST.find((rule) => {
      const sinceMs = beyondSinceMs.get(rule);
      if (sinceMs === undefined) return false;
      return beyondMs(limits, rule, reading) >= beatMs || nowMs - sinceMs >= LOOKS_BEYOND * beatMs;
    });
  }

  /**
   * Without a report, missing entries cannot be counted; if time is bounded too, that limit comes
   * first.
   */
  #isUntold({ limits }: Mutable, { unheardMs }: Reading): boolean {
    const isTimed = limits.pauseLagMs !== undefined || limits.staleAfter?.timeMs !== undefined;
    return !isTimed && (unheardMs ?? Number.POSITIVE_INFINITY) > this.#times.untoldMs;
  }
}

const NEXT: { readonly [State in LagState]: readonly LagState[] } = {
  unknown: ['catching-up'],
  'catching-up': ['serving'],
  serving: ['suspect', 'paused', 'stale', 'catching-up', 'unknown'],
  suspect: ['serving', 'paused', 'stale', 'catching-up', 'unknown'],
  paused: ['stale', 'serving'],
  stale: ['serving'],
};

/** States beyond a limit. */
const RULED: readonly LagState[] = ['suspect', 'paused', 'stale'];

const GRAVEST_FIRST: readonly LagLimit[] = ['time', 'entries', 'pause'];

function enter(each: Mutable, state: LagState, rule: LagRule | undefined, nowMs: number): void {
  each.rule = rule;
  if (each.state === state) return;
  assert(NEXT[each.state].includes(state), 'lag state: there is no such step');
  assert(rule === undefined || RULED.includes(state), 'lag state: no limit is passed');
  assert(rule !== undefined || !RULED.includes(state), 'lag state: a limit that is passed');
  assert(nowMs >= each.sinceMs, 'lag state: states follow each other in time');
  each.state = state;
  each.sinceMs = nowMs;
  each.withinSinceMs = undefined;
}

function stateBy(rule: LagLimit): LagState {
  return rule === 'pause' ? 'paused' : 'stale';
}

/** At least half of it is the local commit. */
function blame(limit: LagLimit, reading: Reading): LagRule {
  if (limit === 'entries') return limit;
  return 2 * reading.ownMs >= measureOf(limit, reading) ? 'disk' : limit;
}

function isVerified({ unheardMs, isProved, isCaughtUp }: Reading): boolean {
  return unheardMs !== undefined && isProved && isCaughtUp;
}

function isBeyond(limits: Limits, rule: LagLimit, reading: Reading): boolean {
  const limit = limitOf(limits, rule);
  return limit !== undefined && measureOf(rule, reading) > limit;
}

/** By how much it is above the bound for its return. */
function overReturn(limits: Limits, rule: LagLimit, reading: Reading): number {
  const limit = limitOf(limits, rule);
  if (limit === undefined) return 0;
  let most = limit * RETURN_SHARE;
  // On a long link half of the limit may never be reached: then halfway between the usual delay and
  // the limit.
  const usualMs = Math.max(reading.lagMs - reading.excessMs, 0);
  if (rule === 'time') most = Math.min(limit, Math.max(most, (limit + usualMs) / 2));
  return measureOf(rule, reading) - most;
}

/** In ms; a limit of entries has no time. */
function beyondMs(limits: Limits, rule: LagLimit, reading: Reading): number {
  return rule === 'entries' ? 0 : measureOf(rule, reading) - (limitOf(limits, rule) ?? 0);
}

function limitOf({ staleAfter, pauseLagMs }: Limits, rule: LagLimit): number | undefined {
  if (rule === 'pause') return pauseLagMs;
  return rule === 'time' ? staleAfter?.timeMs : staleAfter?.entries;
}

function measureOf(rule: LagLimit, { excessMs, lagMs, entries }: Reading): number {
  if (rule === 'pause') return excessMs;
  return rule === 'time' ? lagMs : entries;
}

/** By how many ms the lag must shrink for the namespace to return. */
export function missingMs(limits: Limits, reading: Reading): number {
  return Math.max(0, overReturn(limits, 'pause', reading), overReturn(limits, 'time', reading));
}
