// The search of the linearizability checker: an order for the steps on one register, in which each
// step finds the value that those before it left, and no step comes before one that had returned
// when it was called.
//
// A configuration is the set of placed steps and the value that they left. What follows does not
// depend on the order of these steps, so no configuration is examined twice.

import type { Operation } from './operation.ts';

export interface Step {
  readonly fromNs: number;
  /** Infinity: the step may have happened at any time after its call, or never. */
  readonly toNs: number;
  /** The value that the step needs, null for none; undefined: any. */
  readonly needs: string | null | undefined;
  /** The value after the step, null for none; undefined: unchanged. */
  readonly leaves: string | null | undefined;
  readonly operations: readonly Operation[];
}

/** Steps in the order of their calls. */
export interface Plan {
  readonly steps: readonly Step[];
  readonly initial: string | null;
}

/** How many more configurations may be examined. */
export interface Budget {
  left: number;
}

export type Found = 'placed' | 'too-many' | { readonly stuck: Step };

interface Configuration {
  readonly value: string | null;
  /** The first certain step that is not placed; all certain steps before it are placed. */
  readonly first: number;
  /** Placed steps after `first`, and placed steps that may be left out, in ascending order. */
  readonly others: readonly number[];
}

export function search({ steps, initial }: Plan, budget: Budget): Found {
  const maybes = [...steps.keys()].filter((at) => !isCertain(steps[at] as Step));
  const seen = new Set<string>();
  const open: Configuration[] = [{ value: initial, first: advance(steps, 0, []), others: [] }];
  let furthest = open[0] as Configuration;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next.first === steps.length) return 'placed';
    const name = `${next.first} ${next.others.join()} ${next.value ?? '\0'}`;
    if (seen.has(name)) continue;
    if (budget.left === 0) return 'too-many';
    budget.left--;
    seen.add(name);
    if (placed(steps, next) > placed(steps, furthest)) furthest = next;
    expand(steps, maybes, next, open);
  }
  return { stuck: steps[firstToReturn(steps, furthest)] as Step };
}

export function isStuck(plan: Plan): boolean {
  const found = search(plan, { left: WINDOW_CONFIGURATIONS_MAX });
  return found !== 'placed' && found !== 'too-many';
}

const WINDOW_CONFIGURATIONS_MAX = 10_000;

/** The next step may be any that was called before each of the remaining ones returned. */
function expand(
  steps: readonly Step[],
  maybes: readonly number[],
  from: Configuration,
  open: Configuration[],
): void {
  const successors: Configuration[] = [];
  for (const at of nextOf(steps, maybes, from)) {
    const { needs, leaves } = steps[at] as Step;
    if (needs !== undefined && needs !== from.value) continue;
    const successor = place(steps, from, at);
    // A step that fits and changes nothing need not be tried later.
    if (leaves === undefined) {
      open.push(successor);
      return;
    }
    successors.push(successor);
  }
  open.push(...successors.toReversed());
}

function nextOf(
  steps: readonly Step[],
  maybes: readonly number[],
  from: Configuration,
): readonly number[] {
  const deadlineNs = (steps[firstToReturn(steps, from)] as Step).toNs;
  const isCalled = (at: number) => (steps[at] as Step).fromNs <= deadlineNs;
  const next: number[] = [];
  for (let at = from.first; at < steps.length && isCalled(at); at++) {
    if (isCertain(steps[at] as Step) && !from.others.includes(at)) next.push(at);
  }
  const free = maybes.filter((at) => isCalled(at) && !from.others.includes(at));
  return [...next, ...free];
}

function place(steps: readonly Step[], from: Configuration, at: number): Configuration {
  const { leaves } = steps[at] as Step;
  const value = leaves === undefined ? from.value : leaves;
  const others = [...from.others, at].sort((left, right) => left - right);
  const first = advance(steps, from.first, others);
  return {
    value,
    first,
    others: others.filter((other) => other > first || !isCertain(steps[other] as Step)),
  };
}

function advance(steps: readonly Step[], from: number, others: readonly number[]): number {
  let first = from;
  while (first < steps.length) {
    if (isCertain(steps[first] as Step) && !others.includes(first)) break;
    first++;
  }
  return first;
}

/**
 * Steps are in the order of their calls: once a step was called after another one returned, so were
 * all that follow.
 */
function firstToReturn(steps: readonly Step[], { first, others }: Configuration): number {
  let earliest = first;
  for (let at = first + 1; at < steps.length; at++) {
    const { fromNs, toNs } = steps[at] as Step;
    const { toNs: earliestNs } = steps[earliest] as Step;
    if (fromNs > earliestNs) break;
    if (toNs < earliestNs && !others.includes(at)) earliest = at;
  }
  return earliest;
}

function placed(steps: readonly Step[], { first, others }: Configuration): number {
  return first + others.filter((other) => other > first && isCertain(steps[other] as Step)).length;
}

function isCertain({ toNs }: Step): boolean {
  return toNs !== Number.POSITIVE_INFINITY;
}
