// Whether this replica may answer reads: measures how far it is behind what its peers hold, has
// lag/lag-state.ts judge it, reports the state to the peers, and refuses reads that a policy does
// not allow.
//
// Lag is measured against what peers are known to hold. A peer counts while it is heard; a peer
// that is down, paused, or waits for its disk makes no other replica stale (trap 58). A replica
// that hears no majority ages from the moment it last did. An own commit that hangs counts as lag,
// because undurable entries are not visible here (trap 57); without writes, commit-age.ts commits.
//
// A paused replica keeps answering if it knows that too few others do: it hears a majority, and
// fewer than `minServing` of those answer. Of several paused replicas, those answer that already
// do, then those with the smaller lag (in powers of two, so that it does not flap), then those with
// the smaller id. A stale replica never answers.

import { assert } from '../base/assert.ts';
import type { Now } from '../model/effect.ts';
import { type Alternate, type Fault, fault } from '../model/fault.ts';
import { LAG_TOLD_MAX, type NamespaceLag } from '../model/lag.ts';
import type { LaneId, NamespaceName, ReplicaId, Seq } from '../model/id.ts';
import { add, type MemberSet, NO_MEMBERS } from '../model/member-set.ts';
import { majority, type Member } from '../model/quorum.ts';
import { countMissing, dominates, mergeVector, type Vector } from '../model/vector.ts';
import { Backlog } from './backlog.ts';
import { type LagStates, missingMs, type Reading, type Watched } from './lag-state.ts';
import type { Peer, Peers } from '../peers/peers.ts';
import type { CatchUp } from './catch-up.ts';
import type { StalenessBound } from './staleness.ts';
import type { Held } from '../store/held.ts';
import type { Log } from '../store/log.ts';
import type { Namespaces } from '../model/namespaces.ts';
import { PerMember } from '../model/per-member.ts';
import type { PeerReports } from './peer-reports.ts';
import type { Nearness } from '../peers/nearness.ts';
import type { CommitAge } from './commit-age.ts';
import type { Settings } from '../model/settings.ts';

/** Echoes come with heartbeats, at the same interval, and one may be late. */
const QUIET_BEATS = 2;
/** A peer whose commit has taken this long has accepted writes that it cannot show yet. */
const SLOW_COMMIT_MS = 50;

export interface ReadAdmissionOptions {
  readonly staleness: StalenessBound;
  readonly lagStates: LagStates;
  readonly held: Held;
  readonly log: Log;
  readonly namespaces: Namespaces;
  readonly nearness: Nearness;
  readonly commitAge: CommitAge;
  readonly peers: Peers;
  readonly reports: PeerReports;
  readonly self: Member;
  readonly settings: Settings;
}

export class ReadAdmission {
  readonly #options: ReadAdmissionOptions;
  readonly #catchUp: CatchUp;
  readonly #backlog = new Backlog();
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #reading: Reading | undefined;
  /** Paused namespaces that are answered because too few others answer. */
  readonly #kept = new Set<NamespaceName>();
  /**
   * When something of a peer last waited for its time here (store/held.ts): until then the peer
   * proves no lag.
   */
  readonly #silentAtMs = new PerMember(() => 0);

  constructor(options: ReadAdmissionOptions, catchUp: CatchUp) {
    this.#options = options;
    this.#catchUp = catchUp;
  }

