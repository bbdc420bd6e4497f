// One seed from its first event to its verdict: the faults of the plan (safety); then everything
// heals and clients continue (liveness); then quiet, one more start of every replica, which reads
// and verifies its whole log, and final reads.

import { createPrng } from '../../src/base/prng.ts';
import { Cluster, type Replica } from '../cluster/cluster.ts';
import { EXPIRING, Leases } from './expiring.ts';
import { judge, type Finding } from './judge.ts';
import { LagLog } from './lag-log.ts';
import { Links } from './links.ts';
import { jumpMsOf, Nemesis } from './nemesis.ts';
import {
  AFTER_HEAL_MS,
  isForgetful,
  isSilent,
  type Plan,
  type Strike,
  VICTIM,
  WRONG_CLOCKS,
} from './plan.ts';
import { type Reached, Watcher } from './reached.ts';
import { treesTrouble } from './tree-oracle.ts';
import { NAMESPACES, Workload } from './workload.ts';

export interface StrikeMade {
  readonly strike: Strike;
  /** The effect; `undefined` if it found no target. */
  readonly evidence: string | undefined;
}

export interface Run {
  readonly plan: Plan;
  readonly cluster: Cluster;
  readonly workload: Workload;
  readonly strikes: readonly StrikeMade[];
  /** Empty if the run kept all promises. */
  readonly findings: readonly Finding[];
  readonly reached: Reached;
  /** Virtual milliseconds. */
  readonly lastedMs: number;
  /** Equal for equal runs. */
  readonly digest: string;
}

/** How long a scrub may take to find what is damaged. */
const SCRUB_MS = 10_000;
const QUIET_MS = 5000;
const SETTLE_STEP_MS = 20;
const AGREE_STEP_MS = 200;
/**
 * A healed cluster has this long to become equal. Entries that a fast clock has stamped are
 * accepted only when the other clocks have reached that time.
 */
const CONVERGE_MS = 60_000;
/**
 * A newcomer copies all records; in parts of one record, over a long link, that takes this long.
 */
const COPY_MS = 240_000;

export function simulate(plan: Plan): Run {
  const dice = createPrng(plan.seed);
  const { latencyMs, jitterMs } = plan;
  const cluster = new Cluster({
    seed: plan.seed,
    namespaces: { ...NAMESPACES, ...EXPIRING },
    settings: plan.settings,
    regions: plan.regions,
    spares: plan.spares,
    clocks: plan.clocks,
    commitMs: plan.commitMs,
    network: {
      latencyMs: (from, to, own) => 1 + latencyMs * Math.abs(from - to) + own.below(jitterMs),
    },
  });
  if (plan.copiesMin > 1) cluster.oracle.forgetful.add(VICTIM);
  if (plan.spares.length === 0) cluster.oracle.replicas = plan.regions.length;
  for (let n = plan.regions.length; n < cluster.replicas.length; n++)
    cluster.oracle.forgetful.add(n);
  const workload = new Workload(cluster, plan);
  const lags = new LagLog(
    cluster,
    Math.min(...plan.clocks.map(({ wallStartMs = 0 }) => wallStartMs)),
  );
  const links = new Links(cluster);
  cluster.listener = {
    onHeard(n, peer) {
      lags.onHeard(n, peer);
      links.onHeard(n, peer);
    },
    onChange(n, peer) {
      lags.onChange(n, peer);
      links.onChange(n, peer);
    },
  };
  const leases = new Leases(cluster, plan.copiesMin, (node) => workload.taker(node));
  const watcher = new Watcher(cluster);
  const strikes: StrikeMade[] = [];
  const nemesis = new Nemesis(cluster, plan, dice.split('nemesis'), {
    onProcess(what, replica) {
      if (what === 'kill') watcher.ends(replica);
      workload.fault(what, replica);
    },
    onInterrupt: () => watcher.see('a process died while it copied a snapshot'),
    onStrike(strike, evidence) {
      strikes.push({ strike, evidence });
      if (evidence !== undefined) watcher.struck(strike);
    },
  });
  workload.operator = nemesis.operator;
  const findings: Finding[] = [];
  try {
    workload.begin(plan.clients, dice, plan.thinkMs, plan.faultsMs + AFTER_HEAL_MS);
    workload.keep(dice.split('keeper'), 2 * plan.thinkMs, plan.faultsMs);
    const eraseMs = plan.faultsMs + AFTER_HEAL_MS;
    workload.erase(dice.split('eraser'), isForgetful(plan), plan.thinkMs, eraseMs);
    workload.stand(dice.split('bystander'), plan.faultsMs);
    workload.batch(dice.split('batches'), plan.thinkMs, plan.faultsMs + AFTER_HEAL_MS);
    workload.wander(dice.split('wanderers'), plan.thinkMs, plan.faultsMs + AFTER_HEAL_MS);
    workload.relate(dice.split('related'), plan.thinkMs, plan.faultsMs + AFTER_HEAL_MS);
    workload.clear(dice.split('ranges'), isForgetful(plan), plan.thinkMs, eraseMs);
    leases.begin(dice.split('leases'), 2 * plan.thinkMs, plan.faultsMs + AFTER_HEAL_MS);
    nemesis.begin();
    lags.begin();
    cluster.run(plan.faultsMs);
    nemesis.healAll();
    workload.fault('heal', 0);
    cluster.run(AFTER_HEAL_MS + QUIET_MS);
    while (!nemesis.operator.isDone && cluster.nowMs < plan.faultsMs + CONVERGE_MS)
      cluster.run(SETTLE_STEP_MS);
    settle(cluster, plan, findings);
    if (findings.length === 0) finish(cluster, workload, plan, findings, watcher);
    if (findings.length === 0) findings.push(...judgeLeases(leases, plan));
    watcher.finish(nemesis, workload, lags.turns);
    findings.push(...judge({ plan, cluster, workload, strikes, links, lags: lags.samples }));
  } catch (error) {
    const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    findings.push({ check: 'run', reason, counterexample: [] });
  }
  return {
    plan,
    cluster,
    workload,
    strikes,
    findings,
    reached: watcher.reached,
    lastedMs: cluster.nowMs,
    digest: digestOf(cluster, workload),
  };
}

