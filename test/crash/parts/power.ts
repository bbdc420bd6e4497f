// Power cuts: a lone replica under load on a disk that is copied at a random moment, as a power cut
// leaves it. A replica starts on the copy and must hold every write that was acknowledged before
// the copy began, and no refused one. Every fifteen cuts begin with a new disk, and the first of
// them falls into the first start.
//
// At the end the same is done to a replica that does not sync. It must lose something; otherwise
// these were no power cuts, and the part would prove nothing.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Prng } from '../../../src/base/prng.ts';
import { startCluster, type TestCluster } from '../../support/processes.ts';
import { listAll } from '../held.ts';
import { Ledger } from '../ledger.ts';
import { mountObstacle } from '../mounts.ts';
import type { Part, Result } from '../part.ts';
import { Platter, type Remains } from '../platter.ts';
import { startWriters } from '../writers.ts';

const DISK_CUTS = 15;
const CONTROL_CUTS = 2;
const LIFE_MS_MIN = 50;
const LIFE_MS_MAX = 400;
const START_MS_MAX = 800;
const CLIENTS = 6;
const BYTES_MAX = 2000;

export const power: Part = {
  name: 'power',
  about: 'power cuts under load',
  roundsDefault: 60,
  obstacle: mountObstacle,
  async run({ rounds, prng, folder, memory }): Promise<Result> {
    const tally: Tally = { cuts: 0, acked: 0, held: 0 };
    const findings: string[] = [];
    for (let nth = 0; tally.cuts < rounds && findings.length === 0; nth++) {
      const cuts = Math.min(DISK_CUTS, rounds - tally.cuts);
      const bench = { folder: join(folder, `${nth}`), memory: join(memory, `${nth}`) };
      findings.push(
        ...(await cutDisk({ ...bench, cuts, env: {}, prng: prng.split(`${nth}`) }, tally)),
      );
    }
    const bench = { folder: join(folder, 'control'), memory: join(memory, 'control') };
    const env = { CONIT_SYNC: 'unsafe-none' };
    const control: Tally = { cuts: 0, acked: 0, held: 0 };
    const losses = await cutDisk({ ...bench, cuts: CONTROL_CUTS, env, prng }, control);
    if (losses.length === 0) findings.push('vacuous: nothing is lost without syncs either');
    if (tally.acked < tally.cuts) findings.push(`vacuous: ${tally.acked} writes`);
    const writes = `${tally.acked} acknowledged writes, ${tally.held} of them found`;
    const told = `${tally.cuts} cuts: ${writes}; without syncs some were lost, as expected`;
    return { told, findings };
  },
};

interface Plan {
  /** The folder of the log. */
  readonly folder: string;
  readonly memory: string;
  readonly cuts: number;
  readonly env: Readonly<Record<string, string>>;
  readonly prng: Prng;
}

/** Writes over all cuts: those before the cut, and those on the copy. */
interface Tally {
  cuts: number;
  acked: number;
  held: number;
}

async function cutDisk(plan: Plan, tally: Tally): Promise<string[]> {
  const { prng, cuts, env } = plan;
  const platter = new Platter(plan.memory);
  const ledger = new Ledger(`${plan.memory}.jsonl`);
  const starting = startOn(plan, 'live', platter.path, env);
  starting.catch(() => undefined);
  const findings: string[] = [];
  const cut = async (calm: () => Promise<void>): Promise<void> => {
    tally.cuts++;
    tally.acked += ledger.counts.acked;
    const until = ledger.now;
    const remains = platter.cut();
    await calm();
    const found = await judge(plan, remains, ledger, until, tally);
    findings.push(...found.map((line) => `cut ${tally.cuts}: ${line}`));
  };
  try {
    await sleep(prng.below(START_MS_MAX));
    await cut(async () => undefined);
    const { replicas } = await starting;
    for (let nth = 1; nth < cuts && findings.length === 0; nth++) {
      const prefix = `c${nth}`;
      const load = { prng, clients: CLIENTS, w: 1, bytesMax: BYTES_MAX };
      const writers = startWriters({ ...load, places: replicas, ledger, prefix });
      await sleep(LIFE_MS_MIN + prng.below(LIFE_MS_MAX - LIFE_MS_MIN));
      await cut(() => writers.stop());
    }
  } finally {
    await Promise.all((await starting).replicas.map((replica) => replica.kill9()));
    await platter.remove();
  }
  return findings;
}

/** The result of a replica's start on the copy. */
async function judge(
  plan: Plan,
  remains: Remains,
  ledger: Ledger,
  until: number,
  tally: Tally,
): Promise<string[]> {
  let cluster: TestCluster | undefined;
  try {
    cluster = await startOn(plan, `cut-${tally.cuts}`, remains.path, {});
    const held = await listAll(cluster.replicas[0] as TestCluster['replicas'][0]);
    tally.held += held.size;
    return ledger.compare('the copy', held, { until });
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  } finally {
    await Promise.all(cluster?.replicas.map((replica) => replica.kill9()) ?? []);
    await remains.remove();
  }
}

/** A lone replica with its data on the disk, and its log elsewhere. */
function startOn(
  { folder }: Plan,
  name: string,
  disk: string,
  env: Readonly<Record<string, string>>,
): Promise<TestCluster> {
  const dataDir = join(folder, name);
  mkdirSync(dataDir, { recursive: true });
  const place = { CONIT_DATA_DIR: join(disk, 'eu-1'), CONIT_LOG_LEVEL: 'warn' };
  return startCluster({ dataDir, replicas: 1, env: { ...place, ...env } });
}
