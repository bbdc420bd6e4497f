// Last-write-wins (promise W1): at the end every replica of an eventual namespace shows, for each
// key, the newest acknowledged version, or a newer one of unknown outcome. The order is computed
// from the replies.
//
//  wrong-winner            a replica shows less than the newest acknowledged version
//  tie-broken-differently  two versions have the same time, and two replicas show one each
//
// A key without a value shows its newest delete, if all its deletes are known.

import type { History, Operation, Read } from './operation.ts';
import {
  type Effect,
  type FinalState,
  finalShortfall,
  finalStatesOf,
  Register,
  witness,
} from './register.ts';
import { Anomalies, type Demand, shortfallOf, type Verdict } from './verdict.ts';
import { compareVersions, newestOf, type Version, Versions } from './version.ts';

export interface LastWriteWinsStats {
  readonly keys: number;
  /** Keys with acknowledged versions from more than one origin, with known times. */
  readonly contested: number;
  readonly views: number;
  /** Views that cannot be compared with some acknowledged version. */
  readonly undecided: number;
  readonly wrongWinners: number;
  readonly tiesBroken: number;
}

export interface LastWriteWinsDemand extends Demand {
  readonly nodes: number;
  /** The namespaces whose level is eventual. */
  readonly namespaces: readonly string[];
  readonly contested: number;
}

/**
 * What a replica shows under a key at the end. 'nothing' is older than everything, 'unknown' may be
 * any version.
 */
interface View {
  readonly node: string;
  readonly version: Version | 'nothing' | 'unknown';
  readonly by: Operation | undefined;
}

interface Rivals {
  readonly name: string;
  readonly effects: readonly Effect[];
  readonly acked: readonly { readonly effect: Effect; readonly version: Version }[];
}

export function lastWriteWins(
  history: History,
  demand: LastWriteWinsDemand,
): Verdict<LastWriteWinsStats> {
  const versions = new Versions(history);
  const states = finalStatesOf(history).filter(({ scans }) => scans[0]?.level === 'eventual');
  const gets = finalGetsOf(history);
  const anomalies = new Anomalies();
  const counts = { keys: 0, contested: 0, views: 0, undecided: 0 };
  for (const effects of new Register(history).keys()) {
    if (effects.every(({ attempts }) => attempts[0]?.level !== 'eventual')) continue;
    const rivals = rivalsOf(effects, versions);
    const views = viewsOf(rivals, states, gets, versions);
    counts.keys++;
    counts.views += views.length;
    if (isContested(rivals)) counts.contested++;
    counts.undecided += judge(rivals, views, anomalies);
  }
  const stats = {
    ...counts,
    wrongWinners: anomalies.of('wrong-winner'),
    tiesBroken: anomalies.of('tie-broken-differently'),
  };
  const { contested } = counts;
  const isFew = contested < demand.contested;
  const shortfall =
    shortfallOf(history, demand) ??
    finalShortfall(states, demand.nodes, demand.namespaces) ??
    (isFew ? `only ${contested} of ${demand.contested} contested keys` : undefined);
  return anomalies.verdict(stats, shortfall);
}

/** By key. */
function finalGetsOf(history: History): Map<string, Read[]> {
  const gets = new Map<string, Read[]>();
  for (const operation of history) {
    if (operation.type !== 'get' || operation.level !== 'eventual') continue;
    if (operation.ok !== true || operation.final !== true) continue;
    const name = `${operation.ns}\0${operation.key}`;
    const others = gets.get(name);
    if (others === undefined) gets.set(name, [operation]);
    else others.push(operation);
  }
  return gets;
}

function rivalsOf(effects: readonly Effect[], versions: Versions): Rivals {
  const acked = effects.flatMap((effect) => {
    const version = effect.ok === true ? versions.ofWrite(effect) : undefined;
    return version === undefined ? [] : [{ effect, version }];
  });
  return { name: `${effects[0]?.ns}/${effects[0]?.key}`, effects, acked };
}

function isContested({ acked }: Rivals): boolean {
  const timed = acked.filter(({ version }) => version.hlc !== undefined);
  return new Set(timed.map(({ version }) => version.origin)).size > 1;
}