/** Starts every replica once more and reads everything at each. */
function finish(
  cluster: Cluster,
  workload: Workload,
  plan: Plan,
  findings: Finding[],
  watcher: Watcher,
): void {
  const seated = cluster.seated();
  for (const { index } of seated) watcher.ends(index);
  for (const { index } of seated) cluster.crash(index);
  for (const { index } of seated) cluster.restart(index);
  settle(cluster, plan, findings);
  if (findings.length > 0) return;
  if (plan.classes.includes('damage')) cluster.run(SCRUB_MS);
  agree(cluster, plan, findings);
  workload.final();
}

/**
 * Waits until the trees are equal to each other and to the disks; at once, if no disk has lost or
 * changed anything without an error. A replica deletes expired values meanwhile: such a delete is
 * in its tree before it is on its disk, and before other replicas have it.
 */
function agree(cluster: Cluster, { classes }: Plan, findings: Finding[]): void {
  const untilMs = cluster.nowMs + (isSilent(classes) ? CONVERGE_MS : 0);
  const quietByMs = untilMs + CONVERGE_MS;
  for (;;) {
    const trouble = isQuiet(cluster) ? treesTrouble(cluster) : 'the replicas are still busy';
    if (trouble === undefined) return;
    if (cluster.nowMs >= (isQuiet(cluster) ? untilMs : quietByMs)) {
      findings.push({ check: 'trees', reason: trouble, counterexample: [] });
      return;
    }
    cluster.run(isQuiet(cluster) ? AGREE_STEP_MS : SETTLE_STEP_MS);
  }
}

function isQuiet(cluster: Cluster): boolean {
  return cluster.isSettled() && cluster.seated().every(({ storage }) => !storage?.isCommitting);
}

/** Waits until the last value has expired. */
function judgeLeases(leases: Leases, plan: Plan): Finding[] {
  const isClockSet = plan.classes.some((fault) => WRONG_CLOCKS.includes(fault));
  const wrong = [...leases.judgeForgotten(), ...leases.judge(isClockSet, aheadMsOf(plan))];
  return wrong.map((reason) => ({ check: 'expiry', reason, counterexample: [] }));
}

/** How far ahead of the correct time a clock may have been. */
function aheadMsOf({ strikes }: Plan): number {
  return strikes
    .filter(({ fault }) => fault === 'jump' || fault === 'blip')
    .reduce((sum, strike) => sum + Math.max(0, jumpMsOf(strike)), 0);
}

function settle(cluster: Cluster, plan: Plan, findings: Finding[]): void {
  const { spares } = plan;
  const aheadMs = aheadMsOf(plan);
  const copyMs = spares.length > 0 ? COPY_MS : 0;
  const untilMs = cluster.nowMs + CONVERGE_MS + copyMs + aheadMs;
  while (!cluster.isSettled() || !cluster.seated().every(isFit)) {
    if (cluster.nowMs >= untilMs) {
      findings.push({ check: 'converges', reason: unequal(cluster), counterexample: [] });
      return;
    }
    cluster.run(SETTLE_STEP_MS);
  }
}

/** Every namespace whose lag is bounded is served again. */
export function isFit(replica: Replica): boolean {
  return replica.status()?.self.namespaces.every(({ state }) => state === 'serving') === true;
}

function unequal(cluster: Cluster): string {
  const shown = cluster.replicas.map((replica) => {
    const status = replica.status();
    const vector = status?.self.vector.map(([origin, seq]) => `${origin}:${seq}`).join(' ') ?? '';
    const state = status?.self.state ?? (replica.isRunning ? 'paused' : 'down');
    const unfit = status?.self.namespaces.filter((each) => each.state !== 'serving') ?? [];
    const unfitText = unfit.map(({ namespace, state: of }) => ` ${namespace} ${of}`).join('');
    const alone = status?.peers.filter((peer) => !peer.connected).map(({ id }) => id) ?? [];
    return `${replica.index} ${state} [${vector}]${unfitText}${alone.length > 0 ? ` without ${alone.join(' ')}` : ''}`;
  });
  return `the replicas are not settled long after the last fault: ${shown.join('; ')}`;
}

function digestOf(cluster: Cluster, workload: Workload): string {
  const { digest, events } = cluster.world;
  let outcomes = 0;
  for (const { ok, call_ns, return_ns, ver } of workload.history) {
    outcomes = (Math.imul(outcomes, 31) + call_ns + return_ns) | 0;
    outcomes = (Math.imul(outcomes, 31) + (ok === true ? 1 : ok === false ? 2 : 3)) | 0;
    for (const letter of ver ?? '') outcomes = (Math.imul(outcomes, 31) + letter.charCodeAt(0)) | 0;
  }
  return [events, digest >>> 0, outcomes >>> 0].map((n) => n.toString(16)).join('-');
}
