// Stale replicas (promise R1): a replica that is further behind than the policy of a namespace
// allows does not answer its reads, and answers again once it has caught up. Clients cannot see its
// true lag: an observer of every disk and every link logs it, and the checker reads this log
// together with the history.
//
// The asked replica may let another one answer: then the lag of that one is judged, and the asked
// one must answer itself again some time after the heal, as if it had refused.
//
// A read is wrong if the lag was beyond the bound at every sample around it: entries that arrived
// in the meantime count.

import type { History, Operation } from './operation.ts';
import { Anomalies, type Demand, shortfallOf, type Verdict } from './verdict.ts';

/**
 * The lag of a replica at one moment: the age of the oldest entry that it could know and lacked.
 */
export interface LagSample {
  readonly atNs: number;
  readonly lagMs: number;
  /** Namespaces that it answered only because too few others did. */
  readonly kept: readonly string[];
}

export type LagLog = { readonly [node: string]: readonly LagSample[] };

export interface StaleOptions extends Demand {
  /** The longest lag at which a read of the namespace may succeed, with all allowances. */
  readonly boundsMs: { readonly [ns: string]: number };
  /** After this time from the heal, no replica may be stale. */
  readonly returnMs: number;
  /** Reads of these namespaces that were judged, at least. */
  readonly judged: number;
}

const REFUSALS: ReadonlySet<string> = new Set(['replica-stale', 'catching-up']);

interface StaleStats {
  readonly judged: number;
  /** Or answered by another replica. */
  readonly refused: number;
  readonly lagMsMax: number;
}

export function stale(history: History, log: LagLog, options: StaleOptions): Verdict<StaleStats> {
  const anomalies = new Anomalies();
  const stats = { judged: 0, refused: 0, lagMsMax: 0 };
  const heal = history.find(({ type, value }) => type === 'fault' && value === 'heal');
  const healedNs = heal === undefined ? Number.POSITIVE_INFINITY : heal.return_ns;
  for (const operation of history) {
    const boundMs = options.boundsMs[operation.ns];
    if (boundMs === undefined || !isRead(operation)) continue;
    if (operation.asked !== undefined || REFUSALS.has(operation.reason ?? '')) {
      stats.refused++;
      const sinceMs = (operation.call_ns - healedNs) / 1e6;
      if (sinceMs > options.returnMs) {
        const who = operation.asked ?? operation.node;
        const what = `replica ${who} did not answer ${Math.round(sinceMs)} ms after the heal`;
        anomalies.add('no-return', what, [heal, operation]);
      }
    }
    if (operation.ok === true) {
      const lagMs = lagAround(log[operation.node] ?? [], operation);
      if (lagMs === undefined) continue;
      stats.judged++;
      stats.lagMsMax = Math.max(stats.lagMsMax, lagMs);
      if (lagMs <= boundMs) continue;
      const what = `replica ${operation.node} answered ${Math.round(lagMs)} ms behind; the bound is ${boundMs} ms`;
      anomalies.add('served-stale', what, [operation]);
    }
  }
  const few = stats.judged < options.judged ? `only ${stats.judged} reads were judged` : undefined;
  return anomalies.verdict(stats, shortfallOf(history, options) ?? few);
}

function isRead({ type }: Operation): boolean {
  return type === 'get' || type === 'list';
}

/**
 * The least lag from the last sample before the call to the first after the return; none if the
 * bound does not apply to the replica.
 */
function lagAround(samples: readonly LagSample[], read: Operation): number | undefined {
  let at = firstAfter(samples, read.call_ns) - 1;
  if (at < 0) return undefined;
  let least = Number.POSITIVE_INFINITY;
  for (; at < samples.length; at++) {
    const { atNs, lagMs, kept } = samples[at] as LagSample;
    if (kept.includes(read.ns)) return undefined;
    least = Math.min(least, lagMs);
    if (atNs > read.return_ns) return least;
  }
  // No samples follow the last one.
  return undefined;
}

function firstAfter(samples: readonly LagSample[], ns: number): number {
  let low = 0;
  let high = samples.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((samples[middle] as LagSample).atNs > ns) high = middle;
    else low = middle + 1;
  }
  return low;
}
