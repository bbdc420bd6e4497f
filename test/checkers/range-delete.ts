// Deletes of ranges: such a delete removes the versions that its list has shown, and nothing newer.
// In namespaces without other deletes:
//
//  survived     a quorum acknowledged a delete, and a quorum read or list that began afterwards, or
//               a final read, shows the version that it removed, or an older one
//  overreached  a quorum had acknowledged a version, newer than every version that a delete can
//               have removed, and a quorum read or list that began afterwards, or a final one,
//               shows nothing under its key
//
// A delete that carries no version (`removes`) may remove everything.

import type { History, Operation, Read, Scan, Write } from './operation.ts';
import { type Effect, Register } from './register.ts';
import { Anomalies, type Demand, shortfallOf, type Verdict } from './verdict.ts';
import { compareVersions, type Version, Versions } from './version.ts';

export interface RangeDeleteStats {
  /** Acknowledged by a quorum. */
  readonly deletes: number;
  /** Views of a key after such a delete. */
  readonly checked: number;
  readonly survived: number;
  readonly overreached: number;
}

export interface RangeDeleteDemand extends Demand {
  readonly namespaces: readonly string[];
  /** The number of copies or answers of a quorum: any two quorums overlap. */
  readonly quorum: number;
  readonly checked: number;
}

/** What a quorum, or a replica at the end, shows under one key. */
interface View {
  readonly by: Read | Scan;
  /** `undefined`: nothing. */
  readonly version: Version | undefined;
}

export function rangeDelete(
  history: History,
  demand: RangeDeleteDemand,
): Verdict<RangeDeleteStats> {
  const anomalies = new Anomalies();
  const versions = new Versions(history);
  const reads = history.filter((each) => isJudged(each, demand));
  const counts = { deletes: 0, checked: 0 };
  for (const effects of new Register(history).keys()) {
    const { ns, key } = effects[0] as Effect;
    if (!demand.namespaces.includes(ns)) continue;
    const judged = new KeyOfRange(effects, versions, demand.quorum);
    counts.deletes += judged.deletes.length;
    for (const by of reads)
      for (const view of viewsOf(by, ns, key, versions))
        if (judged.check(view, anomalies)) counts.checked++;
  }
  const [survived, overreached] = [anomalies.of('survived'), anomalies.of('overreached')];
  const few = `only ${counts.checked} of ${demand.checked} reads after a delete of a range`;
  const shortfall = counts.checked < demand.checked ? few : undefined;
  return anomalies.verdict(
    { ...counts, survived, overreached },
    shortfallOf(history, demand) ?? shortfall,
  );
}

function isJudged(operation: Operation, demand: RangeDeleteDemand): operation is Read | Scan {
  if (operation.type !== 'get' && operation.type !== 'list') return false;
  if (operation.ok !== true || !demand.namespaces.includes(operation.ns)) return false;
  return operation.final === true || (operation.r ?? 1) >= demand.quorum;
}

/** At most one. A page decides nothing about keys that it may not have reached. */
function viewsOf(by: Read | Scan, ns: string, key: string, versions: Versions): View[] {
  if (by.ns !== ns) return [];
  if (by.type === 'get') {
    if (by.key !== key) return [];
    return [{ by, version: by.ver === null ? undefined : versions.of(by.ver) }];
  }
  const item = by.result.find((each) => each.key === key);
  if (item !== undefined) return [{ by, version: versions.of(item.ver) }];
  const isWhole = !by.more && by.after === '' && key.startsWith(by.key);
  return isWhole ? [{ by, version: undefined }] : [];
}

class KeyOfRange {
  /** Deletes that a quorum acknowledged, each with the version that it removed. */
  readonly deletes: readonly { readonly by: Write; readonly removes: Version }[];
  readonly #puts: readonly { readonly effect: Effect; readonly version: Version }[];
  readonly #attempted: readonly { readonly by: Write; readonly removes: Version | undefined }[];

  constructor(effects: readonly Effect[], versions: Versions, quorum: number) {
    const isWide = ({ ok, w = 1 }: Write): boolean => ok === true && w >= quorum;
    this.#attempted = effects
      .filter(({ type, ok }) => type === 'delete' && ok !== false)
      .flatMap(({ attempts }) => attempts)
      .map((by) => ({
        by,
        removes: by.removes === undefined ? undefined : versions.of(by.removes),
      }));
    this.deletes = this.#attempted.flatMap(({ by, removes }) =>
      removes !== undefined && isWide(by) ? [{ by, removes }] : [],
    );
    this.#puts = effects
      .filter(({ type, attempts }) => type === 'put' && attempts.some(isWide))
      .flatMap((effect) => {
        const version = versions.ofWrite(effect);
        return version === undefined ? [] : [{ effect, version }];
      });
  }

  /** True if the view could have contradicted something. */
  check(view: View, anomalies: Anomalies): boolean {
    return view.version === undefined
      ? this.#checkAbsent(view, anomalies)
      : this.#checkShown(view, view.version, anomalies);
  }

  #checkShown({ by }: View, shown: Version, anomalies: Anomalies): boolean {
    const before = this.deletes.filter((each) => each.by.return_ns < by.call_ns);
    const broken = before.find(({ removes }) => (compareVersions(shown, removes) ?? 1) <= 0);
    if (broken !== undefined) {
      const what = `${by.node} shows ${by.ns}/${broken.by.key} at ${shown.ver}, which was deleted`;
      anomalies.add('survived', what, [broken.by, by]);
    }
    return before.length > 0;
  }

  #checkAbsent({ by }: View, anomalies: Anomalies): boolean {
    const begun = this.#attempted.filter((each) => each.by.call_ns <= by.return_ns);
    const kept = this.#puts.find(
      ({ effect, version }) =>
        effect.attempts.every(({ return_ns }) => return_ns < by.call_ns) &&
        begun.every(
          ({ removes }) => removes !== undefined && (compareVersions(removes, version) ?? 1) < 0,
        ),
    );
    if (kept !== undefined) {
      const { ns, key, attempts } = kept.effect;
      const what = `${by.node} lacks ${ns}/${key} at ${kept.version.ver}, which no delete removed`;
      anomalies.add('overreached', what, [...attempts, by]);
    }
    return begun.length > 0;
  }
}
