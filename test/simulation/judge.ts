// Judges a run: by the checkers, from what clients saw, and by invariants of what only the
// simulation can see.

import { type Dot, type Key, parseDot } from '../../src/model/id.ts';
import { SETTINGS_DEFAULT } from '../../src/model/settings.ts';
import { unitOf } from '../../src/model/unit.ts';
import { audit } from '../checkers/audit.ts';
import { causal } from '../checkers/causal.ts';
import { clocks } from '../checkers/clocks.ts';
import { convergence } from '../checkers/convergence.ts';
import { erased } from '../checkers/erased.ts';
import { fifo } from '../checkers/fifo.ts';
import { goingBack } from '../checkers/going-back.ts';
import { lastWriteWins } from '../checkers/last-write-wins.ts';
import { liveness } from '../checkers/liveness.ts';
import type { Operation } from '../checkers/operation.ts';
import { outcome } from '../checkers/outcome.ts';
import { overlap } from '../checkers/overlap.ts';
import { rangeDelete } from '../checkers/range-delete.ts';
import { runSplit } from '../checkers/run-split.ts';
import { sessions } from '../checkers/sessions.ts';
import { type LagLog, stale } from '../checkers/stale.ts';
import { setFull } from '../checkers/set-full.ts';
import { tombstone } from '../checkers/tombstone.ts';
import type { Verdict } from '../checkers/verdict.ts';
import { wellFormed } from '../checkers/well-formed.ts';
import type { Cluster, Note } from '../cluster/cluster.ts';
import type { Links } from './links.ts';
import { isForgetful, isSilent, type Plan, VICTIM, WRONG_CLOCKS } from './plan.ts';
import type { StrikeMade } from './run.ts';
import { BOUND_MS, CLIENT_WAITS_MS, eraserQuorum, NAMESPACES, type Workload } from './workload.ts';

export interface Finding {
  /** The name of the checker or the invariant. */
  readonly check: string;
  readonly reason: string;
  /** The operations that show it, at most ten. */
  readonly counterexample: readonly Operation[];
}

export interface Judged {
  readonly plan: Plan;
  readonly cluster: Cluster;
  readonly workload: Workload;
  readonly strikes: readonly StrikeMade[];
  readonly lags: LagLog;
  readonly links: Links;
}

/** The least that a run of this virtual time has to do, so that its verdict means something. */
const OK_PER_SECOND = 0.5;
/** The time from the heal to the first success. */
const RETURN_MS = 8000;
/** Clocks drift, and a replica looks at deadlines every few milliseconds. */
const LATE_MS = 50;
/** Notes that report a broken promise, whatever clients saw. */
const NEVER = ['log-divergent', 'log-unreadable', 'snapshot-impossible', 'memberships-differ'];
/**
 * Unless a disk loses or changes something without an error, no tree is wrong and no replicas
 * differ.
 */
const TREE_NEVER = ['divergence', 'tree-differs', 'tree-mistaken'];
/** For this time after a copy, leaves that it changed may be in memory only. */
const LEAVES_BEHIND_MS = 10_000;
const HALTS = new Set(['storage failed']);

export function judge(judged: Judged): Finding[] {
  return [...judgeHistory(judged), ...judgeStrikes(judged), ...judgeInside(judged)];
}

