// A read whose quorum overlaps that of a write (r + w > N), and that began after the write was
// acknowledged, shows it or a newer version of the key (Gifford, 1979). Once a replica has
// acknowledged a write this holds even if its process ends or its disk is lost, as long as the
// replica knows that it has lost something: so a read of one replica sees every write of all. A
// replica that has heard no majority since its start cannot know, and is not judged
// (docs/limits.md).
//
//   behind   a read, or a list, showed an older version
//   lacking  a read showed nothing, and no delete that may have happened by then can be newer than
//            the write
//
// set-full.ts judges what a list lacks, for keys that are written once.

import { goesBack, mayHide } from './going-back.ts';
import type { History, Read, Scan } from './operation.ts';
import { Register } from './register.ts';
import { Anomalies, type Demand, shortfallOf, type Verdict } from './verdict.ts';
import { compareVersions, type Version, Versions } from './version.ts';

interface OverlapStats {
  /** Reads that had a write to meet. */
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
  let checked = 0;
  for (const read of history) {
    if ((read.type !== 'get' && read.type !== 'list') || read.ok !== true) continue;
    if (read.alone === true) continue;
    for (const view of read.type === 'get' ? [{ ...read, by: read }] : viewsOf(read)) {
      const met = newestMet(view, register, versions, demand.replicas);
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

/** The newest write, as far as that is known, that the read has to show. */
function newestMet(
  read: View,
  register: Register,
  versions: Versions,
  replicas: number,
): Version | undefined {
  let newest: Version | undefined;
  for (const { attempts } of register.ofKey(read.ns, read.key)) {
    for (const { ok, ver, w = 1, return_ns } of attempts) {
      const isMet = (read.r ?? 1) + w > replicas && return_ns < read.call_ns;
      if (ok !== true || ver === null || !isMet) continue;
      const version = versions.of(ver);
      if (newest === undefined || (compareVersions(version, newest) ?? -1) > 0) newest = version;
    }
  }
  return newest;
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
  const writes = effects.flatMap(({ attempts }) => attempts.filter((each) => each.ver === met.ver));
  if (result !== null && ver !== null) {
    if (!goesBack(met, versions.of(ver))) return;
    const what = `${node} shows ${ns}/${key} at ${ver}, behind ${met.ver}`;
    anomalies.add('behind', what, [...writes, read.by]);
  } else if (!effects.some((effect) => mayHide(effect, met, read, versions))) {
    anomalies.add('lacking', `${node} lacks ${ns}/${key} at ${met.ver}`, [...writes, read.by]);
  }
}
