// Atomic batches (promise A1): a batch is seen as a whole or not at all. All writes of a namespace
// are batches over complete sets of keys (the part of a key before its slash names its set), so of
// two batches the same one wins under every key of a set. A list of one replica is read from its
// disk at one moment: of each set it shows exactly what one batch wrote, or nothing.
//
//  run-split  a list shows a part of one batch, or parts of two

import type { History, Item, Operation, Scan, Write } from './operation.ts';
import { Anomalies, type Demand, shortfallOf, type Verdict } from './verdict.ts';

export interface RunSplitStats {
  readonly runs: number;
  /** Sets that lists have shown. */
  readonly checked: number;
  readonly split: number;
}

export interface RunSplitDemand extends Demand {
  readonly namespaces: readonly string[];
  readonly checked: number;
}

export function runSplit(history: History, demand: RunSplitDemand): Verdict<RunSplitStats> {
  const within = history.filter(({ ns }) => demand.namespaces.includes(ns));
  const runs = runsIn(within);
  const byValue = new Map([...runs.values()].flatMap(valuesOf));
  const anomalies = new Anomalies();
  let checked = 0;
  for (const scan of within.filter(isWholeScan)) {
    for (const items of setsIn(scan).values()) {
      checked++;
      judge(scan, items, byValue, anomalies);
    }
  }
  const stats = { runs: runs.size, checked, split: anomalies.of('run-split') };
  const isFew = checked < demand.checked;
  const shortfall = isFew ? `only ${checked} of ${demand.checked} sets of batches` : undefined;
  return anomalies.verdict(stats, shortfallOf(history, demand) ?? shortfall);
}

type Run = readonly Write[];

/** Attempts under one idempotency key are one batch. */
function runsIn(history: History): Map<string, Run> {
  const runs = new Map<string, Write[]>();
  for (const operation of history) {
    if (operation.type !== 'put' && operation.type !== 'delete') continue;
    const { run } = operation;
    if (run === undefined) continue;
    const writes = runs.get(run);
    if (writes === undefined) runs.set(run, [operation]);
    else if (!writes.some(({ key }) => key === operation.key)) writes.push(operation);
  }
  return runs;
}

function valuesOf(run: Run): (readonly [string, Run])[] {
  return run.flatMap(({ value }) => (value === null ? [] : [[value, run] as const]));
}

/** A list of one replica, not truncated. */
function isWholeScan(operation: Operation): operation is Scan {
  if (operation.type !== 'list' || operation.ok !== true || operation.more) return false;
  return operation.after === '' && (operation.r ?? 1) === 1;
}

function setsIn({ result }: Scan): Map<string, Item[]> {
  const sets = new Map<string, Item[]>();
  for (const item of result) {
    const set = item.key.slice(0, item.key.indexOf('/'));
    const others = sets.get(set);
    if (others === undefined) sets.set(set, [item]);
    else others.push(item);
  }
  return sets;
}

function judge(
  scan: Scan,
  items: readonly Item[],
  byValue: ReadonlyMap<string, Run>,
  anomalies: Anomalies,
): void {
  const run = byValue.get((items[0] as Item).value) ?? [];
  const put = run.filter(({ type }) => type === 'put');
  const isWhole =
    items.length === put.length &&
    put.every(({ key, value }) => items.some((item) => item.key === key && item.value === value));
  if (isWhole) return;
  const shown = items.map(({ key, value }) => `${key}=${value}`).join(' ');
  const others = items.flatMap(({ value }) => byValue.get(value)?.slice(0, 1) ?? []);
  anomalies.add('run-split', `${scan.node} shows ${shown}`, [...put.slice(0, 3), ...others, scan]);
}
