// Honest outcomes (promises O1, O2): compares every value that was ever read with the replies to
// the writers.
//
//  refused-visible  a value was read whose write was refused
//  thin-air         a value was read that was never written under this key
//  early            a value was read before its write had begun
//  applied-twice    one write is shown under two versions, or its retries got two
//
// A write that a disconnected replica has accepted may be durable only there, so a retry at another
// replica cannot see it. A second version of another replica is therefore no anomaly if at some
// time between the first attempt and the last these two replicas could not hear each other. An
// answered attempt does not disprove that: the answer may come after the heal.

import type { History, Item, Operation, Read, Scan } from './operation.ts';
import { type Effect, Register } from './register.ts';
import { Anomalies, type Demand, shortfallOf, type Verdict } from './verdict.ts';

export interface OutcomeStats {
  /** Values that were read, over all reads. */
  readonly values: number;
  /** Writes with an unknown outcome, and those of them that were ever read. */
  readonly unknown: number;
  readonly unknownSeen: number;
  /** Writes that were retried under their idempotency key. */
  readonly retried: number;
}

export interface OutcomeDemand extends Demand {
  /**
   * For retries at another replica: whether two replicas, by their ids, did not hear each other at
   * some time in between.
   */
  readonly wereApart?: WereApart;
}

export type WereApart = (left: string, right: string, fromNs: number, untilNs: number) => boolean;

export function outcome(history: History, demand: OutcomeDemand): Verdict<OutcomeStats> {
  const register = new Register(history);
  const anomalies = new Anomalies();
  const { wereApart = never } = demand;
  const versions = new Map<Effect, string>();
  for (const effects of register.keys()) {
    for (const effect of effects) checkReplies(effect, versions, wereApart, anomalies);
  }
  const seen = new Set<Effect>();
  let values = 0;
  for (const operation of history) {
    for (const item of itemsOf(operation)) {
      values++;
      const effect = checkItem(
        register,
        operation as Read | Scan,
        item,
        versions,
        wereApart,
        anomalies,
      );
      if (effect !== undefined) seen.add(effect);
    }
  }
  const stats = { values, ...countsOf(register, seen) };
  return anomalies.verdict(stats, shortfallOf(history, demand));
}

/** The items that a read showed. */
function itemsOf(operation: Operation): readonly Item[] {
  if (operation.ok !== true) return [];
  // A list of keys only does not show values.
  if (operation.type === 'list') return operation.result.filter(({ value }) => value !== '');
  if (operation.type !== 'get' || operation.result === null) return [];
  return [{ key: operation.key, value: operation.result, ver: operation.ver ?? '' }];
}

function checkReplies(
  effect: Effect,
  versions: Map<Effect, string>,
  wereApart: WereApart,
  anomalies: Anomalies,
): void {
  for (const { ok, ver } of effect.attempts) {
    if (ok !== true || ver === null) continue;
    const told = versions.get(effect);
    if (told === undefined) versions.set(effect, ver);
    else if (told !== ver && !isUnseen(effect, told, ver, wereApart)) {
      anomalies.add(
        'applied-twice',
        `its acknowledgements name ${told} and ${ver}`,
        effect.attempts,
      );
    }
  }
}

function checkItem(
  register: Register,
  read: Read | Scan,
  item: Item,
  versions: Map<Effect, string>,
  wereApart: WereApart,
  anomalies: Anomalies,
): Effect | undefined {
  const effect = register.ofValue(read.ns, item.value);
  const what = `${read.node} showed ${read.ns}/${item.key}`;
  if (effect?.key !== item.key || effect.type !== 'put') {
    anomalies.add('thin-air', `${what} with a value that no client wrote`, [read]);
    return undefined;
  }
  const operations = [...effect.attempts, read];
  if (effect.ok === false) {
    anomalies.add('refused-visible', `${what} with a value whose write was refused`, operations);
  } else if (effect.attempts.every(({ call_ns }) => call_ns > read.return_ns)) {
    anomalies.add('early', `${what} before it was written`, operations);
  } else {
    checkVersion(effect, item, what, operations, versions, wereApart, anomalies);
  }
  return effect;
}

function checkVersion(
  effect: Effect,
  { ver }: Item,
  what: string,
  operations: readonly Operation[],
  versions: Map<Effect, string>,
  wereApart: WereApart,
  anomalies: Anomalies,
): void {
  if (ver === '') return;
  const known = versions.get(effect);
  if (known === undefined) versions.set(effect, ver);
  else if (known !== ver && !isUnseen(effect, known, ver, wereApart)) {
    anomalies.add('applied-twice', `${what} at ${ver} and at ${known}`, operations);
  }
}

/** Two replicas accepted it that could not hear each other. */
function isUnseen({ attempts }: Effect, left: string, right: string, apart: WereApart): boolean {
  if (replicaOf(left) === replicaOf(right)) return false;
  const fromNs = Math.min(...attempts.map(({ call_ns }) => call_ns));
  const untilNs = Math.max(...attempts.map(({ return_ns }) => return_ns));
  return apart(replicaOf(left), replicaOf(right), fromNs, untilNs);
}

function never(): boolean {
  return false;
}

function replicaOf(ver: string): string {
  return ver.slice(0, ver.indexOf('.'));
}

function countsOf(register: Register, seen: ReadonlySet<Effect>) {
  const effects = [...register.keys()].flat();
  const unknown = effects.filter(({ ok }) => ok === null);
  return {
    unknown: unknown.length,
    unknownSeen: unknown.filter((effect) => seen.has(effect)).length,
    retried: effects.filter(({ attempts }) => attempts.length > 1).length,
  };
}
