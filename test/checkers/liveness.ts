// Liveness (promise L1): every operation ends, and operations succeed again once faults are healed.
//
//  hung       an operation took longer than its client was willing to wait
//  late       an answer, or the end of the client's waiting, came more than a margin after the
//             operation's own timeout
//  no-return  no operation of a kind succeeded within the bound after the heal

import type { History, Operation } from './operation.ts';
import { Anomalies, type Demand, shortfallOf, type Verdict } from './verdict.ts';

export interface LivenessStats {
  readonly seconds: number;
  readonly ok: number;
  readonly refused: number;
  readonly unknown: number;
  /** Seconds of the run in which no operation succeeded. */
  readonly silentSeconds: number;
  readonly slowestMs: number;
  /** The time from the heal to the first success of a write, and of a read. */
  readonly writesReturnMs: number;
  readonly readsReturnMs: number;
}

export interface LivenessDemand extends Demand {
  readonly hungMs: number;
  readonly returnMs: number;
  /** How much later than its own timeout an operation may end. */
  readonly lateMs?: number;
}

export function liveness(history: History, demand: LivenessDemand): Verdict<LivenessStats> {
  const anomalies = new Anomalies();
  const calls = history.filter(({ type }) => type !== 'fault');
  for (const operation of calls) {
    const ms = durationMs(operation);
    if (ms > demand.hungMs) anomalies.add('hung', `for ${Math.round(ms)} ms`, [operation]);
    const { timeout_ns } = operation;
    if (timeout_ns === undefined || demand.lateMs === undefined) continue;
    if (ms <= timeout_ns / 1e6 + demand.lateMs) continue;
    const what = `after ${Math.round(ms)} ms, with a time-out of ${timeout_ns / 1e6} ms`;
    anomalies.add('late', what, [operation]);
  }
  const heal = history.findLast(({ type, value }) => type === 'fault' && value === 'heal');
  const writesReturnMs = returnMs(calls, heal, true);
  const readsReturnMs = returnMs(calls, heal, false);
  if (heal !== undefined && Math.max(writesReturnMs, readsReturnMs) > demand.returnMs) {
    const what = `writes ${writesReturnMs} ms, reads ${readsReturnMs} ms after the heal`;
    anomalies.add('no-return', what, [heal]);
  }
  const stats = { ...countsOf(calls), writesReturnMs, readsReturnMs };
  const shortfall = heal === undefined ? 'the cluster was never healed' : undefined;
  return anomalies.verdict(stats, shortfallOf(history, demand) ?? shortfall);
}

function countsOf(calls: History) {
  const perSecond = new Map<number, number>();
  const counts = { ok: 0, refused: 0, unknown: 0, slowestMs: 0 };
  let first = Number.POSITIVE_INFINITY;
  let last = 0;
  for (const operation of calls) {
    if (operation.ok === true) {
      const second = Math.floor(operation.return_ns / 1e9);
      perSecond.set(second, (perSecond.get(second) ?? 0) + 1);
      counts.ok++;
    } else if (operation.ok === false) counts.refused++;
    else counts.unknown++;
    counts.slowestMs = Math.max(counts.slowestMs, durationMs(operation));
    first = Math.min(first, operation.call_ns);
    last = Math.max(last, operation.return_ns);
  }
  const seconds = calls.length === 0 ? 0 : Math.floor(last / 1e9) - Math.floor(first / 1e9) + 1;
  return { ...counts, seconds, silentSeconds: seconds - perSecond.size };
}

function durationMs({ call_ns, return_ns }: Operation): number {
  return (return_ns - call_ns) / 1e6;
}

function returnMs(calls: History, heal: Operation | undefined, writes: boolean): number {
  if (heal === undefined) return Number.POSITIVE_INFINITY;
  let first = Number.POSITIVE_INFINITY;
  for (const { type, ok, call_ns, return_ns } of calls) {
    const isWrite = type === 'put' || type === 'delete';
    if (ok !== true || isWrite !== writes || call_ns < heal.return_ns) continue;
    first = Math.min(first, return_ns);
  }
  return (first - heal.return_ns) / 1e6;
}
