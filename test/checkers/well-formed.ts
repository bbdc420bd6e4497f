// Whether a history is valid, which the other checkers assume. This checker judges the harness, not
// the cluster.
//
//  backwards    an operation returns before it is called
//  overlapping  one process has two operations in progress
//  revenant     a process continues after an operation of unknown outcome
//  repeated     two writes that are not attempts of one put the same value

import type { History, Operation } from './operation.ts';
import { Register } from './register.ts';
import { Anomalies, type Demand, shortfallOf, type Verdict } from './verdict.ts';

export interface WellFormedStats {
  readonly operations: number;
  readonly processes: number;
  readonly sessions: number;
}

export function wellFormed(history: History, demand: Demand = {}): Verdict<WellFormedStats> {
  const anomalies = new Anomalies();
  const processes = new Map<number, Operation>();
  const calls = history.filter(({ type }) => type !== 'fault');
  for (const operation of calls.toSorted((a, b) => a.call_ns - b.call_ns)) {
    checkNext(processes.get(operation.process), operation, anomalies);
    processes.set(operation.process, operation);
  }
  checkValues(history, anomalies);
  const stats = {
    operations: calls.length,
    processes: processes.size,
    sessions: new Set(calls.map(({ session }) => session)).size,
  };
  return anomalies.verdict(stats, shortfallOf(history, demand));
}

function checkNext(
  before: Operation | undefined,
  operation: Operation,
  anomalies: Anomalies,
): void {
  const { call_ns, return_ns, process } = operation;
  if (return_ns < call_ns) anomalies.add('backwards', `process ${process}`, [operation]);
  if (before === undefined) return;
  if (before.ok === null) anomalies.add('revenant', `process ${process}`, [before, operation]);
  else if (before.return_ns > call_ns) {
    anomalies.add('overlapping', `process ${process}`, [before, operation]);
  }
}

function checkValues(history: History, anomalies: Anomalies): void {
  for (const effects of new Register(history).keys()) {
    for (const effect of effects) {
      const { value, attempts } = effect;
      const first = attempts[0];
      const others = attempts.filter((attempt) => attempt.value !== value);
      if (others.length > 0) anomalies.add('repeated', 'one key, two values', [first, ...others]);
    }
  }
  const writers = new Map<string, string>();
  for (const operation of history) {
    if (operation.type !== 'put' || operation.value === null) continue;
    const name = `${operation.ns}\0${operation.value}`;
    const writer = `${operation.key}\0${operation.idem ?? operation.call_ns}`;
    if ((writers.get(name) ?? writer) !== writer) {
      anomalies.add('repeated', `the value ${operation.value}`, [operation]);
    }
    writers.set(name, writer);
  }
}
