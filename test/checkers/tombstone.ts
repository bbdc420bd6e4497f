// Tombstones (promise D7): a deleted value does not return. Once a replica has shown that an
// acknowledged delete won, neither that replica nor any final read shows a version that is older
// than the delete.
//
//  resurrected  a read showed a value older than a delete that had won at the replica, or anywhere
//               before the end
//
// A delete is known to have won at a replica when the replica acknowledged it as its own, when a
// read there named its version, or when a read there found nothing where a value had been and every
// delete that may be the cause is as new. Older means by version; without times, by the order in
// which one replica saw them. A delete that meets a newer value is stamped again until it is
// acknowledged: what a read found before that may be due to an earlier stamp, which such a value
// may beat. A newer put that ran concurrently with the delete may win, and
// versions that cannot be compared are not judged. Reads of more than one replica prove nothing
// about a single one.

import type { History, Operation, Read, Scan, Write } from './operation.ts';
import { isAfter } from './order.ts';
import { type Effect, Register } from './register.ts';
import { Anomalies, type Demand, shortfallOf, type Verdict } from './verdict.ts';
import { compareVersions, Versions } from './version.ts';
import { Lives } from './life.ts';

export interface TombstoneStats {
  /** Acknowledged deletes. */
  readonly deletes: number;
  /** Pairs of a delete and a replica at which it is known to have won. */
  readonly won: number;
  /** Reads of a key after a delete of it had won there, and final reads of deleted keys. */
  readonly checked: number;
  readonly resurrected: number;
}

export interface TombstoneDemand extends Demand {
  readonly checked: number;
  /**
   * Replicas whose disk was lost may have forgotten what they had shown: only their final reads are
   * judged.
   */
  readonly forgetful?: readonly string[];
}

/** What one read shows of one key. */
interface View {
  readonly by: Read | Scan;
  readonly value: string | null;
  readonly ver: string | null;
}

interface Victory {
  readonly removal: Effect;
  readonly sinceNs: number;
  readonly by: Operation;
}

export function tombstone(history: History, demand: TombstoneDemand): Verdict<TombstoneStats> {
  const register = new Register(history);
  const views = viewsOf(history, register);
  const anomalies = new Anomalies();
  const counts = { deletes: 0, won: 0, checked: 0 };
  const lives = new Lives(history);
  const versions = new Versions(history);
  for (const effects of register.keys()) {
    const deletes = effects.filter(({ type, ok }) => type === 'delete' && ok === true);
    if (deletes.length === 0) continue;
    const { ns, key } = effects[0] as Effect;
    const graves = new Graves(effects, views.get(nameOf(ns, key)) ?? [], versions, lives);
    const judged = graves.judge(new Set(demand.forgetful), anomalies);
    counts.deletes += deletes.length;
    counts.won += judged.won;
    counts.checked += judged.checked;
  }
  const stats = { ...counts, resurrected: anomalies.of('resurrected') };
  const isFew = counts.checked < demand.checked;
  const few = isFew ? `only ${counts.checked} of ${demand.checked} reads` : undefined;
  return anomalies.verdict(stats, shortfallOf(history, demand) ?? few);
}

/** One key with its writes and what reads saw of it, in the order in which the reads began. */
class Graves {
  readonly #effects: readonly Effect[];
  readonly #views: readonly View[];
  readonly #versions: Versions;
  readonly #lives: Lives;
  /** By replica. */
  readonly #won = new Map<string, Map<Effect, Victory>>();

  constructor(
    effects: readonly Effect[],
    views: readonly View[],
    versions: Versions,
    lives: Lives,
  ) {
    this.#effects = effects.filter(({ ok }) => ok !== false);
    this.#views = views.toSorted((left, right) => left.by.call_ns - right.by.call_ns);
    this.#versions = versions;
    this.#lives = lives;
  }

  judge(forgetful: ReadonlySet<string>, anomalies: Anomalies): { won: number; checked: number } {
    for (const removal of this.#deletes()) this.#acknowledge(removal);
    for (const view of this.#views) if (isLocal(view.by)) this.#conclude(view);
    let checked = 0;
    for (const view of this.#views) {
      const victories = this.#over(view, forgetful);
      if (victories.length === 0) continue;
      checked++;
      const shown = this.#effectOf(view);
      const victory = victories.find(({ removal }) => shown && this.#isOlder(shown, removal));
      if (shown === undefined || victory === undefined) continue;
      const what = `${view.by.node} shows ${shown.ns}/${shown.key}, which had been deleted`;
      const operations = [...shown.attempts, ...victory.removal.attempts, victory.by, view.by];
      anomalies.add('resurrected', what, [...new Set(operations)]);
    }
    const won = [...this.#won.values()].reduce((sum, { size }) => sum + size, 0);
    return { won, checked };
  }

  #deletes(): Effect[] {
    return this.#effects.filter(({ type }) => type === 'delete');
  }

  /**
   * The deletes that the read must not contradict. At the end every acknowledged delete counts at
   * every replica.
   */
  #over({ by }: View, forgetful: ReadonlySet<string>): Victory[] {
    if (by.final === true) return this.#deletes().flatMap(ackOf);
    if (forgetful.has(by.node) || !isLocal(by)) return [];
    const victories = this.#won.get(by.node)?.values() ?? [];
    return [...victories].filter(({ sinceNs }) => sinceNs < by.call_ns);
  }

  // A replica holds the writes that have its own numbers.
  #acknowledge(removal: Effect): void {
    for (const by of removal.attempts) {
      if (isOwn(by)) this.#add(by.node, { removal, sinceNs: by.return_ns, by });
    }
  }

  #conclude(view: View): void {
    const { by, value, ver } = view;
    if (value !== null) return;
    const removal = ver === null ? this.#causeOf(view) : this.#named(ver);
    if (removal?.ok !== true) return;
    const sinceNs = ver === null ? Math.max(by.return_ns, endOf(removal)) : by.return_ns;
    this.#add(by.node, { removal, sinceNs, by });
  }

