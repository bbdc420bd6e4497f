// Exhaustive, on the simulated disk: a fixed script of about two hundred operations on a simulated
// cluster of three. For N = 1, 2, 3 … until there is no N-th commit, the N-th commit of one replica
// goes wrong in each of these ways:
//
//  fails, kept or lost    the disk reports an error, and the batch is on it afterwards, or not
//  full                   from then on there is no room, for a while
//  power, kept or lost    the power fails during the commit
//
// The replica is restarted as by its supervisor, and then every replica is restarted once more.
// Every request is answered, all replicas end with the same contents, and the checkers of the
// simulation judge what clients saw.

import { createPrng } from '../../../src/base/prng.ts';
import type { Batch } from '../../../src/model/port.ts';
import { audit } from '../../checkers/audit.ts';
import { convergence } from '../../checkers/convergence.ts';
import { fifo } from '../../checkers/fifo.ts';
import { lastWriteWins } from '../../checkers/last-write-wins.ts';
import { outcome } from '../../checkers/outcome.ts';
import { runSplit } from '../../checkers/run-split.ts';
import { setFull } from '../../checkers/set-full.ts';
import { tombstone } from '../../checkers/tombstone.ts';
import type { Verdict } from '../../checkers/verdict.ts';
import { wellFormed } from '../../checkers/well-formed.ts';
import { Cluster, type Replica, shown } from '../../cluster/cluster.ts';
import { isFit } from '../../simulation/run.ts';
import type { MemoryStorage, Outcome } from '../../cluster/memory-storage.ts';
import { CLIENT_WAITS_MS, NAMESPACES, Workload } from '../../simulation/workload.ts';
import type { Part, Result } from '../part.ts';

const VARIANTS = ['fails, kept', 'fails, lost', 'full', 'power, kept', 'power, lost'] as const;
type Variant = (typeof VARIANTS)[number];

/** All choices of the clients come from this seed, so all runs have one script. */
const SCRIPT_SEED = 7;
const CLIENTS = 8;
const THINK_MS = 40;
const SCRIPT_MS = 1200;
const VICTIM = 0;
const DOWN_MS = 50;
const FULL_MS = 300;
const COMMITS_MAX = 100_000;
/** Logs are truncated and frames are small, so that the script has more kinds of commits. */
const SETTINGS = { logRetainEntries: 0, logTruncateEntries: 5, frameBytes: 2000 };
const FINDINGS_MAX = 10;
const SETTLE_STEP_MS = 20;

