// Durability (promises O1, D1): compares what the replicas hold at the end with the replies to
// clients.
//
//  lost             acknowledged, and absent, though no client asked for anything that may have
//                   removed it
//  refused-present  refused, and present
//  phantom          present, and never written
//  overwritten      present, though a write that must win over it was acknowledged
//
// Every replica is checked, because at the end every one of them must hold everything.

import { isAfter, isLaterDot } from './order.ts';
import type { History, Item } from './operation.ts';
import {
  type Effect,
  type FinalState,
  finalShortfall,
  finalStatesOf,
  Register,
} from './register.ts';
import { Anomalies, type Demand, shortfallOf, type Verdict } from './verdict.ts';

export interface AuditStats {
  /** The numbers of writes by the reply to the client. */
  readonly acked: number;
  readonly refused: number;
  readonly unknown: number;
  /** Writes of unknown outcome that are present at the first replica. */
  readonly unknownPresent: number;
  readonly replicasAudited: number;
  /** Over all replicas. */
  readonly lost: number;
  readonly refusedPresent: number;
  readonly phantoms: number;
  readonly overwritten: number;
}

export interface AuditDemand extends Demand {
  readonly nodes: number;
  readonly namespaces: readonly string[];
}

export function audit(history: History, demand: AuditDemand): Verdict<AuditStats> {
  const register = new Register(history);
  const states = finalStatesOf(history);
  const anomalies = new Anomalies();
  for (const state of states) auditState(register, state, anomalies);
  const shortfall =
    shortfallOf(history, demand) ?? finalShortfall(states, demand.nodes, demand.namespaces);
  return anomalies.verdict(statsOf(register, states, anomalies), shortfall);
}

function auditState(register: Register, state: FinalState, anomalies: Anomalies): void {
  for (const item of state.items.values()) auditPresent(register, state, item, anomalies);
  // A key that an unfinished scan did not reach is not absent.
  if (!state.isComplete) return;
  for (const effects of register.keys()) {
    const { ns, key } = effects[0] as Effect;
    if (ns === state.ns && !state.items.has(key)) auditAbsent(effects, state, anomalies);
  }
}

function auditPresent(
  register: Register,
  state: FinalState,
  item: Item,
  anomalies: Anomalies,
): void {
  const effect = register.ofValue(state.ns, item.value);
  const where = `${state.node} holds ${state.ns}/${item.key}`;
  if (effect?.key !== item.key) {
    anomalies.add('phantom', `${where} with a value that no client wrote`, scansWith(state, item));
    return;
  }
  if (effect.ok === false) {
    const what = `${where} with a value whose write was refused`;
    anomalies.add('refused-present', what, [...effect.attempts, ...scansWith(state, item)]);
    return;
  }
  const winner = register
    .ofKey(state.ns, item.key)
    .find((other) => other.ok === true && mustWin(other, effect, item));
  if (winner === undefined) return;
  const what = `${where} with an older value than an acknowledged write`;
  const operations = [...effect.attempts, ...winner.attempts, ...scansWith(state, item)];
  anomalies.add('overwritten', what, operations);
}

// The version that is shown may say more than the reply to the writer.
function mustWin(other: Effect, shown: Effect, item: Item): boolean {
  if (other === shown) return false;
  return isAfter(other, shown) || other.attempts.some(({ ver }) => isLaterDot(ver, item.ver));
}

function auditAbsent(effects: readonly Effect[], state: FinalState, anomalies: Anomalies): void {
  const removals = effects.filter(({ type, ok }) => type === 'delete' && ok !== false);
  const lost = effects.find(
    (put) =>
      put.type === 'put' && put.ok === true && removals.every((removal) => isAfter(put, removal)),
  );
  if (lost === undefined) return;
  const what = `${state.node} lacks ${lost.ns}/${lost.key}, which was acknowledged`;
  anomalies.add('lost', what, lost.attempts);
}

function scansWith(state: FinalState, item: Item) {
  return state.scans.filter(({ result }) => result.includes(item)).slice(0, 1);
}

function statsOf(
  register: Register,
  states: readonly FinalState[],
  anomalies: Anomalies,
): AuditStats {
  const effects = [...register.keys()].flat();
  const count = (ok: Effect['ok']) => effects.filter((effect) => effect.ok === ok).length;
  const first = new Map<string, FinalState>();
  for (const state of states) if (!first.has(state.ns)) first.set(state.ns, state);
  const isPresent = ({ ns, key, value }: Effect) => first.get(ns)?.items.get(key)?.value === value;
  return {
    acked: count(true),
    refused: count(false),
    unknown: count(null),
    unknownPresent: effects.filter((effect) => effect.ok === null && isPresent(effect)).length,
    replicasAudited: new Set(states.map(({ node }) => node)).size,
    lost: anomalies.of('lost'),
    refusedPresent: anomalies.of('refused-present'),
    phantoms: anomalies.of('phantom'),
    overwritten: anomalies.of('overwritten'),
  };
}