  #add(node: string, victory: Victory): void {
    const won = this.#won.get(node) ?? new Map<Effect, Victory>();
    this.#won.set(node, won);
    const known = won.get(victory.removal);
    if (known === undefined || victory.sinceNs < known.sinceNs) won.set(victory.removal, victory);
  }

  #named(ver: string): Effect | undefined {
    return this.#deletes().find((removal) => this.#versions.ofWrite(removal)?.ver === ver);
  }

  /** The oldest of the deletes that may have removed the value. */
  #causeOf(absent: View): Effect | undefined {
    const before = this.#lastBefore(absent);
    if (before === undefined) return undefined;
    const suspects = this.#deletes().filter(
      (removal) =>
        removal.attempts.some(({ call_ns }) => call_ns <= absent.by.return_ns) &&
        !this.#isOlder(removal, before),
    );
    return suspects.find((oldest) =>
      suspects.every((other) => other === oldest || this.#isOlder(oldest, other)),
    );
  }

  /** What the replica held in the same incarnation before it showed nothing. */
  #lastBefore({ by }: View): Effect | undefined {
    const isBefore = (operation: Operation) =>
      operation.node === by.node &&
      operation.return_ns < by.call_ns &&
      this.#lives.isOne(by.node, operation.call_ns, by.return_ns);
    const view = this.#views.findLast(
      (each) => each.value !== null && isLocal(each.by) && isBefore(each.by),
    );
    const seen = view && this.#effectOf(view);
    return (
      seen ??
      this.#effects.findLast(({ type, attempts }) => {
        return type === 'put' && attempts.some((each) => isOwn(each) && isBefore(each));
      })
    );
  }

  #effectOf({ value }: View): Effect | undefined {
    if (value === null) return undefined;
    return this.#effects.find((effect) => effect.value === value);
  }

  #isOlder(earlier: Effect, later: Effect): boolean {
    const [first, last] = [this.#versions.ofWrite(earlier), this.#versions.ofWrite(later)];
    const order = first && last && compareVersions(first, last);
    if (order !== undefined) return order < 0;
    return isAfter(later, earlier) || this.#hadSeen(later, earlier);
  }

  /**
   * The replica that accepted the later one had shown the earlier one, so its clock was already
   * past it.
   */
  #hadSeen(later: Effect, earlier: Effect): boolean {
    if (earlier.type === 'delete') return false;
    return later.attempts
      .filter(({ ok }) => ok !== false)
      .every(({ node, call_ns, return_ns }) =>
        this.#views.some(
          ({ by, value }) =>
            value === earlier.value &&
            by.node === node &&
            isLocal(by) &&
            by.return_ns < call_ns &&
            this.#lives.isOne(node, by.call_ns, return_ns),
        ),
      );
  }
}

/** When the delete was acknowledged. */
function endOf({ attempts }: Effect): number {
  return Math.max(...attempts.filter(({ ok }) => ok === true).map(({ return_ns }) => return_ns));
}

function ackOf(removal: Effect): Victory[] {
  const ack = removal.attempts.find(({ ok }) => ok === true);
  return ack === undefined ? [] : [{ removal, sinceNs: ack.return_ns, by: ack }];
}

/** Acknowledged by the replica that numbered the write. Another replica may answer a retry. */
function isOwn({ ok, ver, node, idem }: Write): boolean {
  return ok === true && (idem === undefined || ver?.startsWith(`${node}.`) === true);
}

function isLocal(read: Read | Scan): boolean {
  return read.type === 'list' || (read.r ?? 1) === 1;
}

/** By key, for deleted keys. Keys that a scan lacks are not judged here. */
function viewsOf(history: History, register: Register): Map<string, View[]> {
  const views = new Map<string, View[]>();
  for (const effects of register.keys()) {
    const removal = effects.find(({ type }) => type === 'delete');
    if (removal !== undefined) views.set(nameOf(removal.ns, removal.key), []);
  }
  for (const by of history) {
    if (by.ok !== true) continue;
    if (by.type === 'get') {
      views.get(nameOf(by.ns, by.key))?.push({ by, value: by.result, ver: by.ver });
    } else if (by.type === 'list') {
      for (const item of by.result) {
        const read = { ...by, result: [item] };
        views.get(nameOf(by.ns, item.key))?.push({ by: read, value: item.value, ver: item.ver });
      }
    }
  }
  return views;
}

function nameOf(ns: string, key: string): string {
  return `${ns}\0${key}`;
}
