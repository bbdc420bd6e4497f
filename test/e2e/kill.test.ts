// kill -9 of one, two and all three replicas, repeatedly, under load. The replies to clients are
// recorded outside the replicas' directories, and afterwards every checker judges them: every
// acknowledged write is present, no refused one is, the writes of each client have no gap, and all
// replicas return the same.
//
// CONIT_E2E_KILLS and CONIT_E2E_SEED give the number of kills and the seed.

import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPrng } from '../../src/base/prng.ts';
import { audit } from '../checkers/audit.ts';
import { convergence } from '../checkers/convergence.ts';
import { fifo } from '../checkers/fifo.ts';
import { liveness } from '../checkers/liveness.ts';
import type { Operation } from '../checkers/operation.ts';
import { outcome } from '../checkers/outcome.ts';
import { createRecorder, type Recorder } from '../checkers/recorder.ts';
import { setFull } from '../checkers/set-full.ts';
import type { Demand, Verdict } from '../checkers/verdict.ts';
import { wellFormed } from '../checkers/well-formed.ts';
import { startCluster, type TestCluster } from '../support/processes.ts';
import { becomeEqual } from '../support/converged.ts';
import { HUNG_MS } from '../support/load/client.ts';
import { readFinal } from '../support/load/final.ts';
import { startWorkload, USES } from '../support/load/workload.ts';
import { heal, killAgainAndAgain, type KillTally } from '../support/nemesis.ts';
import { until } from '../support/wait.ts';

const kills = Number(process.env['CONIT_E2E_KILLS'] ?? 200);
const seed = Number(process.env['CONIT_E2E_SEED'] ?? Date.now() % 1_000_000);
const namespaces = USES.map(({ ns }) => ns);

const dataDir = mkdtempSync(join(tmpdir(), 'conit-kill-'));
const historyDir = mkdtempSync(join(fastFolder(), 'conit-history-'));
const historyFile = join(historyDir, 'history.jsonl');

let cluster: TestCluster;
let recorder: Recorder;
let tally: KillTally;
/** The run reached its end and every verdict is good. If not, its files are kept. */
let isGood = false;

beforeAll(async () => {
  const prng = createPrng(seed);
  cluster = await startCluster({ dataDir, env: { CONIT_LOG_LEVEL: 'warn' } });
  const { replicas } = cluster;
  recorder = createRecorder(historyFile);
  const load = { places: replicas, recorder, prng: prng.split('load'), paceMs: 20 };
  const workload = startWorkload(load);
  const nemesis = { replicas, recorder, prng: prng.split('nemesis'), workload, kills };
  tally = await killAgainAndAgain(nemesis);
  await heal(nemesis);
  const { acked } = workload;
  await until('the load is through again', () => workload.acked > acked + 500);
  await workload.stop();
  await becomeEqual(replicas);
  await readFinal(replicas, USES, recorder, prng.split('final'), 500);
  isGood = true;
}, 900_000);

afterAll(async () => {
  await cluster.stop();
  recorder.close();
  if (!isGood) console.log(`kept: ${historyFile} and ${dataDir} (seed ${seed})`);
  else for (const folder of [historyDir, dataDir]) rmSync(folder, { recursive: true, force: true });
});

describe(`${kills} times kill -9 under load`, () => {
  const demand: Demand = {
    ok: { put: 20 * kills, get: 2 * kills, list: kills },
    faults: { kill: kills, heal: 1 },
  };
  const cut = { ...demand, nodes: 3, namespaces };

  it('is a run with the required faults and load', () => {
    expect(sentence(wellFormed(recorder.operations, demand))).toBe('valid');
    expect(tally.kills).toBe(kills);
    expect(tally.rounds.every((count) => count > 0)).toBe(true);
    expect(tally.idleRounds).toBeLessThan(0.1 * kills);
    report(recorder.operations, tally);
  });

  it('loses no acknowledged write and shows no refused one', () => {
    const verdict = audit(recorder.operations, cut);
    expect(sentence(verdict)).toBe('valid');
    const { stats } = verdict;
    const { acked, refused, unknown, unknownPresent, lost, replicasAudited } = stats;
    console.log(
      `writes: ${acked} acknowledged, ${refused} refused, ${unknown} unknown (${unknownPresent} of` +
        ` them there); ${replicasAudited} replicas audited, lost=${lost}`,
    );
  });

  it('leaves no gap in the writes of a client in a fifo namespace', () => {
    const verdict = fifo(recorder.operations, { ...demand, checked: 10 * kills });
    expect(sentence(verdict)).toBe('valid');
    const { stats } = verdict;
    console.log(
      `fifo: ${stats.scans} scans, ${stats.checked} writes looked for, ${stats.holes} holes`,
    );
  });

  it('reports the outcome of each write correctly', () => {
    const verdict = outcome(recorder.operations, demand);
    expect(sentence(verdict)).toBe('valid');
    const { stats } = verdict;
    console.log(`outcomes: ${JSON.stringify(stats)}`);
  });

  it('shows every acknowledged write at once, where quorums overlap', () => {
    const overlap = { ...demand, replicas: 3, overlapReads: kills };
    const verdict = setFull(recorder.operations, overlap);
    expect(sentence(verdict)).toBe('valid');
    const { stats } = verdict;
    console.log(`set-full: ${JSON.stringify(stats)}`);
  });

  it('converges: all replicas answer the same for every key', () => {
    const verdict = convergence(recorder.operations, { ...cut, keys: 20 * kills });
    expect(sentence(verdict)).toBe('valid');
    const { stats } = verdict;
    console.log(`convergence: ${JSON.stringify(stats)}`);
  });

  it('answers every operation, and serves again after the heal', () => {
    const bounds = { ...demand, hungMs: HUNG_MS, returnMs: 5000 };
    const verdict = liveness(recorder.operations, bounds);
    expect(sentence(verdict)).toBe('valid');
    const { stats } = verdict;
    console.log(`liveness: ${JSON.stringify(stats)}`);
  });
});

/** The verdict in one word, or with its counterexample. */
function sentence({ verdict, reason, anomalies, counterexample }: Verdict<unknown>): string {
  if (verdict === 'valid') return verdict;
  isGood = false;
  const operations = counterexample.map((operation) => JSON.stringify(operation));
  return [`${verdict}: ${reason}`, JSON.stringify(anomalies), ...operations].join('\n');
}

function report(operations: readonly Operation[], { rounds, youngKills }: KillTally): void {
  const count = (ok: boolean | null) => operations.filter((each) => each.ok === ok).length;
  console.log(
    `seed ${seed}: kills=${tally.kills} in ${rounds.join('+')} rounds of one, two and all three` +
      ` (${youngKills} of them while starting); operations: acked=${count(true)}` +
      ` refused=${count(false)} unknown=${count(null)}`,
  );
}

// The history is on another file system than the data, if there is one.
function fastFolder(): string {
  return statSync('/dev/shm', { throwIfNoEntry: false })?.isDirectory() === true
    ? '/dev/shm'
    : tmpdir();
}
