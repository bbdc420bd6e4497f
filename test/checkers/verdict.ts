// The form of every checker's answer. If a run did too little of what it was meant to do, its
// verdict is not valid but vacuous, and it fails like an anomaly.

import type { FaultName, History, Operation } from './operation.ts';

export interface Verdict<Stats> {
  readonly verdict: 'valid' | 'invalid' | 'vacuous';
  /** What is wrong; '' if nothing is. */
  readonly reason: string;
  /** The operations that show it, at most ten. */
  readonly counterexample: readonly Operation[];
  /** How many of each kind. */
  readonly anomalies: { readonly [kind: string]: number };
  readonly stats: Stats;
}

/** The least that a run must have done to prove anything. */
export interface Demand {
  /** Operations of a type that succeeded. */
  readonly ok?: { readonly [type in 'put' | 'delete' | 'get' | 'list']?: number };
  readonly faults?: { readonly [name in FaultName]?: number };
}

const COUNTEREXAMPLE_MAX = 10;

/** The anomalies that a checker finds: how many of each kind, and the first one in full. */
export class Anomalies {
  readonly #counts = new Map<string, number>();
  #first: { readonly reason: string; readonly operations: readonly Operation[] } | undefined;

  of(kind: string): number {
    return this.#counts.get(kind) ?? 0;
  }

  add(kind: string, what: string, operations: readonly (Operation | undefined)[]): void {
    this.#counts.set(kind, this.of(kind) + 1);
    this.#first ??= {
      reason: `${kind}: ${what}`,
      operations: operations.filter((operation) => operation !== undefined).map(shorten),
    };
  }

  /** An anomaly outweighs a shortfall, because it exists whatever else was not done. */
  verdict<Stats>(stats: Stats, shortfall: string | undefined): Verdict<Stats> {
    const anomalies = Object.fromEntries(this.#counts);
    if (this.#first !== undefined) {
      const { reason, operations } = this.#first;
      const counterexample = operations.slice(0, COUNTEREXAMPLE_MAX);
      return { verdict: 'invalid', reason, counterexample, anomalies, stats };
    }
    const verdict = shortfall === undefined ? 'valid' : 'vacuous';
    return { verdict, reason: shortfall ?? '', counterexample: [], anomalies, stats };
  }
}

/** The shortfall of the run against what was demanded. */
export function shortfallOf(history: History, demand: Demand): string | undefined {
  const done = new Map<string, number>();
  for (const operation of history) {
    const name = operation.type === 'fault' ? operation.value : operation.type;
    if (operation.ok === true) done.set(name, (done.get(name) ?? 0) + 1);
  }
  for (const [name, least] of Object.entries({ ...demand.ok, ...demand.faults })) {
    const count = done.get(name) ?? 0;
    if (count < least) return `only ${count} of the ${least} demanded: ${name}`;
  }
  return undefined;
}

const ITEMS_SHOWN_MAX = 3;

// A scan may hold a thousand items; a few of them are enough to show.
function shorten(operation: Operation): Operation {
  if (operation.type !== 'list' || operation.result.length <= ITEMS_SHOWN_MAX) return operation;
  return { ...operation, result: operation.result.slice(0, ITEMS_SHOWN_MAX), more: true };
}
