// Convergence (promise E1): at the end all replicas return the same value and version for every
// key, by scan and by key.
//
//  diverged   two replicas show different things under one key
//  two-faced  the scan of a replica and its answer for the key differ

import { type History, isWrite, type Item, type Operation, type Read } from './operation.ts';
import { type FinalState, finalShortfall, finalStatesOf, witness } from './register.ts';
import { Anomalies, type Demand, shortfallOf, type Verdict } from './verdict.ts';

export interface ConvergenceStats {
  readonly replicas: number;
  /**
   * The keys that were compared, over all namespaces: those that a replica shows, and those that
   * were written and that no replica shows.
   */
  readonly keys: number;
  readonly finalGets: number;
  readonly diverged: number;
  readonly twoFaced: number;
}

export interface ConvergenceDemand extends Demand {
  readonly nodes: number;
  readonly namespaces: readonly string[];
  readonly keys: number;
}

export function convergence(
  history: History,
  demand: ConvergenceDemand,
): Verdict<ConvergenceStats> {
  const states = finalStatesOf(history).filter(({ isComplete }) => isComplete);
  const anomalies = new Anomalies();
  let keys = 0;
  for (const ns of new Set(states.map((state) => state.ns))) {
    const written = history.filter((each) => isWrite(each) && each.ns === ns);
    keys += compare(
      states.filter((state) => state.ns === ns),
      written.map(({ key }) => key),
      anomalies,
    );
  }
  const gets = history.filter(isFinalGet);
  for (const get of gets) compareGet(get, states, anomalies);
  const stats = {
    replicas: new Set(states.map(({ node }) => node)).size,
    keys,
    finalGets: gets.length,
    diverged: anomalies.of('diverged'),
    twoFaced: anomalies.of('two-faced'),
  };
  const shortfall =
    shortfallOf(history, demand) ??
    finalShortfall(states, demand.nodes, demand.namespaces) ??
    (keys < demand.keys ? `only ${keys} of ${demand.keys} keys` : undefined);
  return anomalies.verdict(stats, shortfall);
}

function compare(
  states: readonly FinalState[],
  written: readonly string[],
  anomalies: Anomalies,
): number {
  const keys = new Set([...written, ...states.flatMap(({ items }) => [...items.keys()])]);
  const [first, ...others] = states;
  if (first === undefined) return 0;
  for (const key of keys) {
    for (const other of others) {
      if (isSame(first.items.get(key), other.items.get(key))) continue;
      const what = `${first.node} and ${other.node} differ at ${first.ns}/${key}`;
      anomalies.add('diverged', what, [witness(first, key), witness(other, key)]);
    }
  }
  return keys.size;
}

function compareGet(get: Read, states: readonly FinalState[], anomalies: Anomalies): void {
  for (const state of states) {
    const isOwn = state.node === get.node;
    if (state.ns !== get.ns || (!isOwn && (get.r ?? 1) === 1)) continue;
    const item = state.items.get(get.key);
    const isEqual = item === undefined ? get.result === null : item.value === get.result;
    if (isEqual && (item === undefined || item.ver === get.ver)) continue;
    const what = `${state.node} lists ${get.key} differently from the answer of ${get.node}`;
    anomalies.add(isOwn ? 'two-faced' : 'diverged', what, [get, witness(state, get.key)]);
  }
}

function isFinalGet(operation: Operation): operation is Read {
  return operation.type === 'get' && operation.final === true && operation.ok === true;
}

function isSame(left: Item | undefined, right: Item | undefined): boolean {
  return left?.value === right?.value && left?.ver === right?.ver;
}
