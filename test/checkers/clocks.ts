// Clocks (promise R2): what clients may expect of them, judged by what the clients recorded.
//
//  lost-to-the-past      a write that a majority acknowledged is older than one that a majority had
//                        acknowledged before it began, by more than clocks may differ
//  refused-for-nothing   while only clocks were wrong, a healthy replica refused a request, or one
//                        with a wrong clock refused more than its writes

import type { History, Operation, Write } from './operation.ts';
import { Anomalies, type Verdict } from './verdict.ts';

export interface ClocksStats {
  /** Pairs of acknowledged writes, of which one began after the other had ended. */
  readonly compared: number;
}

export interface ClocksDemand {
  /** The largest N of all memberships of the run. */
  readonly replicas: number;
  /** The allowed difference between the clocks of a majority, plus the error of its measurement. */
  readonly driftMs: number;
  /** No fault except wrong clocks was active from this time on; undefined if there was one. */
  readonly calmFromMs: number | undefined;
  /**
   * Between two moments the clock of a replica was further off than the clocks of healthy replicas
   * differ.
   */
  readonly isWrong: (node: string, fromMs: number, toMs: number) => boolean;
  /** Links are so long that a replica cannot always prove the bounds which reads name. */
  readonly provesLate: boolean;
  /**
   * The distance of the other replicas: a request with a shorter timeout may fail even with correct
   * clocks.
   */
  readonly patienceMs: number;
}

const NS = 1e6;
/** The time from the correction of a clock until its replica stamps again: some heartbeats. */
const RIGHT_AGAIN_MS = 1000;
/**
 * Refusals of a replica that has room: they depend on the request, not on the state of the replica.
 */
const ANSWERS = new Set([
  '',
  'precondition-failed',
  'not-found',
  'overloaded',
  'session-behind',
  'gave up',
]);

/** The answer when the timeout of the request has passed. */
const OVER_TIME = new Set(['timeout', 'outcome-unknown', 'idempotency-in-flight']);

export function clocks(history: History, demand: ClocksDemand): Verdict<ClocksStats> {
  const anomalies = new Anomalies();
  let compared = 0;
  for (const writes of acknowledged(history, demand.replicas).values())
    compared += judgeKey(writes, demand.driftMs, anomalies);
  if (demand.calmFromMs !== undefined)
    for (const operation of history) judgeCalm(operation, demand.calmFromMs, demand, anomalies);
  return anomalies.verdict({ compared }, undefined);
}

/**
 * By key, in the order in which they ended. Writes that may be the answer to an earlier attempt are
 * left out, and so are deletes of one version, which are stamped just after that version.
 */
function acknowledged(history: History, replicas: number): Map<string, (Write & Stamped)[]> {
  const byKey = new Map<string, (Write & Stamped)[]>();
  for (const operation of history) {
    if (operation.type !== 'put' && operation.type !== 'delete') continue;
    const { hlc, idem, ok, removes, w = 0 } = operation;
    if (idem !== undefined || removes !== undefined) continue;
    if (ok !== true || hlc === undefined || 2 * w <= replicas) continue;
    const name = `${operation.ns}\0${operation.key}`;
    const writes = byKey.get(name) ?? [];
    writes.push({ ...operation, hlc });
    byKey.set(name, writes);
  }
  for (const writes of byKey.values()) writes.sort((a, b) => a.return_ns - b.return_ns);
  return byKey;
}

interface Stamped {
  readonly hlc: string;
}

function judgeKey(
  writes: readonly (Write & Stamped)[],
  driftMs: number,
  anomalies: Anomalies,
): number {
  let compared = 0;
  let newest: (Write & Stamped) | undefined;
  let ended = 0;
  for (const later of writes.toSorted((a, b) => a.call_ns - b.call_ns)) {
    for (; ended < writes.length; ended++) {
      const earlier = writes[ended] as Write & Stamped;
      if (earlier.return_ns + driftMs * NS >= later.call_ns) break;
      if (newest === undefined || earlier.hlc > newest.hlc) newest = earlier;
    }
    if (newest === undefined) continue;
    compared++;
    if (later.hlc < newest.hlc)
      anomalies.add('lost-to-the-past', `${later.ver} to ${newest.ver}`, [newest, later]);
  }
  return compared;
}

function judgeCalm(
  operation: Operation,
  fromMs: number,
  { isWrong, patienceMs, provesLate }: ClocksDemand,
  anomalies: Anomalies,
): void {
  if (operation.type === 'fault' || operation.ok === true) return;
  const { reason = '', asked, node, timeout_ns = Number.POSITIVE_INFINITY } = operation;
  if (operation.call_ns < fromMs * NS || ANSWERS.has(reason)) return;
  const isWrite = operation.type === 'put' || operation.type === 'delete';
  const [calledMs, returnedMs] = [operation.call_ns / NS, operation.return_ns / NS];
  if (isWrite && reason === 'clock-drift')
    if (isWrong(asked ?? node, calledMs - RIGHT_AGAIN_MS, returnedMs)) return;
  if (provesLate && reason === 'bound-unmet') return;
  if (OVER_TIME.has(reason) && timeout_ns < patienceMs * NS) return;
  anomalies.add('refused-for-nothing', `${reason} by ${node}`, [operation]);
}