function viewsOf(
  { effects }: Rivals,
  states: readonly FinalState[],
  gets: ReadonlyMap<string, readonly Read[]>,
  versions: Versions,
): View[] {
  const { ns, key } = effects[0] as Effect;
  const absent = absence(effects, versions);
  const views: View[] = [];
  for (const state of states.filter((each) => each.ns === ns)) {
    const { node } = state;
    const item = state.items.get(key);
    const by = witness(state, key);
    if (item !== undefined) views.push({ node, version: versions.of(item.ver), by });
    // A key that an unfinished scan did not reach is not absent.
    else if (state.isComplete) views.push({ node, version: absent, by });
  }
  for (const by of gets.get(`${ns}\0${key}`) ?? []) {
    const { node, ver, result } = by;
    const unnamed = result === null ? absent : 'unknown';
    views.push({ node, version: ver === null ? unnamed : versions.of(ver), by });
  }
  return views;
}

function absence(effects: readonly Effect[], versions: Versions): View['version'] {
  const deletes = effects.filter(({ type, ok }) => type === 'delete' && ok !== false);
  if (deletes.length === 0) return 'nothing';
  const known = deletes.map((each) => versions.ofWrite(each)).filter((each) => each !== undefined);
  return known.length < deletes.length ? 'unknown' : (newestOf(known) ?? 'unknown');
}

/** The number of undecided views. */
function judge(rivals: Rivals, views: readonly View[], anomalies: Anomalies): number {
  const tie = tieIn(views);
  if (tie !== undefined) {
    const [left, right] = tie;
    const what = `${left.node} and ${right.node} differ about ${rivals.name}: two versions have the same time`;
    const tied = rivals.acked.filter(({ version }) => tie.some((view) => isOf(view, version)));
    const writes = tied.flatMap(({ effect }) => effect.attempts);
    anomalies.add('tie-broken-differently', what, [...writes, left.by, right.by]);
  }
  let undecided = 0;
  for (const view of views) {
    if (tie?.some((other) => isTied(view, other)) === true) continue;
    if (isUndecided(rivals, view)) undecided++;
    checkWinner(rivals, view, anomalies);
  }
  return undecided;
}

function tieIn(views: readonly View[]): readonly [View, View] | undefined {
  for (const left of views) {
    const right = views.find((other) => isTied(left, other) && left.node !== other.node);
    if (right !== undefined) return [left, right];
  }
  return undefined;
}

// Two versions of one origin always have different times.
function isTied({ version: left }: View, { version: right }: View): boolean {
  if (typeof left === 'string' || typeof right === 'string') return false;
  return left.hlc !== undefined && left.hlc === right.hlc && left.origin !== right.origin;
}

function isOf({ version }: View, other: Version): boolean {
  return typeof version !== 'string' && version.ver === other.ver;
}

function isUndecided({ acked, effects }: Rivals, { version }: View): boolean {
  if (version === 'nothing') return false;
  if (version === 'unknown') return true;
  const isUnnamed = acked.length < effects.filter(({ ok }) => ok === true).length;
  return isUnnamed || acked.some((each) => compareVersions(each.version, version) === undefined);
}

function checkWinner({ name, acked }: Rivals, view: View, anomalies: Anomalies): void {
  const newer = acked.filter(({ version, effect }) => isNewer(version, effect, view.version));
  const newest = newestOf(newer.map(({ version }) => version)) ?? newer[0]?.version;
  const winner = newer.find(({ version }) => version === newest);
  if (winner === undefined) return;
  const shown = typeof view.version === 'string' ? view.version : view.version.ver;
  const what = `${view.node} shows ${shown} of ${name}, and ${winner.version.ver} is newer`;
  const loser = acked.find(({ version }) => isOf(view, version));
  const writes = [...(loser?.effect.attempts ?? []), ...winner.effect.attempts];
  anomalies.add('wrong-winner', what, [...writes, view.by]);
}

// If nothing was ever deleted, an absent key is older than any value.
function isNewer(version: Version, { type }: Effect, shown: View['version']): boolean {
  if (shown === 'unknown') return false;
  if (shown === 'nothing') return type === 'put';
  return (compareVersions(version, shown) ?? 0) > 0;
}