function judgeHistory(judged: Judged): Finding[] {
  const { plan, workload, cluster, lags, links } = judged;
  const { history } = workload;
  const nodes = cluster.seated().length;
  // The largest number of members in the run.
  const replicas = workload.operator?.seatsMost ?? nodes;
  const all = { nodes, namespaces: Object.keys(NAMESPACES) };
  const ok = Math.floor((plan.faultsMs / 1000) * OK_PER_SECOND);
  const verdicts: { readonly [name: string]: Verdict<unknown> } = {
    'well-formed': wellFormed(history),
    audit: audit(history, { ...all, ok: { put: ok, get: ok, delete: 1 } }),
    outcome: outcome(history, {
      ok: { get: ok },
      wereApart: (left, right, fromNs, untilNs) =>
        links.wereApart(left, right, fromNs / 1e6, untilNs / 1e6),
    }),
    convergence: convergence(history, { ...all, keys: 5 }),
    fifo: fifo(history, { checked: 5 }),
    'last-write-wins': lastWriteWins(history, { nodes, namespaces: ['ev'], contested: 1 }),
    tombstone: tombstone(history, { checked: 0, forgetful: forgetfulOf(plan) }),
    // Quorums of two memberships need not overlap, and a disk that changes without an error forgets
    // what it has acknowledged.
    ...(plan.spares.length > 0 || isSilent(plan.classes)
      ? {}
      : { overlap: overlap(history, { replicas, checked: 1 }) }),
    ...(plan.spares.length > 0
      ? {}
      : {
          erased: judgeErased({ plan, workload, cluster }),
          'range-delete': rangeDelete(history, {
            namespaces: ['ra'],
            quorum: eraserQuorum(plan.regions.length, isForgetful(plan)),
            checked: 1,
          }),
        }),
    // A snapshot, and the repair of a disk, brings records and not batches: versions that are newer
    // than its mark arrive key by key.
    ...(bringsRecords(plan)
      ? {}
      : { 'run-split': runSplit(history, { namespaces: ['ru'], checked: 1 }) }),
    // If replicas join, quorums that overlapped among fewer members need not overlap any more.
    'set-full': setFull(history, { replicas, overlapReads: plan.spares.length > 0 ? 0 : 1 }),
    stale: stale(history, lags, {
      boundsMs: boundsOf(plan),
      returnMs: RETURN_MS,
      // Each of these namespaces has one client, and none asks while it is refused.
      judged: Math.floor(ok / 3),
    }),
    sessions: sessions(history, {
      namespaces: ['se'],
      mayLose: bringsRecords(plan),
      checked: 1,
    }),
    // What a lost disk alone held is given up, and what depends on it is shown without it.
    ...(bringsRecords(plan)
      ? {}
      : { causal: causal(history, { scopeOf, withoutToken: ['onlooker'], checked: 1 }) }),
    clocks: clocks(history, clocksDemand(judged, replicas)),
    liveness: liveness(history, {
      hungMs: CLIENT_WAITS_MS + 1,
      returnMs: RETURN_MS,
      lateMs: LATE_MS,
    }),
    // A quorum of one membership need not overlap one of the next, and a lost disk may have been
    // one of the holders.
    ...(plan.spares.length > 0 || plan.copiesMin > 1
      ? {}
      : { 'going-back': goingBack(history, { replicas, checked: 1 }) }),
  };
  return Object.entries(verdicts)
    .filter(([, { verdict }]) => verdict !== 'valid')
    .map(([check, { reason, counterexample }]) => ({ check, reason, counterexample }));
}

/** Causal order holds among the first two namespaces, and within each unit of the third. */
function scopeOf(ns: string, key: string): string | undefined {
  if (ns === 'un') return `un/${unitOf(key as Key)}`;
  return ns === 'ca' || ns === 'cb' ? 'cluster' : undefined;
}

/**
 * A quorum is asked for the key, and a delete that meets a newer value is stamped three times; each
 * takes a round trip.
 */
const ROUNDS = 4;
/** From the start until all replicas serve, over the longest links. */
const CALM_FROM_MS = 5000;
/**
 * Correct clocks are up to 300 ms apart, and drift; a clock that is off by this much more may be
 * beyond `clockDrift`.
 */
const WRONG_FROM_MS = SETTINGS_DEFAULT.clockDriftMaxMs - 350;

/**
 * Each of two replicas may be off by what it cannot measure, and a clock that it followed without
 * hearing a majority drifts further. In a run with only wrong clocks all other replicas are
 * unaffected.
 *
 * This does not hold if windows are small: a window that one value fills carries one value per
 * round trip, so a replica with more writes is truly behind, and refuses correctly. Runs with only
 * wrong clocks therefore have wide windows (plan.ts).
 */
