// Deletes (promise D7): a delete removes what was written before it. A write is acknowledged by a
// quorum, and a delete that began afterwards, at any replica, is acknowledged by a quorum that
// overlaps it. Then no later quorum read or list, and no final one, shows the value, unless the
// reply to the delete named a newer version that is shown instead.
//
//  survived  a read showed a value that a later delete had removed
//
// Only what clients saw counts: the order of a write and a delete is their order in time. Reads of
// fewer replicas than a quorum may be behind, and are judged only at the end.

import type { History, Read, Scan, Write } from './operation.ts';
import { Register } from './register.ts';
import { Anomalies, type Demand, shortfallOf, type Verdict } from './verdict.ts';

export interface ErasedStats {
  /**
   * Deletes that had to remove something, and deletes whose reply named a newer version instead.
   */
  readonly deletes: number;
  readonly told: number;
  /** Reads of a key after such a delete. */
  readonly checked: number;
  readonly survived: number;
}

export interface ErasedDemand extends Demand {
  readonly namespaces: readonly string[];
  /** The number of copies or answers of a quorum: any two quorums overlap. */
  readonly quorum: number;
  /**
   * The times at which processes began: the earlier process may have lost what it knew of a write.
   */
  readonly startsNs: readonly number[];
}

export function erased(history: History, demand: ErasedDemand): Verdict<ErasedStats> {
  const anomalies = new Anomalies();
  const counts = { deletes: 0, told: 0, checked: 0 };
  const reads = readsOf(history, demand);
  for (const effects of new Register(history).keys()) {
    const { ns, key } = effects[0] as (typeof effects)[number];
    if (!demand.namespaces.includes(ns)) continue;
    const puts = effects.filter(
      ({ type, ok, attempts }) =>
        type === 'put' && ok === true && attempts.every((each) => isWide(each, demand)),
    );
    for (const removal of effects) {
      const [told] = removal.attempts;
      if (removal.type !== 'delete' || removal.ok !== true || told === undefined) continue;
      if (!isWide(told, demand) || isRestless(told, demand)) continue;
      const removed = puts.filter((put) =>
        put.attempts.every(({ return_ns }) => return_ns < told.call_ns),
      );
      if (removed.length === 0) continue;
      counts.deletes++;
      if (told.supersededBy !== undefined) {
        counts.told++;
        continue;
      }
      for (const read of reads.get(`${ns}\0${key}`) ?? []) {
        if (read.call_ns <= told.return_ns) continue;
        counts.checked++;
        const put = removed.find(({ value }) => value === read.result);
        if (put === undefined) continue;
        const what = `${read.node} shows ${ns}/${key}, which ${told.node} had deleted`;
        anomalies.add('survived', what, [...put.attempts, told, read.by]);
      }
    }
  }
  const stats = { ...counts, survived: anomalies.of('survived') };
  return anomalies.verdict(stats, shortfallOf(history, demand));
}

/** What a read or a list shows under one key. */
type View = Omit<Read | Scan, 'result'> & {
  readonly by: Read | Scan;
  readonly result: string | null;
};

function readsOf(history: History, { quorum }: ErasedDemand): Map<string, View[]> {
  const reads = new Map<string, View[]>();
  for (const by of history) {
    if ((by.type !== 'get' && by.type !== 'list') || by.ok !== true) continue;
    if (by.final !== true && (by.r ?? 1) < quorum) continue;
    for (const [key, result] of shownBy(by)) {
      const name = `${by.ns}\0${key}`;
      const others = reads.get(name) ?? [];
      others.push({ ...by, by, result });
      reads.set(name, others);
    }
  }
  return reads;
}

function shownBy(by: Read | Scan): readonly (readonly [string, string | null])[] {
  if (by.type === 'get') return [[by.key, by.result]];
  return by.result.map(({ key, value }) => [key, value]);
}

function isWide({ w = 1 }: Write, { quorum }: ErasedDemand): boolean {
  return w >= quorum;
}

function isRestless({ call_ns, return_ns }: Write, { startsNs }: ErasedDemand): boolean {
  return startsNs.some((at) => at >= call_ns && at <= return_ns + SETTLES_NS);
}

/** The longest time from the greeting of a process to the note that it is open. */
const SETTLES_NS = 5e9;