  /**
   * With every heartbeat. A replica that is not open yet judges nothing, but known missing entries
   * age from now on: a replica that opens with a backlog is as late as that backlog is old.
   */
  onBeat({ now, isOpen }: { readonly now: Now; readonly isOpen: boolean }): void {
    if (isOpen) return this.judge(now);
    if (this.#options.lagStates.isIdle) return;
    this.#lookedAtMs = now.monoMs;
    this.#backlog.mark(this.#known(), this.#options.log.durable, now.monoMs);
  }

  judge({ monoMs }: Now): void {
    const { lagStates } = this.#options;
    if (lagStates.isIdle) return;
    this.#lookedAtMs = monoMs;
    assert(monoMs >= this.#lookedAtMs, 'read admission: looks follow each other in time');
    this.#reading = this.#measure(monoMs);
    lagStates.judge(this.#reading, monoMs);
    for (const watched of lagStates.all()) this.#keepServing(watched);
  }

  /** This replica answers reads of the namespace, by a recent measurement. */
  mayAnswer(namespace: NamespaceName, now: Now): boolean {
    const watched = this.#watchedNow(namespace, now);
    return watched === undefined || this.answers(watched);
  }

  /**
   * Reports why nothing is answered here, and which replicas may be asked. `others`: the result of
   * asking them.
   */
  faultOf(namespace: NamespaceName, others = ''): Fault {
    const { state = 'unknown', rule = 'time' } = this.#options.lagStates.of(namespace) ?? {};
    const isEarly = state === 'unknown' || state === 'catching-up';
    const own = isEarly ? EARLY : `this replica is ${state}: ${WHY[rule]}`;
    const detail = others === '' ? own : `${own}; ${others}`;
    const more = { state, alternates: this.alternates(namespace), retryAfterMs: 1000 };
    return fault(isEarly ? 'catching-up' : 'replica-stale', detail, more);
  }

  /**
   * The state of the namespace, without a measurement from before a stall or a doubt; none if none
   * is needed.
   */
  #watchedNow(namespace: NamespaceName, now: Now): Watched | undefined {
    const { lagStates, settings } = this.#options;
    const watched = lagStates.of(namespace);
    if (watched === undefined) return undefined;
    const isLate = now.monoMs - this.#lookedAtMs > 1.5 * settings.heartbeatMs;
    if (isLate || watched.state === 'suspect') this.judge(now);
    return watched;
  }

  /** Peers whose answers do not count in a read of the namespace. */
  unfit(namespace: NamespaceName): MemberSet {
    const { lagStates, peers, reports } = this.#options;
    if (lagStates.of(namespace) === undefined) return NO_MEMBERS;
    let unfit = NO_MEMBERS;
    for (const peer of peers.greeted())
      if (!reports.answers(peer.member.index, namespace)) unfit = add(unfit, peer.member.index);
    return unfit;
  }

  answers({ state, limits }: Watched): boolean {
    if (state === 'serving' || state === 'suspect') return true;
    return state === 'paused' && this.#kept.has(limits.namespace);
  }

  /** The namespaces that a policy bounds, in the order of the policies. */
  report(nowMs: number): NamespaceLag[] {
    return this.#options.lagStates.all().map((watched) => {
      const { limits, state, rule, sinceMs } = watched;
      const reading = this.#reading?.unheardMs === undefined ? undefined : this.#reading;
      return {
        namespace: limits.namespace,
        state,
        rule,
        forMs: Math.max(nowMs - sinceMs, 0),
        answers: this.answers(watched),
        missingMs: reading === undefined ? undefined : missingMs(limits, reading),
        missingEntries: reading?.entries,
      };
    });
  }

  /** The report to peers: namespaces in a state other than `serving`. */
  told(nowMs: number): NamespaceLag[] {
    if (this.#options.lagStates.isIdle) return [];
    return this.report(nowMs)
      .filter(({ state }) => state !== 'serving')
      .sort((a, b) => (a.namespace < b.namespace ? -1 : 1))
      .slice(0, LAG_TOLD_MAX);
  }

  /** Peers that are known to answer reads of a namespace, nearest first. */
  fit(namespace: NamespaceName): number[] {
    const { nearness, peers, reports } = this.#options;
    return nearness.order.filter(
      (index) => peers.get(index)?.greeted === true && reports.answers(index, namespace),
    );
  }

  /** Replicas that may answer instead, nearest first. */
  alternates(namespace: NamespaceName): Alternate[] {
    const { peers } = this.#options;
    return this.fit(namespace).flatMap((index) => {
      const peer = peers.get(index);
      return peer === undefined ? [] : [{ id: peer.member.id, url: peer.url }];
    });
  }

  #keepServing({ limits, state }: Watched): void {
    const { namespace } = limits;
    if (state === 'paused' && this.#isNeeded(namespace)) this.#kept.add(namespace);
    else this.#kept.delete(namespace);
  }

  #isNeeded(namespace: NamespaceName): boolean {
    const { namespaces, peers, reports, self } = this.#options;
    const heard = this.#heard();
    if (!peers.isMajority(heard.length)) return false;
    const minServing = namespaces.find(namespace)?.policy.minServing ?? 1;
    const own = { id: self.id, isKept: this.#kept.has(namespace), lag: this.#lagClass(namespace) };
    const rivals: Candidate[] = [];
    let serving = 0;
    for (const peer of heard) {
      const { index } = peer.member;
      const told = reports.lagOf(index, namespace);
      if (told?.state !== 'paused') serving += reports.answers(index, namespace) ? 1 : 0;
      else rivals.push(candidateOf(peer, told));
    }
    const ahead = rivals.filter((rival) => isBefore(rival, own)).length;
    return serving + ahead < minServing;
  }

  #lagClass(namespace: NamespaceName): number {
    const limits = this.#options.lagStates.of(namespace)?.limits;
    const reading = this.#reading;
    return limits === undefined || reading === undefined ? 0 : classOf(missingMs(limits, reading));
  }