function clocksDemand({ plan, cluster }: Judged, replicas: number) {
  const { classes, regions, settings, spares, latencyMs, jitterMs, commitMs } = plan;
  const farthest = regions.length + spares.length - 1;
  const wayMs = latencyMs * farthest + jitterMs;
  const isOnlyClocks = classes.every((fault) => WRONG_CLOCKS.includes(fault));
  const isCalm = isOnlyClocks && regions.length > 2 && settings.windowBytes === undefined;
  return {
    replicas,
    driftMs: SETTINGS_DEFAULT.clockDriftMaxMs + 4 * wayMs,
    calmFromMs: isCalm ? CALM_FROM_MS : undefined,
    isWrong: (node: string, fromMs: number, toMs: number): boolean =>
      cluster.replica(Number(node)).clockError.mostMs(fromMs, toMs) > WRONG_FROM_MS,
    // An echo comes with the heartbeat after its ping, and is shown once it is durable.
    provesLate: 2 * (wayMs + 2 * commitMs + SETTINGS_DEFAULT.heartbeatMs) > BOUND_MS,
    patienceMs: ROUNDS * 2 * (wayMs + 2 * commitMs),
  };
}

/**
 * The lag at which a read may still succeed: the limit, a heartbeat and 100 ms. The limit for a
 * pause counts from the usual latency of the links, and is judged by echoes, which show a write
 * that came just after a ping only up to two heartbeats later.
 */
function boundsOf(plan: Plan): { [ns: string]: number } {
  const { regions, spares, latencyMs, jitterMs, commitMs } = plan;
  const { heartbeatMs: beatMs } = SETTINGS_DEFAULT;
  const farthest = regions.length + spares.length - 1;
  const usualMs = 2 * (latencyMs * farthest + jitterMs + commitMs);
  const { lt, ch, fl } = NAMESPACES;
  return {
    lt: (lt.staleAfter.timeMs + beatMs + 100) * DRIFT,
    fl: (fl.staleAfter.timeMs + beatMs + 100) * DRIFT,
    ch: (ch.pauseLagMs + usualMs + 4 * beatMs + 100) * DRIFT,
  };
}

/** Clocks in the simulation drift apart by up to one part in two thousand. */
const DRIFT = 1.0005;

function judgeErased({
  plan,
  cluster,
  workload,
}: Omit<Judged, 'strikes' | 'lags' | 'links'>): Verdict<unknown> {
  const replicas = plan.regions.length;
  const startsNs = cluster.notesOf('open').map(({ atMs }) => atMs * 1e6);
  const quorum = eraserQuorum(replicas, isForgetful(plan));
  return erased(workload.history, { namespaces: ['er'], quorum, startsNs });
}

function bringsRecords({ spares, copiesMin, classes }: Plan): boolean {
  return spares.length > 0 || copiesMin > 1 || isSilent(classes);
}

/** Replicas that may have lost what they had shown, because their disk was lost. */
function forgetfulOf({ copiesMin }: Plan): readonly string[] {
  return copiesMin > 1 ? [String(VICTIM)] : [];
}

/** A run without any fault that took effect proves nothing. */
function judgeStrikes({ strikes }: Judged): Finding[] {
  const planned = strikes.length;
  if (planned < 4 || strikes.some(({ evidence }) => evidence !== undefined)) return [];
  const reason = `vacuous: none of ${planned} faults found a target`;
  return [{ check: 'faults', reason, counterexample: [] }];
}

function judgeInside({ plan, cluster, workload }: Judged): Finding[] {
  const findings: Finding[] = [];
  const add = (check: string, reason: string, operation?: Operation): void => {
    findings.push({ check, reason, counterexample: operation === undefined ? [] : [operation] });
  };
  for (const { level, event, replica, fields } of cluster.notes) {
    if (NEVER.includes(event)) add(event, `replica ${replica}: ${level} ${JSON.stringify(fields)}`);
  }
  for (const { index, halts, host } of cluster.replicas) {
    for (const reason of halts)
      if (!HALTS.has(reason) && !isAllowed(reason, plan))
        add('halt', `replica ${index}: ${reason}`);
    const waiting = host?.waiting ?? 0;
    if (waiting > 0) add('queues', `replica ${index} still holds ${waiting} requests`);
  }
  for (const { event, replica } of cluster.notes)
    if (!isSilent(plan.classes) && TREE_NEVER.includes(event)) add(event, `replica ${replica}`);
  if (!isSilent(plan.classes))
    for (const { index } of cluster.replicas)
      if (hasNeedlessRebuild(cluster.notes.filter(({ replica }) => replica === index)))
        add('tree-rebuilt', `replica ${index}`);
  for (const lie of cluster.oracle.lies) add('durable-before-visible', lie);
  if (
    plan.copiesMin === 1 &&
    plan.spares.length === 0 &&
    cluster.notesOf('snapshot-begins').length > 0
  )
    add(
      'needless-snapshot',
      'a snapshot began although no disk was lost, so every log reaches back',
    );
  judgeDots(workload, add);
  judgeBounds(workload, add);
  return findings;
}

