// Overlap for write-once keys (promise Q1; Jepsen's set-full): when each acknowledged element
// became visible, and whether it stayed.
//
//  lost           known (acknowledged or seen), and absent from a final read
//  stale-overlap  acknowledged, and absent from a later read whose quorum overlaps every write's (r
//                 + w > N); a replica that has heard no majority since its start may hold an old
//                 copy without knowing, and is not judged (docs/limits.md)
//
// A read of one replica may be stale. Its staleness is measured from the acknowledgement to the
// call of the last read that lacked the element.

import { present } from '../../src/base/assert.ts';
import type { History, Operation, Read, Scan, Write } from './operation.ts';
import { type Effect, Register } from './register.ts';
import { Anomalies, type Demand, shortfallOf, type Verdict } from './verdict.ts';

export interface SetFullStats {
  readonly elements: number;
  readonly acked: number;
  readonly lost: number;
  /** Acknowledged elements that were not read afterwards. */
  readonly neverRead: number;
  /** Acknowledged elements that at least one later read lacked. */
  readonly stale: number;
  readonly staleReads: number;
  readonly overlapReads: number;
  readonly stableMsP50: number;
  readonly stableMsP99: number;
  readonly stableMsMax: number;
}

export interface SetFullDemand extends Demand {
  /** N: how many replicas hold the namespaces. */
  readonly replicas: number;
  /** The least number of reads of acknowledged elements with overlapping quorums. */
  readonly overlapReads: number;
}

interface Element {
  readonly put: Write;
  readonly ackNs: number;
  /** The first moment at which a client knew that the element exists. */
  knownNs: number;
  read: boolean;
  staleReads: number;
  lastAbsentNs: number;
}

export function setFull(history: History, demand: SetFullDemand): Verdict<SetFullStats> {
  const elements = elementsOf(history);
  const reads = history.filter(isRead).toSorted((a, b) => a.return_ns - b.return_ns);
  const anomalies = new Anomalies();
  const counts = { overlapReads: 0 };
  for (const read of reads) {
    forCovered(elements, read, (element, isShown) => {
      if (isShown) element.knownNs = Math.min(element.knownNs, read.return_ns);
    });
  }
  for (const read of reads) {
    forCovered(elements, read, (element, isShown) =>
      check(element, read, isShown, demand.replicas, anomalies, counts),
    );
  }
  const stats = statsOf([...elements.values()].flat(), anomalies, counts.overlapReads);
  const shortfall = shortfallOf(history, demand) ?? overlapShortfall(stats, demand);
  return anomalies.verdict(stats, shortfall);
}

function isRead(operation: Operation): operation is Read | Scan {
  return (operation.type === 'get' || operation.type === 'list') && operation.ok === true;
}

function overlapShortfall(stats: SetFullStats, demand: SetFullDemand): string | undefined {
  if (stats.overlapReads >= demand.overlapReads) return undefined;
  return `only ${stats.overlapReads} of ${demand.overlapReads} reads with overlapping quorums`;
}

/** By namespace, sorted by key: keys with one put and no delete. */
function elementsOf(history: History): Map<string, Element[]> {
  const elements = new Map<string, Element[]>();
  for (const effects of new Register(history).keys()) {
    const [effect, ...others] = effects;
    if (effect?.type !== 'put' || others.length > 0 || effect.ok === false) continue;
    const list = elements.get(effect.ns);
    if (list === undefined) elements.set(effect.ns, [elementOf(effect)]);
    else list.push(elementOf(effect));
  }
  for (const list of elements.values()) list.sort((a, b) => (a.put.key < b.put.key ? -1 : 1));
  return elements;
}

function elementOf({ attempts }: Effect): Element {
  const ack = attempts.find(({ ok }) => ok === true);
  const ackNs = ack?.return_ns ?? Number.POSITIVE_INFINITY;
  const put = present(ack ?? attempts[0], 'a write was attempted');
  return { put, ackNs, knownNs: ackNs, read: false, staleReads: 0, lastAbsentNs: 0 };
}

function check(
  element: Element,
  read: Read | Scan,
  isShown: boolean,
  replicas: number,
  anomalies: Anomalies,
  counts: { overlapReads: number },
): void {
  const { put } = element;
  const overlaps = read.alone !== true && (read.r ?? 1) + (put.w ?? 1) > replicas;
  if (read.final === true && !isShown && element.knownNs < read.call_ns) {
    anomalies.add('lost', `${read.node} lacks ${put.ns}/${put.key} at the end`, [put, read]);
  }
  if (element.ackNs >= read.call_ns) return;
  element.read = true;
  if (overlaps) counts.overlapReads++;
  if (isShown) return;
  element.staleReads++;
  element.lastAbsentNs = Math.max(element.lastAbsentNs, read.call_ns);
  if (!overlaps) return;
  const what = `a read of ${put.key} asked ${read.r} of ${replicas} replicas and lacked it, though ${put.w} had it`;
  anomalies.add('stale-overlap', what, [put, read]);
}

type Visit = (element: Element, isShown: boolean) => void;

/** Visits the elements whose presence the read decides, except those that were put after it. */
function forCovered(
  elements: ReadonlyMap<string, readonly Element[]>,
  read: Read | Scan,
  visit: Visit,
): void {
  const list = elements.get(read.ns) ?? [];
  if (read.type === 'list') {
    forScanned(list, read, visit);
    return;
  }
  const element = list[lowerBound(list, read.key)];
  if (element?.put.key !== read.key) return;
  if (element.put.call_ns <= read.return_ns) visit(element, read.result !== null);
}

function forScanned(list: readonly Element[], scan: Scan, visit: Visit): void {
  const shown = new Set(scan.result.map(({ key }) => key));
  const [from, to] = spanOf(scan);
  for (let at = lowerBound(list, from); at < list.length; at++) {
    const element = list[at] as Element;
    const { key, call_ns } = element.put;
    if (key >= to) return;
    if (call_ns <= scan.return_ns && key !== scan.after) visit(element, shown.has(key));
  }
}

/** The range of keys that the scan read. */
function spanOf(scan: Scan): readonly [string, string] {
  const { key, result, reverse, more, after, cursor } = scan;
  const last = cursor ?? result.at(-1)?.key;
  const cut = more ? last : undefined;
  if (reverse) return [cut ?? key, after === '' ? `${key}\u{ffff}` : after];
  return [after === '' ? key : after, cut === undefined ? `${key}\u{ffff}` : `${cut}\0`];
}

function lowerBound(list: readonly Element[], key: string): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle]?.put.key ?? '') < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

function statsOf(
  elements: readonly Element[],
  anomalies: Anomalies,
  overlapReads: number,
): SetFullStats {
  const acked = elements.filter(({ put }) => put.ok === true);
  const waits = acked.map(({ ackNs, lastAbsentNs }) => Math.max(0, lastAbsentNs - ackNs) / 1e6);
  waits.sort((a, b) => a - b);
  const at = (share: number) => waits[Math.ceil(share * waits.length) - 1] ?? 0;
  return {
    elements: elements.length,
    acked: acked.length,
    lost: anomalies.of('lost'),
    neverRead: acked.filter(({ read }) => !read).length,
    stale: acked.filter(({ staleReads }) => staleReads > 0).length,
    staleReads: acked.reduce((sum, { staleReads }) => sum + staleReads, 0),
    overlapReads,
    stableMsP50: at(0.5),
    stableMsP99: at(0.99),
    stableMsMax: at(1),
  };
}
