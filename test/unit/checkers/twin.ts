// Simple models of the fast checkers: the definitions as loops over everything, for small
// histories. They count anomalies, and the checkers must count the same.

import type { History, Operation, Read, Scan, Write } from '../../checkers/operation.ts';

/** Acknowledged and never deleted, but absent from a final state: pairs of write and replica. */
export function lostTwin(history: History, nodes: readonly string[]): number {
  let lost = 0;
  for (const node of nodes) {
    const names = new Set<string>();
    for (const put of puts(history)) {
      if (put.ok === true && !finalItems(history, node, put.ns).has(put.key)) {
        names.add(`${put.ns} ${put.key}`);
      }
    }
    lost += names.size;
  }
  return lost;
}

/** Final items whose every attempt was refused. */
export function refusedTwin(history: History, nodes: readonly string[]): number {
  let refused = 0;
  for (const node of nodes) {
    for (const ns of new Set(history.map((operation) => operation.ns))) {
      for (const [key, value] of finalItems(history, node, ns)) {
        const attempts = puts(history).filter((put) => put.ns === ns && put.value === value);
        const isOwn = attempts.some((put) => put.key === key);
        if (isOwn && attempts.every(({ ok }) => ok === false)) refused++;
      }
    }
  }
  return refused;
}

/**
 * Triples of a scan, the latest write that it shows of a client, and an earlier one that it lacks.
 */
export function holesTwin(history: History): number {
  let holes = 0;
  for (const scan of history) {
    if (scan.type !== 'list' || scan.level !== 'fifo') continue;
    if (scan.reverse || scan.final === true) holes += holesIn(history, scan);
  }
  return holes;
}

function holesIn(history: History, scan: Scan): number {
  const shown = new Set(scan.result.map(({ key }) => key));
  let holes = 0;
  for (const missing of puts(history)) {
    if (missing.ok !== true || missing.ns !== scan.ns) continue;
    if (shown.has(missing.key) || !tells(scan, missing.key)) continue;
    const later = puts(history).filter(
      (put) =>
        put.session === missing.session &&
        put.node === missing.node &&
        put.ns === missing.ns &&
        shown.has(put.key),
    );
    const latest = later.toSorted((a, b) => b.call_ns - a.call_ns)[0];
    if (latest !== undefined && missing.return_ns <= latest.call_ns) holes++;
  }
  return holes;
}

/** Reads with overlapping quorums that lack what had been acknowledged before they began. */
export function staleTwin(history: History, replicas: number): number {
  let stale = 0;
  for (const read of history) {
    if (read.type !== 'get' || read.ok !== true || read.result !== null) continue;
    if (elements(history, read).some((put) => (read.r ?? 1) + (put.w ?? 1) > replicas)) stale++;
  }
  return stale;
}

// The acknowledged attempt on the read's key, if the key has one write.
function elements(history: History, read: Read): Write[] {
  const all = puts(history).filter((put) => put.ns === read.ns && put.key === read.key);
  const isOne = new Set(all.map(({ value }) => value)).size === 1;
  return isOne ? all.filter(({ ok, return_ns }) => ok === true && return_ns < read.call_ns) : [];
}

function tells(scan: Scan, key: string): boolean {
  if (!key.startsWith(scan.key)) return false;
  const last = scan.result.at(-1)?.key;
  const isBehind = scan.after === '' || (scan.reverse ? key < scan.after : key > scan.after);
  if (!scan.more || last === undefined) return isBehind;
  return isBehind && (scan.reverse ? key >= last : key <= last);
}

function finalItems(history: History, node: string, ns: string): Map<string, string> {
  const scans = history.filter(
    (operation): operation is Scan =>
      operation.type === 'list' && operation.final === true && operation.node === node,
  );
  const items = scans.filter((scan) => scan.ns === ns).flatMap(({ result }) => result);
  return new Map(items.map(({ key, value }) => [key, value]));
}

function puts(history: readonly Operation[]): Write[] {
  return history.filter((operation): operation is Write => operation.type === 'put');
}

/**
 * Final reads of a key with one write that lack what had been acknowledged or shown before they
 * began.
 */
export function lostElementsTwin(history: History): number {
  const gets = history.filter((each): each is Read => each.type === 'get' && each.ok === true);
  const lacking = gets.filter(({ final, result }) => final === true && result === null);
  return lacking.filter((read) => {
    const attempts = puts(history).filter(({ ns, key }) => ns === read.ns && key === read.key);
    if (attempts.every(({ ok }) => ok === false)) return false;
    const isAcked = attempts.some(({ ok, return_ns }) => ok === true && return_ns < read.call_ns);
    const isShown = gets.some(
      ({ ns, key, result, return_ns }) =>
        ns === read.ns && key === read.key && result !== null && return_ns < read.call_ns,
    );
    return isAcked || isShown;
  }).length;
}

/** Whether some of the operations, and all acknowledged ones, fit into one order. */
export function linearizableTwin(history: History): boolean {
  const all = history.filter(({ ok, type }) => ok === true || (ok === null && type !== 'get'));
  return fits(all, new Map());
}

function fits(left: readonly Operation[], values: ReadonlyMap<string, string | null>): boolean {
  if (left.every(({ ok }) => ok === null)) return true;
  return left.some((next) => {
    if (left.some(({ ok, return_ns }) => ok === true && return_ns < next.call_ns)) return false;
    const value = values.get(next.key) ?? null;
    const rest = left.filter((other) => other !== next);
    if (next.type === 'get') return next.result === value && fits(rest, values);
    if ('expected' in next && next.expected !== value) return false;
    return fits(rest, new Map(values).set(next.key, next.value));
  });
}
