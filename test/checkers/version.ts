// The order of versions: by hybrid logical time, then by origin, then by number
// (src/model/record.ts). Any reply of a run may name the time of a version. Without a time, two
// versions can be compared only within one origin, whose clock never goes back.

import { type History, isWrite, type Operation } from './operation.ts';
import { parseDot } from './order.ts';
import type { Effect } from './register.ts';

export interface Version {
  readonly ver: string;
  readonly origin: string;
  readonly seq: number;
  readonly hlc: string | undefined;
}

/**
 * Negative if `left` is older than `right`, zero if it is the same, positive if it is newer;
 * undefined: unknown.
 */
export function compareVersions(left: Version, right: Version): number | undefined {
  if (left.origin === right.origin) return left.seq - right.seq;
  if (left.hlc === undefined || right.hlc === undefined) return undefined;
  if (left.hlc !== right.hlc) return left.hlc < right.hlc ? -1 : 1;
  return left.origin < right.origin ? -1 : 1;
}

/** A version that no other is newer than; undefined if that is unknown. */
export function newestOf(versions: readonly Version[]): Version | undefined {
  const isNewest = (version: Version) =>
    versions.every((other) => (compareVersions(version, other) ?? -1) >= 0);
  return versions.find(isNewest);
}

export class Versions {
  readonly #times = new Map<string, string>();
  readonly #shown = new Map<string, string>();
  #width: number | undefined;

  constructor(history: History) {
    for (const operation of history) if (operation.type !== 'fault') this.#learn(operation);
  }

  of(ver: string): Version {
    return { ver, ...parseDot(ver), hlc: this.#times.get(ver) };
  }

  /**
   * As its acknowledgement names it, otherwise any other reply about the write, otherwise a read
   * that showed it.
   */
  ofWrite({ ns, value, attempts }: Effect): Version | undefined {
    const named = attempts.filter(({ ok, ver }) => ok !== false && ver !== null);
    const told = named.find(({ ok }) => ok === true) ?? named[0];
    const shown = value === null ? undefined : this.#shown.get(`${ns}\0${value}`);
    const ver = told?.ver ?? shown;
    return ver === undefined ? undefined : this.of(ver);
  }

  #learn(operation: Operation): void {
    const { ns, ver, hlc, ok } = operation;
    if (ver !== null) this.#learnTime(ver, hlc);
    if (isWrite(operation) || ok !== true) return;
    if (operation.type === 'get' && ver !== null && operation.result !== null) {
      this.#shown.set(`${ns}\0${operation.result}`, ver);
    }
    if (operation.type !== 'list') return;
    for (const item of operation.result) {
      this.#learnTime(item.ver, item.hlc);
      this.#shown.set(`${ns}\0${item.value}`, item.ver);
    }
  }

  #learnTime(ver: string, hlc: string | undefined): void {
    if (hlc === undefined) return;
    this.#width ??= hlc.length;
    if (hlc.length !== this.#width) throw new Error(`${ver} has a time of another width: ${hlc}`);
    this.#times.set(ver, hlc);
  }
}
