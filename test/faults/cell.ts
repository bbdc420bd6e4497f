// One cell of the matrix: a new cluster of real processes behind proxies, clients that record what
// they see, faults for most of the time, then the heal, a period in which everything must work
// again, quiet, and final reads.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createPrng } from '../../src/base/prng.ts';
import type { History } from '../checkers/operation.ts';
import { createRecorder } from '../checkers/recorder.ts';
import { startCluster, type TestReplica } from '../support/processes.ts';
import { becomeEqual } from '../support/converged.ts';
import { readFinal } from '../support/load/final.ts';
import { startClients } from '../support/load/workload.ts';
import { finding, type Finding, judgeHistory, judgeLogs } from './judge.ts';
import { Links } from './links.ts';
import { clock, clockEnv } from './nemesis/clock.ts';
import { cuts } from './nemesis/cuts.ts';
import { kill } from './nemesis/kill.ts';
import { type FaultKind, type Nemesis, note, type Scene } from './nemesis/nemesis.ts';
import { pause } from './nemesis/pause.ts';
import { slow } from './nemesis/slow.ts';
import { type WorkloadName, workloads } from './workloads.ts';

export interface Cell {
  readonly workload: WorkloadName;
  readonly fault: FaultKind;
  readonly seconds: number;
  readonly seed: number;
  /** Its history and the files of its replicas go there. */
  readonly folder: string;
  /** The library of libfaketime, which the clock faults need. */
  readonly faketime: string | undefined;
}

export interface CellResult {
  readonly history: History;
  /** Empty: passed. */
  readonly findings: readonly Finding[];
}

const IDS = ['eu-1', 'us-1', 'ap-1'];
const FAULT_SHARE = 0.7;
/** How long clients continue after the heal; then the cluster is quiet. */
const HEALED_SHARE = 0.15;
const PACE_MS = 25;
const FINAL_GETS = 100;
/** Shorter than the longer faults, so that peers notice them. */
const ENV = { CONIT_LOG_LEVEL: 'warn', CONIT_PEER_TIMEOUT: '1s' };

const nemeses: Readonly<Record<FaultKind, (scene: Scene) => Nemesis>> = {
  cuts,
  slow,
  pause,
  kill,
  clock,
};

export async function runCell(cell: Cell): Promise<CellResult> {
  mkdirSync(cell.folder, { recursive: true });
  const { fault, folder, faketime } = cell;
  const links = await Links.open(IDS);
  const recorder = createRecorder(join(folder, 'history.jsonl'));
  const findings: Finding[] = [];
  try {
    const cluster = await startCluster({
      dataDir: join(folder, 'data'),
      env: ENV,
      route: (from, to, port) => links.route(from, to, port),
      envOf: (id) => (fault === 'clock' ? clockEnv(faketime, folder, id) : {}),
    });
    try {
      const prng = createPrng(cell.seed).split(`${cell.workload} ${fault}`);
      const untilMs = performance.now() + cell.seconds * 1000 * FAULT_SHARE;
      const scene = { replicas: cluster.replicas, links, recorder, prng, untilMs, folder };
      await play(cell, scene, findings);
      findings.push(...judgeLogs(cluster.replicas));
    } finally {
      // A paused process does not receive the signal to stop.
      for (const replica of cluster.replicas) replica.resume();
      await cluster.stop();
    }
  } catch (error) {
    findings.push(finding('run', error instanceof Error ? error.message : String(error)));
  } finally {
    recorder.close();
    await links.close();
  }
  return { history: recorder.operations, findings };
}

async function play(cell: Cell, scene: Scene, findings: Finding[]): Promise<void> {
  const { workload, fault, seconds } = cell;
  const { replicas, recorder, prng } = scene;
  const { use, roles } = workloads[workload];
  const endMs = performance.now() + seconds * 1000;
  const nemesis = nemeses[fault]({ ...scene, prng: prng.split('nemesis') });
  const load = { places: replicas, recorder, prng: prng.split('load'), paceMs: PACE_MS };
  const clients = startClients(load, roles);
  try {
    await strikeAgainAndAgain(scene, nemesis);
    note(scene, 'heal', '', 'all replicas are ready');
    await sleep(seconds * 1000 * HEALED_SHARE);
  } finally {
    await clients.stop();
  }
  await becomeEqual(replicas).catch((error: Error) =>
    findings.push(finding('convergence', error.message)),
  );
  await sleep(Math.max(0, endMs - performance.now()));
  await readFinal(replicas, [use], recorder, prng.split('final'), FINAL_GETS);
  assertAlive(replicas);
  const faultSeconds = Math.floor(seconds * FAULT_SHARE);
  findings.push(...judgeHistory(recorder.operations, workload, nemesis, faultSeconds));
}

/** Waits until the faults are over; then none remains. */
async function strikeAgainAndAgain(scene: Scene, nemesis: Nemesis): Promise<void> {
  try {
    while (performance.now() < scene.untilMs) {
      await nemesis.strike();
      assertAlive(scene.replicas);
    }
  } finally {
    await nemesis.heal();
  }
  await Promise.all(scene.replicas.map((replica) => replica.becomeReady()));
}

/** Only the nemesis ends a replica. */
function assertAlive(replicas: readonly TestReplica[]): void {
  const gone = replicas.filter(({ isRunning }) => !isRunning).map(({ id }) => id);
  if (gone.length > 0) throw new Error(`ended by itself: ${gone.join(', ')}`);
}
