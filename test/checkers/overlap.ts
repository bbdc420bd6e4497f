// Overlap (promise Q1): a read whose quorum overlaps that of a write (r + w > N), and that began
// after the write was acknowledged, shows it or a newer version of the key (Gifford, 1979). This
// holds even if the process of a replica that acknowledged the write ends, or its disk is lost, as
// long as the replica knows that it has lost something: so a read of one replica sees every write
// of all. A replica that has heard no majority since its start cannot know this, and is not judged
// (docs/limits.md). In a causal namespace a write may wait for what it depends on at a replica that
// has acknowledged it: a read of that replica alone does not show it yet, and is not judged.
//
//  behind   a read, or a list, showed an older version
//  lacking  a read showed nothing, and no delete that may have happened by then can be newer than
//           the write
//
// set-full.ts judges what a list lacks, for keys that are written once.

import { goesBack, mayHide } from './going-back.ts';
import type { History, Operation, Read, Scan } from './operation.ts';
import { Register } from './register.ts';
import { Anomalies, type Demand, shortfallOf, type Verdict } from './verdict.ts';
import { compareVersions, type Version, Versions } from './version.ts';

interface OverlapStats {
  /** Reads that had to show some write. */
  readonly checked: number;
}

export interface OverlapDemand extends Demand {
  /** N: how many replicas hold the namespaces. */
  readonly replicas: number;
  readonly checked: number;
}

export function overlap(history: History, demand: OverlapDemand): Verdict<OverlapStats> {
  const anomalies = new Anomalies();
  const versions = new Versions(history);
  const register = new Register(history);
  const acknowledged = new Acknowledged(register, versions);
  let checked = 0;
  for (const read of history) {
    if ((read.type !== 'get' && read.type !== 'list') || read.ok !== true) continue;
    if (read.alone === true || (read.level === 'causal' && (read.r ?? 1) === 1)) continue;
    for (const view of read.type === 'get' ? [{ ...read, by: read }] : viewsOf(read)) {
      const least = demand.replicas - (view.r ?? 1) + 1;
      const met = acknowledged.newest(view.ns, view.key, least, view.call_ns);
      if (met === undefined) continue;
      checked++;
      check(view, met, versions, register, anomalies);
    }
  }
  const few = checked < demand.checked ? `only ${checked} of ${demand.checked} reads` : undefined;
  return anomalies.verdict({ checked }, shortfallOf(history, demand) ?? few);
}

/** What a read, or a list, shows of one key. */
type View = Pick<Read, 'node' | 'ns' | 'key' | 'ver' | 'result' | 'call_ns' | 'return_ns'> & {
  readonly by: Read | Scan;
  readonly r?: number;
};

function viewsOf(by: Scan): View[] {
  return by.result.map(({ key, ver, value: result }) => ({ ...by, by, key, ver, result }));
}

function check(
  read: View,
  met: Version,
  versions: Versions,
  register: Register,
  anomalies: Anomalies,
): void {
  const { node, ns, key, ver, result } = read;
  const effects = register.ofKey(ns, key);
  const shows = (): Operation[] => [
    ...effects.flatMap(({ attempts }) => attempts.filter((each) => each.ver === met.ver)),
    read.by,
  ];
  if (result !== null && ver !== null) {
    if (!goesBack(met, versions.of(ver))) return;
    const what = `${node} shows ${ns}/${key} at ${ver}, behind ${met.ver}`;
    anomalies.add('behind', what, shows());
  } else if (!effects.some((effect) => mayHide(effect, met, read, versions))) {
    anomalies.add('lacking', `${node} lacks ${ns}/${key} at ${met.ver}`, shows());
  }
}

/** The newest acknowledged write of a key, as far as it is known. */
interface Step {
  readonly atNs: number;
  readonly newest: Version;
}

/**
 * The versions that reads have to show: by key and by the least quorum, in the order of
 * acknowledgements.
 */
class Acknowledged {
  readonly #register: Register;
  readonly #versions: Versions;
  readonly #steps = new Map<string, readonly Step[]>();

  constructor(register: Register, versions: Versions) {
    this.#register = register;
    this.#versions = versions;
  }

  /** The newest write that was acknowledged before by at least this many replicas. */
  newest(ns: string, key: string, least: number, beforeNs: number): Version | undefined {
    const name = `${ns}\0${key}\0${least}`;
    const steps = this.#steps.get(name) ?? this.#stepsOf(ns, key, least);
    this.#steps.set(name, steps);
    let [low, high] = [0, steps.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((steps[middle] as Step).atNs < beforeNs) low = middle + 1;
      else high = middle;
    }
    return steps[low - 1]?.newest;
  }

  #stepsOf(ns: string, key: string, least: number): Step[] {
    const acknowledged = this.#register
      .ofKey(ns, key)
      .flatMap(({ attempts }) => attempts)
      .filter(({ ok, w = 1 }) => ok === true && w >= least)
      .toSorted((a, b) => a.return_ns - b.return_ns);
    const steps: Step[] = [];
    for (const { ver, return_ns: atNs } of acknowledged) {
      if (ver === null) continue;
      const version = this.#versions.of(ver);
      const before = steps.at(-1)?.newest ?? version;
      const isNewer = (compareVersions(version, before) ?? -1) > 0;
      steps.push({ atNs, newest: isNewer ? version : before });
    }
    return steps;
  }
}
