// No going back (promise Q2): of two successive reads of a key, each of more than half of all
// replicas, the second shows the version of the first or a newer one (Attiya, Bar-Noy and Dolev,
// 1995).
//
//  back      the second showed an older version
//  vanished  the second showed nothing, and no delete that may have happened by then can be newer
//            than the first
//
// A read that showed nothing names no version, so it decides nothing about later reads.

import type { History, Operation, Read } from './operation.ts';
import { type Effect, Register } from './register.ts';
import { Anomalies, type Demand, shortfallOf, type Verdict } from './verdict.ts';
import { compareVersions, type Version, Versions } from './version.ts';

interface GoingBackStats {
  /** Reads that were compared with an earlier one. */
  readonly checked: number;
}

export interface GoingBackDemand extends Demand {
  /** N: how many replicas hold the namespaces. */
  readonly replicas: number;
  readonly checked: number;
}

interface Shown {
  readonly read: Read;
  readonly version: Version;
}

export function goingBack(history: History, demand: GoingBackDemand): Verdict<GoingBackStats> {
  const anomalies = new Anomalies();
  const versions = new Versions(history);
  const register = new Register(history);
  let checked = 0;
  for (const reads of readsByKey(history, demand.replicas).values()) {
    const ended = reads.toSorted((a, b) => a.return_ns - b.return_ns);
    let at = 0;
    let newest: Shown | undefined;
    for (const read of reads.toSorted((a, b) => a.call_ns - b.call_ns)) {
      for (let before = ended[at]; before !== undefined && before.return_ns < read.call_ns; ) {
        newest = newerOf(newest, before, versions);
        before = ended[++at];
      }
      if (newest === undefined) continue;
      checked++;
      check(newest, read, versions, register, anomalies);
    }
  }
  const few =
    checked < demand.checked
      ? `only ${checked} of ${demand.checked} reads of a key that was read before`
      : undefined;
  return anomalies.verdict({ checked }, shortfallOf(history, demand) ?? few);
}

function readsByKey(history: History, replicas: number): Map<string, Read[]> {
  const reads = new Map<string, Read[]>();
  for (const operation of history) {
    if (!isOfMost(operation, replicas)) continue;
    const name = `${operation.ns}\0${operation.key}`;
    const others = reads.get(name);
    if (others === undefined) reads.set(name, [operation]);
    else others.push(operation);
  }
  return reads;
}

function isOfMost(operation: Operation, replicas: number): operation is Read {
  return operation.type === 'get' && operation.ok === true && 2 * (operation.r ?? 1) > replicas;
}

function newerOf(newest: Shown | undefined, read: Read, versions: Versions): Shown | undefined {
  if (read.result === null || read.ver === null) return newest;
  const version = versions.of(read.ver);
  if (newest !== undefined && (compareVersions(version, newest.version) ?? 1) <= 0) return newest;
  return { read, version };
}

function check(
  first: Shown,
  read: Read,
  versions: Versions,
  register: Register,
  anomalies: Anomalies,
): void {
  const { ns, key, ver, result } = read;
  if (result !== null && ver !== null) {
    if (!goesBack(first.version, versions.of(ver))) return;
    anomalies.add('back', `${ns}/${key} went from ${first.version.ver} to ${ver}`, [
      first.read,
      read,
    ]);
  } else if (
    !register.ofKey(ns, key).some((effect) => mayHide(effect, first.version, read, versions))
  ) {
    const what = `${ns}/${key} was ${first.version.ver} and then absent`;
    anomalies.add('vanished', what, [first.read, read]);
  }
}

/** The version, as far as it is known. */
export function goesBack(first: Version, second: Version): boolean {
  return (compareVersions(second, first) ?? 0) < 0;
}

/** Whether a delete that began before the read ended is that version, or may be newer than it. */
export function mayHide(
  effect: Effect,
  first: Version,
  read: Pick<Read, 'return_ns'>,
  versions: Versions,
): boolean {
  if (effect.type !== 'delete' || effect.ok === false) return false;
  if (effect.attempts.every(({ call_ns }) => call_ns > read.return_ns)) return false;
  const version = versions.ofWrite(effect);
  return version === undefined || (compareVersions(version, first) ?? 1) >= 0;
}
