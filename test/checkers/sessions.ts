// Sessions (promise S1; Terry et al., 1994), for clients that send a token with every request, to
// any replica, one request after the other:
//
//  back       a read, or a list, showed an older version than the session had written or seen
//  vanished   it showed nothing, and no delete that may have happened by then can be newer
//  lost       a request was refused because what the session had seen is lost, but no disk was lost
//  overtaken  a write got a smaller version than one that the session had written or seen
//
// A read that showed nothing names no version, so it decides nothing about later reads.

import { goesBack, mayHide } from './going-back.ts';
import { type History, isWrite, type Operation, type Read, type Scan } from './operation.ts';
import { Register } from './register.ts';
import { Anomalies, type Demand, shortfallOf, type Verdict } from './verdict.ts';
import { type Version, Versions } from './version.ts';

const LOST = 'history-lost';

interface SessionsStats {
  /** Reads and writes of keys that the session had written or seen before. */
  readonly checked: number;
}

export interface SessionsDemand extends Demand {
  /** Namespaces in which every client sends its token. */
  readonly namespaces: readonly string[];
  /** A disk may forget what it has acknowledged. The client then begins another session. */
  readonly mayLose: boolean;
  readonly checked: number;
}

interface Seen {
  readonly operation: Operation;
  readonly version: Version;
}

export function sessions(history: History, demand: SessionsDemand): Verdict<SessionsStats> {
  const judge = new Judge(history, demand.mayLose);
  for (const operations of bySession(history, demand).values()) judge.follow(operations);
  const { checked, anomalies } = judge;
  const few =
    checked < demand.checked ? `only ${checked} of ${demand.checked} comparisons` : undefined;
  return anomalies.verdict({ checked }, shortfallOf(history, demand) ?? few);
}

function bySession(history: History, { namespaces }: SessionsDemand): Map<string, Operation[]> {
  const sessionsOf = new Map<string, Operation[]>();
  for (const operation of history) {
    const isMeant = operation.ok === true || isLost(operation);
    if (
      !isMeant ||
      !namespaces.includes(operation.ns) ||
      operation.type === 'fault' ||
      isFinal(operation)
    )
      continue;
    const before = sessionsOf.get(operation.session);
    if (before === undefined) sessionsOf.set(operation.session, [operation]);
    else before.push(operation);
  }
  return sessionsOf;
}

/** Over HTTP the reason begins with the status. */
function isLost({ reason }: Operation): boolean {
  return reason?.endsWith(LOST) === true;
}

function isFinal(operation: Operation): boolean {
  return 'final' in operation;
}

class Judge {
  readonly anomalies = new Anomalies();
  checked = 0;
  readonly #mayLose: boolean;
  readonly #versions: Versions;
  readonly #register: Register;
  /** The newest version that the session has written or seen so far, by namespace and key. */
  readonly #seen = new Map<string, Seen>();

  constructor(history: History, mayLose: boolean) {
    this.#mayLose = mayLose;
    this.#versions = new Versions(history);
    this.#register = new Register(history);
  }

  follow(operations: readonly Operation[]): void {
    this.#seen.clear();
    for (const operation of operations.toSorted((a, b) => a.call_ns - b.call_ns)) {
      if (isLost(operation)) this.#lose(operation);
      else if (isWrite(operation)) this.#look(operation, operation.key, operation.ver, 'overtaken');
      else if (operation.type === 'get') this.#read(operation, operation.key, operation.ver);
      else if (operation.type === 'list') this.#list(operation);
    }
  }

  #lose(operation: Operation): void {
    if (!this.#mayLose)
      this.anomalies.add('lost', `${operation.node} reported a loss, but no disk was lost`, [
        operation,
      ]);
    this.#seen.clear();
  }

  /** A page of all keys also shows which keys are absent. */
  #list(scan: Scan): void {
    const shown = new Map(scan.result.map(({ key, ver }) => [key, ver]));
    for (const [key, ver] of shown) this.#read(scan, key, ver);
    if (scan.more || scan.after !== '') return;
    for (const { operation } of this.#seen.values()) {
      const { key } = operation.type === 'list' ? { key: '' } : operation;
      if (key !== '' && key.startsWith(scan.key) && !shown.has(key)) this.#read(scan, key, null);
    }
  }

  #read(read: Read | Scan, key: string, ver: string | null): void {
    if (ver !== null) return this.#look(read, key, ver, 'back');
    const seen = this.#seen.get(nameOf(read, key));
    if (seen === undefined) return;
    this.checked++;
    const { ns } = read;
    const effects = this.#register.ofKey(ns, key);
    if (effects.some((effect) => mayHide(effect, seen.version, read, this.#versions))) return;
    const what = `${ns}/${key} was ${seen.version.ver} and then absent`;
    this.anomalies.add('vanished', what, [seen.operation, read]);
  }

  /** The session has just seen or written this version. */
  #look(operation: Operation, key: string, ver: string | null, kind: 'back' | 'overtaken'): void {
    if (ver === null) return;
    const name = nameOf(operation, key);
    const version = this.#versions.of(ver);
    const seen = this.#seen.get(name);
    if (seen !== undefined) {
      this.checked++;
      if (goesBack(seen.version, version)) {
        const what = `${operation.ns}/${key} went from ${seen.version.ver} to ${ver}`;
        return this.anomalies.add(kind, what, [seen.operation, operation]);
      }
    }
    this.#seen.set(name, { operation, version });
  }
}

function nameOf({ ns }: Operation, key: string): string {
  return `${ns}\0${key}`;
}