  #heard(): Peer[] {
    const { peers } = this.#options;
    return peers.greeted().filter((peer) => peer.isHeard(this.#lookedAtMs));
  }

  #measure(nowMs: number): Reading {
    const { staleness, held, log, commitAge, reports, settings } = this.#options;
    const unheardMs = this.#unheardMs(nowMs);
    const quietMs = QUIET_BEATS * settings.heartbeatMs;
    const ownMs = commitAge.commitAgeMs(nowMs);
    let lagMs = Math.max(unheardMs ?? 0, ownMs);
    const usualMs = this.#usualMs(nowMs);
    // By how much the last contact with a majority is older than the interval of echoes.
    const isolationMs = (unheardMs ?? 0) - usualMs - (QUIET_BEATS + 1) * settings.heartbeatMs;
    let excessMs = Math.max(isolationMs, ownMs);
    let isProved = true;
    for (const peer of this.#heard()) {
      const { holds, member } = peer;
      // It wrote ahead of the clock: this replica does not lag until the clock reaches those
      // stamps.
      if (held.isReplicaSilent(member.id)) {
        this.#silentAtMs.set(member.index, nowMs);
        continue;
      }
      const { commitAgeMs } = reports.of(member.index);
      if (commitAgeMs >= SLOW_COMMIT_MS && dominates(log.durable, holds)) continue;
      const asOfMs = staleness.asOfMs(member.index);
      const sinceMs = Math.max(peer.heardSinceMs, this.#silentSince(member.index));
      // An unmeasured lag ages from the moment at which it could have been measured.
      lagMs = Math.max(lagMs, nowMs - Math.max(asOfMs ?? sinceMs, sinceMs));
      const excess = staleness.excessOf(member.index, quietMs, nowMs);
      const forMs = nowMs - sinceMs;
      excessMs = Math.max(excessMs, Math.min(excess ?? forMs - quietMs, forMs));
      isProved &&= asOfMs !== undefined && asOfMs >= sinceMs && excess !== undefined;
    }
    const known = this.#known();
    this.#backlog.mark(known, log.durable, nowMs);
    const agesMs = this.#backlog.ageMs(nowMs);
    // The report of a peer was up to one heartbeat old when it arrived, and was marked up to
    // another one later.
    if (agesMs > 0) lagMs = Math.max(lagMs, agesMs + 2 * settings.heartbeatMs);
    excessMs = Math.max(excessMs, agesMs - usualMs);
    const entries = countMissing(log.durable, known);
    const isCaughtUp = this.#catchUp.isCaughtUp;
    assert(ownMs <= lagMs, 'read admission: the own commit is a part of the lag');
    return { unheardMs, isProved, isCaughtUp, lagMs, excessMs, entries, ownMs };
  }

  /** The vector of the peers that are heard, without entries that wait for their time. */
  #known(): Vector {
    const known: Vector = new Map<LaneId, Seq>();
    for (const { holds } of this.#heard()) mergeVector(known, holds);
    for (const origin of known.keys())
      if (this.#options.held.isSilent(origin)) known.delete(origin);
    return known;
  }

  /**
   * How long ago everything that a majority, this replica included, had accepted was visible here,
   * or waited for its time.
   */
  #unheardMs(nowMs: number): number | undefined {
    const { staleness, peers, settings } = this.#options;
    const others = majority(settings.members.length) - 1;
    if (others === 0) return 0;
    const asOf = peers.all().flatMap(({ member: { index } }) => {
      const asOfMs = staleness.asOfMs(index);
      return asOfMs === undefined ? [] : Math.max(asOfMs, this.#silentSince(index));
    });
    const last = asOf.sort((a, b) => b - a)[others - 1];
    return last === undefined ? undefined : Math.max(nowMs - last, 0);
  }

  #silentSince(peer: number): number {
    return this.#silentAtMs.of(peer);
  }

  /** The round trip of the farthest peer. */
  #usualMs(nowMs: number): number {
    const { staleness, peers } = this.#options;
    const usual = peers.all().map((peer) => staleness.baselineOf(peer.member.index, nowMs) ?? 0);
    return Math.max(0, ...usual);
  }
}

const EARLY = 'this replica has not verified yet that it holds what the others do';
const WHY = {
  pause: 'writes take longer to arrive than its policy allows',
  time: 'it is behind by more time than its policy allows',
  entries: 'it is behind by more entries than its policy allows',
  disk: 'its disk takes longer to commit than its policy allows',
} as const;

interface Candidate {
  readonly id: ReplicaId;
  readonly isKept: boolean;
  readonly lag: number;
}

function candidateOf({ member }: Peer, { answers, missingMs: ms }: NamespaceLag): Candidate {
  return { id: member.id, isKept: answers, lag: classOf(ms ?? Number.MAX_SAFE_INTEGER) };
}

function isBefore(left: Candidate, right: Candidate): boolean {
  if (left.isKept !== right.isKept) return left.isKept;
  return left.lag === right.lag ? left.id < right.id : left.lag < right.lag;
}

function classOf(ms: number): number {
  return Math.ceil(Math.log2(Math.max(ms, 1)));
}
