// FIFO order (promise F1): a client that sees a write sees everything that the same writer had
// written before it through the same replica. A scan from the largest key down tests this, if keys
// grow with the writer's count: the smaller keys, which it reads later, must be present if the
// larger ones are.
//
//  hole  a scan showed a write and lacked an earlier acknowledged one of its client
//
// It is judged at every moment of the run, and at the end.

import type { History, Scan, Write } from './operation.ts';
import { Anomalies, type Demand, shortfallOf, type Verdict } from './verdict.ts';

export interface FifoStats {
  readonly scans: number;
  /** Pairs of a shown write and an earlier one of the same client, which was looked for. */
  readonly checked: number;
  readonly holes: number;
}

export interface FifoDemand extends Demand {
  /** The least number of writes to look for. */
  readonly checked: number;
}

export function fifo(history: History, demand: FifoDemand): Verdict<FifoStats> {
  const chains = chainsOf(history);
  const anomalies = new Anomalies();
  let scans = 0;
  let checked = 0;
  for (const operation of history) {
    if (operation.type !== 'list' || operation.ok !== true) continue;
    if (operation.level !== 'fifo' || !isWitness(operation)) continue;
    scans++;
    const visible = new Set(operation.result.map(({ key }) => key));
    for (const chain of chains.get(operation.ns) ?? []) {
      checked += checkChain(chain, operation, visible, anomalies);
    }
  }
  const stats = { scans, checked, holes: anomalies.of('hole') };
  return anomalies.verdict(stats, shortfallOf(history, demand) ?? shortfallIn(checked, demand));
}

// A forward scan reads it only after the last write.
function isWitness(scan: Scan): boolean {
  return scan.reverse || scan.final === true;
}

function shortfallIn(checked: number, demand: FifoDemand): string | undefined {
  return checked < demand.checked ? `only ${checked} of ${demand.checked} writes` : undefined;
}

/**
 * The puts of one client through one replica, in the order of its calls, which is the order of
 * their keys.
 */
type Chain = readonly Write[];

/** By namespace. */
function chainsOf(history: History): Map<string, Chain[]> {
  const chains = new Map<string, Map<string, Write[]>>();
  for (const operation of history) {
    if (operation.type !== 'put' || operation.level !== 'fifo') continue;
    const ofNamespace = chains.get(operation.ns) ?? new Map<string, Write[]>();
    chains.set(operation.ns, ofNamespace);
    const name = `${operation.session} ${operation.node}`;
    const chain = ofNamespace.get(name);
    if (chain === undefined) ofNamespace.set(name, [operation]);
    else chain.push(operation);
  }
  return new Map([...chains].map(([ns, ofNamespace]) => [ns, [...ofNamespace.values()].map(sort)]));
}

function sort(chain: Write[]): Chain {
  const sorted = chain.toSorted((left, right) => left.call_ns - right.call_ns);
  const isGrowing = sorted.every(
    (write, at) => at === 0 || (sorted[at - 1]?.key ?? '') < write.key,
  );
  if (!isGrowing) throw new Error(`the keys of ${sorted[0]?.session} do not grow with its writes`);
  return sorted;
}

/** The number of earlier writes that were looked for. */
function checkChain(
  chain: Chain,
  scan: Scan,
  visible: ReadonlySet<string>,
  anomalies: Anomalies,
): number {
  const [low, high] = coverage(scan);
  if ((chain[0]?.key ?? '') > high || (chain.at(-1)?.key ?? '') < low) return 0;
  let last: Write | undefined;
  let checked = 0;
  for (let at = countBegunBy(chain, scan.return_ns) - 1; at >= 0; at--) {
    const write = chain[at] as Write;
    if (write.key < low) break;
    if (write.key > high || write.key === scan.after) continue;
    if (last !== undefined) checked++;
    if (visible.has(write.key)) last ??= write;
    else if (last !== undefined && write.ok === true && write.return_ns <= last.call_ns) {
      const what = `${scan.node} shows ${last.key} and lacks ${write.key}`;
      anomalies.add('hole', what, [write, last, scan]);
    }
  }
  return checked;
}

/** How many writes of the chain had begun by then: the scan cannot show later ones. */
function countBegunBy(chain: Chain, ns: number): number {
  let low = 0;
  let high = chain.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((chain[middle] as Write).call_ns <= ns) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The smallest and the largest key that the scan covers. */
function coverage({ key, result, reverse, more, after }: Scan): readonly [string, string] {
  const end = more ? (result.at(-1)?.key ?? key) : undefined;
  const above = `${key}\u{ffff}`;
  if (reverse) return [end ?? key, after === '' ? above : after];
  return [after === '' ? key : after, end ?? above];
}
