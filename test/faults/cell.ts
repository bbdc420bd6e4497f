// One cell of the matrix: a fresh cluster of real processes behind proxies, clients that record what they see, faults
// for most of the time, then the heal, a while in which everything must work again, quiet, and final reads.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createPrng } from '../../src/base/prng.ts';
import type { History } from '../history/operation.ts';
import { createRecorder } from '../history/recorder.ts';
import { startCluster, type TestReplica } from '../support/cluster.ts';
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
  /** Where libfaketime is; only for the clocks. */
  readonly faketime: string;
}

export interface CellResult {
  readonly history: History;
  /** Empty: passed. */
  readonly findings: readonly Finding[];
}

const IDS = ['eu-1', 'us-1', 'ap-1'];
const FAULT_SHARE = 0.7;
const LOAD_SHARE = 0.85;
const PACE_MS = 25;
const FINAL_GETS = 100;
/** Shorter than the longer faults, so that they are noticed. */
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
      // One that stands still does not hear that it shall stop.
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
  const beginMs = performance.now();
  const until = (share: number): Promise<void> =>
    sleep(Math.max(0, beginMs + seconds * 1000 * share - performance.now()));
  const load = { places: replicas, recorder, prng: prng.split('load'), paceMs: PACE_MS };
  const clients = startClients(load, roles);
  const nemesis = nemeses[fault]({ ...scene, prng: prng.split('nemesis') });
  try {
    while (performance.now() < scene.untilMs) {
      assertAlive(replicas);
      await nemesis.strike();
    }
  } finally {
    await nemesis.heal();
  }
  await Promise.all(replicas.map((replica) => replica.becomeReady()));
  note(scene, 'heal', '', 'all replicas are ready');
  const healedMs = performance.now();
  await until(LOAD_SHARE);
  // A heal that took long leaves its time to the clients all the same.
  await sleep(
    Math.max(0, healedMs + seconds * 1000 * (LOAD_SHARE - FAULT_SHARE) - performance.now()),
  );
  await clients.stop();
  await becomeEqual(replicas).catch((error: Error) =>
    findings.push(finding('convergence', error.message)),
  );
  await until(1);
  await readFinal(replicas, [use], recorder, prng.split('final'), FINAL_GETS);
  assertAlive(replicas);
  const faultSeconds = Math.floor(seconds * FAULT_SHARE);
  findings.push(...judgeHistory(recorder.operations, workload, nemesis, faultSeconds));
}

/** Nobody but the nemesis ends a replica. */
function assertAlive(replicas: readonly TestReplica[]): void {
  const gone = replicas.filter(({ isRunning }) => !isRunning).map(({ id }) => id);
  if (gone.length > 0) throw new Error(`ended by itself: ${gone.join(', ')}`);
}
