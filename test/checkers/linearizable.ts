// Linearizability: each operation on a key takes effect at one moment between its call and its
// return, and a read returns the value that the writes before it left. Initially a key has no
// value.
//
//  unplaced  one operation cannot be placed in any order of the others
//
// Wing and Gong's search ("Testing and verifying concurrent objects", 1993) with Lowe's cache of
// configurations ("Testing for linearizability", 2017), key by key (Horn and Kroening, "Faster
// linearizability checking via P-compositionality", 2015). A refused operation did not happen. An
// unknown one happened at some time after its call, or never; if no read returned its value it need
// not have happened.

import type { History, Operation, Read } from './operation.ts';
import { isStuck, type Plan, search, type Step } from './placement.ts';
import { type Effect, Register } from './register.ts';
import { Anomalies, type Demand, shortfallOf, type Verdict } from './verdict.ts';

export interface LinearizableStats {
  readonly keys: number;
  /** Operations that had to be placed, and those of them that may be left out. */
  readonly operations: number;
  readonly unknown: number;
  readonly configurations: number;
  readonly unplaced: number;
}

export interface LinearizableDemand extends Demand {
  /** The least number of operations that had to be placed. */
  readonly operations: number;
  /**
   * Over all keys. Beyond this number the remaining keys, which have the most operations, are not
   * judged.
   */
  readonly configurationsMax?: number;
}

const CONFIGURATIONS_MAX = 1e6;

export function linearizable(
  history: History,
  demand: LinearizableDemand,
): Verdict<LinearizableStats> {
  const { configurationsMax = CONFIGURATIONS_MAX } = demand;
  const budget = { left: configurationsMax };
  const anomalies = new Anomalies();
  const plans = plansOf(history);
  let tooMany: string | undefined;
  for (const plan of plans) {
    const found = search(plan, budget);
    if (found === 'too-many') tooMany ??= `more than ${configurationsMax} configurations`;
    else if (found !== 'placed') explain(plan, found.stuck, anomalies);
  }
  const count = (isCounted: (step: Step) => boolean) =>
    plans.reduce((sum, { steps }) => sum + steps.filter(isCounted).length, 0);
  const stats = {
    keys: plans.length,
    operations: count(() => true),
    unknown: count(({ toNs }) => toNs === Number.POSITIVE_INFINITY),
    configurations: configurationsMax - budget.left,
    unplaced: anomalies.of('unplaced'),
  };
  const { operations } = stats;
  const isFew = operations < demand.operations;
  const few = isFew ? `only ${operations} of ${demand.operations} operations` : undefined;
  return anomalies.verdict(stats, shortfallOf(history, demand) ?? few ?? tooMany);
}

/** A plan for each key, the smallest first. */
function plansOf(history: History): Plan[] {
  const strict = history.filter(({ level, type }) => level === 'strict' && type !== 'fault');
  const steps = new Map<string, Step[]>();
  const add = ({ ns, key }: { readonly ns: string; readonly key: string }, step: Step) => {
    const name = `${ns}\0${key}`;
    const others = steps.get(name);
    if (others === undefined) steps.set(name, [step]);
    else others.push(step);
  };
  for (const operation of strict) {
    if (operation.type === 'get' && operation.ok === true) add(operation, readStep(operation));
  }
  for (const effects of new Register(strict).keys()) {
    for (const effect of effects) if (effect.ok !== false) add(effect, writeStep(effect));
  }
  const plans = [...steps.values()].map((each) => ({ steps: useful(each), initial: null }));
  return plans.sort((left, right) => left.steps.length - right.steps.length);
}

function readStep(read: Read): Step {
  const { call_ns: fromNs, return_ns: toNs, result: needs } = read;
  return { fromNs, toNs, needs, leaves: undefined, operations: [read] };
}

// Attempts under one idempotency key are one step: it begins with the first of them, and ends with
// the first acknowledgement.
function writeStep({ attempts, value }: Effect): Step {
  const operations = attempts.filter(({ ok }) => ok !== false);
  const acks = operations.filter(({ ok }) => ok === true).map(({ return_ns }) => return_ns);
  return {
    fromNs: Math.min(...operations.map(({ call_ns }) => call_ns)),
    toNs: Math.min(...acks, Number.POSITIVE_INFINITY),
    needs: operations.find(({ expected }) => expected !== undefined)?.expected,
    leaves: value,
    operations,
  };
}

// A value that no read returned may be left out, and the operations around it still fit.
function useful(steps: readonly Step[]): Step[] {
  const needed = new Set(steps.map(({ needs }) => needs));
  const isUseful = ({ toNs, leaves }: Step) =>
    toNs !== Number.POSITIVE_INFINITY || leaves === null || needed.has(leaves);
  return steps.filter(isUseful).sort((left, right) => left.fromNs - right.fromNs);
}

const WINDOW_MAX = 10;

function explain(plan: Plan, stuck: Step, anomalies: Anomalies): void {
  const window = smallestWindow(plan, stuck);
  const source = plan.steps.find(({ leaves }) => leaves !== null && leaves === stuck.needs);
  const shown = new Set(source === undefined ? window : [source, ...window]);
  const operations: Operation[] = [...shown].flatMap((step) => step.operations);
  const { type, node, ns, key, result } = stuck.operations[0] as Operation;
  const told = type === 'get' ? ` that returned ${String(result)}` : '';
  const what = `a ${type} of ${ns}/${key} at ${node}${told} fits in no order`;
  anomalies.add('unplaced', what, operations);
}

/**
 * The fewest successive calls around the step that cannot be placed that have no order, from any
 * initial value.
 */
function smallestWindow({ steps }: Plan, stuck: Step): readonly Step[] {
  const at = steps.indexOf(stuck);
  for (let size = 1; size <= WINDOW_MAX; size++) {
    for (let begin = Math.max(0, at - size + 1); begin <= at; begin++) {
      const window = steps.slice(begin, begin + size);
      if (initials(steps, window).every((initial) => isStuck({ steps: window, initial }))) {
        return window;
      }
    }
  }
  return steps.slice(Math.max(0, at - WINDOW_MAX + 1), at + 1);
}

/** The values before the window that make a difference to it. */
function initials(steps: readonly Step[], window: readonly Step[]): (string | null)[] {
  const beforeNs = Math.min(...window.map(({ toNs }) => toNs));
  const before = steps.filter((step) => !window.includes(step) && step.fromNs <= beforeNs);
  const values = new Set(before.map(({ leaves }) => leaves).filter((value) => value !== undefined));
  const needed = new Set(window.map(({ needs }) => needs));
  const other = [...values].find((value) => !needed.has(value));
  const told = [...values].filter((value) => needed.has(value));
  return [...new Set([null, ...told, ...(other === undefined ? [] : [other])])];
}