/**
 * A start may compute the tree again only if the replica ended during a copy, whose leaves are
 * written later, or before the checkpoint after the copy.
 */
function hasNeedlessRebuild(notes: readonly Note[]): boolean {
  let behindUntilMs = 0;
  let isDue = false;
  for (const { event, atMs } of notes) {
    if (event === 'snapshot-begins') behindUntilMs = Number.POSITIVE_INFINITY;
    if (event === 'snapshot-ends') behindUntilMs = atMs + LEAVES_BEHIND_MS;
    if (event === 'open') isDue ||= atMs < behindUntilMs;
    if (event === 'tree-rebuilt' && !isDue) return true;
    if (event === 'tree-rebuilt') isDue = false;
  }
  return false;
}

/**
 * Incarnations can be numbered ahead of the clock. A replica that then forgets its last one meets a
 * later one, and begins another.
 */
function isAllowed(reason: string, { copiesMin }: Plan): boolean {
  return copiesMin > 1 && reason.includes('old copy');
}

type Add = (check: string, reason: string, operation?: Operation) => void;

/** No dot names two writes, and within one incarnation later writes have later dots. */
function judgeDots({ history }: Workload, add: Add): void {
  const values = new Map<string, Operation>();
  const heads = new Map<string, Operation & { readonly dot: Dot }>();
  for (const operation of history.toSorted((a, b) => a.call_ns - b.call_ns)) {
    if (operation.type !== 'put' && operation.type !== 'delete') continue;
    const dot = operation.ver === null ? undefined : parseDot(operation.ver);
    if (dot === undefined || operation.ver === null) continue;
    const other = values.get(operation.ver);
    const isSame = other?.key === operation.key && other.value === operation.value;
    if (other !== undefined && !isSame) add('dots', `${operation.ver} names two writes`, operation);
    values.set(operation.ver, operation);
    const head = heads.get(dot.origin);
    const isAfter = head !== undefined && head.return_ns < operation.call_ns;
    if (isAfter && dot.seq < head.dot.seq && !('idem' in operation))
      add('dots', `${operation.ver} after ${head.ver}`, operation);
    if (head === undefined || dot.seq > head.dot.seq) heads.set(dot.origin, { ...operation, dot });
  }
}

/** A read may lack only what was accepted within the bound that it claimed. */
function judgeBounds({ bounded, history }: Workload, add: Add): void {
  const acked = new Map<string, Operation>();
  for (const operation of history)
    if (operation.type === 'put' && operation.ok === true && operation.level === 'fifo')
      acked.set(operation.key, operation);
  for (const { key, atMs, isAbsent, stalenessMs, boundMs } of bounded) {
    if (boundMs !== undefined && !(stalenessMs !== 'unknown' && stalenessMs <= boundMs)) {
      const reason = `a read of ${key} allowed ${boundMs} ms and was answered with ${stalenessMs}`;
      add('bound', reason);
    }
    const put = acked.get(key);
    if (!isAbsent || stalenessMs === 'unknown' || put === undefined) continue;
    // Clocks in the simulation drift apart by up to one part in two thousand.
    const sinceMs = (atMs - put.return_ns / 1e6) / 1.0005;
    if (sinceMs <= stalenessMs) continue;
    const reason = `a read at ${Math.round(atMs)} ms lacked ${key} for ${sinceMs} ms and claimed a staleness of ${stalenessMs} ms`;
    add('staleness', reason, put);
  }
}