export const sweep: Part = {
  name: 'sweep',
  about: 'every commit of a simulated replica goes wrong, up to the N-th',
  roundsDefault: COMMITS_MAX,
  async run({ rounds }): Promise<Result> {
    const findings: string[] = [];
    const counts: string[] = [];
    const { operations } = play(0, 'full');
    for (const variant of VARIANTS) {
      let commits = 0;
      for (let nth = 1; nth <= rounds && findings.length < FINDINGS_MAX; nth++) {
        const { hasFired, wrong } = play(nth, variant);
        findings.push(...wrong.map((line) => `${variant}, commit ${nth}: ${line}`));
        if (!hasFired) break;
        commits = nth;
        // Other duties of this process, such as ending.
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (commits === 0) findings.push(`vacuous: ${variant} never fired`);
      counts.push(`${variant} ${commits}`);
    }
    return { told: `script of ${operations}: ${counts.join('; ')}`, findings };
  },
};

interface Played {
  readonly hasFired: boolean;
  readonly operations: number;
  readonly wrong: readonly string[];
}

/** One run of the script in which the N-th commit goes wrong; with 0 none does. */
function play(nth: number, variant: Variant): Played {
  const cluster = new Cluster({
    seed: SCRIPT_SEED,
    namespaces: NAMESPACES,
    settings: SETTINGS,
    restartMs: DOWN_MS,
  });
  const trap = setTrap(cluster, nth, variant);
  const workload = new Workload(cluster, { keys: 6, valueBytes: 8, copiesMin: 1 });
  const wrong: string[] = [];
  let operations = 0;
  try {
    const dice = createPrng(SCRIPT_SEED);
    workload.begin(CLIENTS, dice, THINK_MS, SCRIPT_MS);
    workload.keep(dice.split('keeper'), THINK_MS, SCRIPT_MS);
    workload.batch(dice.split('batches'), THINK_MS, SCRIPT_MS);
    cluster.run(SCRIPT_MS + 2 * CLIENT_WAITS_MS);
    operations = workload.history.length;
    settle(cluster);
    for (const { index } of cluster.replicas) cluster.crash(index);
    for (const { index } of cluster.replicas) cluster.restart(index);
    settle(cluster);
    workload.final();
    wrong.push(...judge(workload), ...judgeEnds(workload), ...judgeInside(cluster));
    trap.isArmed = false;
    wrong.push(...judgeService(cluster));
  } catch (error) {
    wrong.push(error instanceof Error ? error.message : String(error));
  }
  return { hasFired: trap.hasFired, operations, wrong };
}

/**
 * A replica without room must get some before the cluster can settle; then all namespaces are
 * served.
 */
function settle(cluster: Cluster): void {
  cluster.replica(VICTIM).isFull = false;
  cluster.settle();
  while (!cluster.replicas.every(isFit)) cluster.run(SETTLE_STEP_MS);
}

interface Trap {
  /** Runs until the script and the last start are over. */
  isArmed: boolean;
  hasFired: boolean;
}

/** Counts the commits of every incarnation of the victim, and makes the N-th fail. */
function setTrap(cluster: Cluster, nth: number, variant: Variant): Trap {
  const victim = cluster.replica(VICTIM);
  const trap: Trap = { isArmed: true, hasFired: false };
  let commits = 0;
  const watch = (storage: MemoryStorage): void => {
    const commit = storage.commit.bind(storage);
    storage.commit = (batch: Batch, done): void => {
      if (++commits === nth && trap.isArmed) {
        trap.hasFired = true;
        strike(cluster, victim, storage, variant);
      }
      commit(batch, done);
    };
  };
  onStorage(victim, watch);
  return trap;
}

/** The storage of this incarnation and of each later one, before the incarnation uses it. */
function onStorage(victim: Replica, watch: (storage: MemoryStorage) => void): void {
  let current = victim.storage;
  if (current !== undefined) watch(current);
  Object.defineProperty(victim, 'storage', {
    get: () => current,
    set(storage: MemoryStorage | undefined) {
      current = storage;
      if (storage !== undefined) watch(storage);
    },
  });
}

function strike(cluster: Cluster, victim: Replica, storage: MemoryStorage, variant: Variant): void {
  switch (variant) {
    case 'fails, kept':
      return storage.failNextCommit('EIO', 'kept');
    case 'fails, lost':
      return storage.failNextCommit('EIO', 'lost');
    case 'full':
      victim.isFull = true;
      return cluster.world.after(FULL_MS, () => void (victim.isFull = false));
    case 'power, kept':
      return cutPower(cluster, storage, 'kept');
    case 'power, lost':
      return cutPower(cluster, storage, 'lost');
  }
}

/** Half way through the commit. */
function cutPower(cluster: Cluster, storage: MemoryStorage, inFlight: Outcome): void {
  cluster.world.after(storage.commitMs / 2, () => {
    cluster.powerCut(VICTIM, inFlight);
    cluster.world.after(DOWN_MS, () => cluster.restart(VICTIM));
  });
}

function judge({ history }: Workload): string[] {
  const nodes = 3;
  const all = { nodes, namespaces: Object.keys(NAMESPACES) };
  const verdicts: { readonly [name: string]: Verdict<unknown> } = {
    'well-formed': wellFormed(history),
    audit: audit(history, { ...all, ok: { put: 30, get: 30, delete: 1 } }),
    outcome: outcome(history, { ok: { get: 30 } }),
    convergence: convergence(history, { ...all, keys: 5 }),
    fifo: fifo(history, { checked: 5 }),
    'last-write-wins': lastWriteWins(history, { nodes, namespaces: ['ev'], contested: 1 }),
    'run-split': runSplit(history, { namespaces: ['ru'], checked: 1 }),
    tombstone: tombstone(history, { checked: 0, forgetful: [] }),
    'set-full': setFull(history, { replicas: nodes, overlapReads: 1 }),
  };
  return Object.entries(verdicts)
    .filter(([, { verdict }]) => verdict !== 'valid')
    .map(([check, { verdict, reason }]) => `${check}: ${verdict}: ${reason}`);
}

/** Every request has a shorter timeout than its client. */
function judgeEnds({ history }: Workload): string[] {
  const hung = history.filter(({ reason }) => reason === 'gave up');
  return hung.map(({ type, node, key }) => `hung: ${type} of ${key} at ${node}`);
}

/** At the end each replica accepts writes that reach all replicas. */
function judgeService(cluster: Cluster): string[] {
  return cluster.replicas.flatMap(({ index }) => {
    const reply = cluster.put(index, `after ${index}`, 'v', {
      ns: 'ev',
      w: cluster.members.length,
    });
    const isWritten = reply !== 'broken' && reply.kind === 'written';
    return isWritten ? [] : [`replica ${index} takes no writes: ${shown(reply)}`];
  });
}

/** Invariants that clients cannot see. */
function judgeInside(cluster: Cluster): string[] {
  const notes = ['log-divergent', 'log-unreadable', 'data-lost', 'snapshot-impossible'];
  const told = notes.filter((event) => cluster.notesOf(event).length > 0);
  const halts = cluster.replicas.flatMap((replica) => replica.halts);
  const strange = halts.filter((reason) => reason !== 'storage failed');
  const waiting = cluster.replicas.filter(({ host }) => host === undefined || host.waiting > 0);
  return [
    ...told.map((event) => `it says ${event}`),
    ...strange.map((reason) => `halted: ${reason}`),
    ...waiting.map(({ index }) => `replica ${index} still holds requests`),
  ];
}
