// Whole clusters under random faults, one seed each. The checkers judge what clients saw; beside them the run itself is
// looked at: nobody was answered twice or not at all, no log diverged, and no replica stopped without a reason.

import { describe, expect, it } from 'vitest';
import { createPrng, type Prng } from '../../src/base/prng.ts';
import type { Settings } from '../../src/model/settings.ts';
import { audit } from '../history/audit.ts';
import { convergence } from '../history/convergence.ts';
import { fifo } from '../history/fifo.ts';
import { liveness } from '../history/liveness.ts';
import type { History } from '../history/operation.ts';
import { outcome } from '../history/outcome.ts';
import { setFull } from '../history/set-full.ts';
import { wellFormed } from '../history/well-formed.ts';
import { Cluster } from '../simulation/cluster.ts';
import { type FaultClass, unleash } from '../simulation/nemesis.ts';
import type { NodeOptions } from '../simulation/world.ts';
import { type BoundedRead, NAMESPACES, Workload } from '../simulation/workload.ts';

const SEEDS = Number(process.env['SEEDS'] ?? 60);
const FIRST_SEED = Number(process.env['SEED'] ?? 1);
const RUN_MS = 20_000;
const REGIONS = ['ap', 'eu', 'eu', 'us', 'us'];
const CLIENTS = 6;
const THINK_MS = 80;

const CLASSES: readonly FaultClass[] = [
  'kill',
  'power',
  'cut',
  'break',
  'slow-disk',
  'failed-disk',
  'damage',
];

/** From a scrub's first record to its last, and what it heals. */
const SCRUB_MS = 10_000;

/** Every bound small in some runs, so that its edge is walked. */
function settingsFor(dice: Prng, classes: readonly FaultClass[]): Partial<Settings> {
  const isSmall = (): boolean => dice.chance(0.5);
  return {
    ...(isSmall() ? { tailBytes: 2000 } : {}),
    ...(isSmall() ? { windowBytes: 1000, frameBytes: 400 } : {}),
    ...(isSmall() ? { cacheBytes: 4000 } : {}),
    ...(isSmall() ? { turnInputsMax: 2 } : {}),
    logRetainEntries: 100,
    ...(classes.includes('damage') ? { scrubDelayMs: 1000, scrubEveryMs: 2000 } : {}),
  };
}

function simulate(seed: number): { cluster: Cluster; workload: Workload } {
  const dice = createPrng(seed).split('run');
  const classes = CLASSES.filter(() => dice.chance(0.5));
  const regions = REGIONS.slice(0, dice.chance(0.7) ? 3 : 2 + dice.below(4));
  // Wall clocks differ, and every life of a replica may find another one.
  const clockOf = (n: number): NodeOptions => ({
    wallStartMs: Date.UTC(2026, 0, 1) + dice.below(300),
    drift: (n - 1) / 10_000,
  });
  const clocks = regions.map((_, n) => clockOf(n));
  const cluster = new Cluster({
    seed,
    namespaces: NAMESPACES,
    settings: settingsFor(dice.split('settings'), classes),
    regions,
    clocks,
    network: { latencyMs: (from, to, own) => 1 + 20 * Math.abs(from - to) + own.below(10) },
  });
  const workload = new Workload(cluster);
  const nemesis = { cluster, dice: dice.split('nemesis'), classes, everyMs: 1500 };
  const onFault = (kind: 'kill' | 'restart', n: number): void => {
    workload.fault(kind, n);
    clocks[n] = clockOf(n);
  };
  workload.begin(CLIENTS, dice, THINK_MS, RUN_MS + 3000);
  unleash({ ...nemesis, untilMs: RUN_MS - 5000, onFault });
  cluster.run(RUN_MS);
  for (const { index } of cluster.replicas) cluster.restart(index);
  cluster.network.healAll();
  workload.fault('heal', 0);
  cluster.run(6000);
  cluster.settle();
  // One more start of each reads every log from its first entry and verifies it.
  for (const { index } of cluster.replicas) cluster.crash(index);
  for (const { index } of cluster.replicas) cluster.restart(index);
  cluster.settle();
  if (classes.includes('damage')) cluster.run(SCRUB_MS);
  workload.final();
  return { cluster, workload };
}

describe('a cluster under random faults', () => {
  it('depends on nothing but its seed', () => {
    const [once, again] = [simulate(FIRST_SEED), simulate(FIRST_SEED)];
    expect(again.workload.history).toEqual(once.workload.history);
    expect(again.cluster.world.events).toBe(once.cluster.world.events);
    expect(again.cluster.notes).toEqual(once.cluster.notes);
  });

  it.each(Array.from({ length: SEEDS }, (_, i) => FIRST_SEED + i))(
    'keeps what it promised, seed %i',
    (seed) => {
      const { cluster, workload } = simulate(seed);
      judge(workload.history, cluster.replicas.length);
      judgeBounds(workload.bounded, workload.history);
      for (const event of ['log-divergent', 'old-copy', 'log-unreadable', 'peer-behind-log'])
        expect(cluster.notesOf(event)).toEqual([]);
      for (const { halts } of cluster.replicas)
        for (const reason of halts) expect(reason).toBe('storage failed');
    },
  );
});

function judge(history: History, nodes: number): void {
  const all = { nodes, namespaces: ['ev', 'fi'] };
  const verdicts = {
    wellFormed: wellFormed(history),
    audit: audit(history, { ...all, ok: { put: 50, get: 50 } }),
    outcome: outcome(history, { ok: { get: 50 } }),
    convergence: convergence(history, { ...all, keys: 20 }),
    fifo: fifo(history, { checked: 20 }),
    setFull: setFull(history, { replicas: nodes, overlapReads: 5 }),
    liveness: liveness(history, { hungMs: 2500, returnMs: 6000 }),
  };
  for (const [name, { verdict, reason, counterexample }] of Object.entries(verdicts))
    expect({ name, verdict, reason, counterexample }).toMatchObject({ verdict: 'valid' });
}

/** Somebody who sees everything: a read may lack only what was accepted within its bound. */
function judgeBounds(bounded: readonly BoundedRead[], history: History): void {
  const ackedMs = new Map<string, number>();
  for (const { type, ok, ns, key, return_ns } of history)
    if (type === 'put' && ok === true && ns === 'fi') ackedMs.set(key, return_ns / 1e6);
  for (const { key, atMs, isAbsent, stalenessMs } of bounded) {
    const acked = ackedMs.get(key);
    if (!isAbsent || stalenessMs === 'unknown' || acked === undefined) continue;
    // Clocks here drift by up to one part in ten thousand.
    const sinceMs = (atMs - acked) / 1.0002;
    expect({ key, atMs, acked, sinceMs, isKept: sinceMs <= stalenessMs }).toMatchObject({
      isKept: true,
    });
  }
}
