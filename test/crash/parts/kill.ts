// kill -9 under write load, repeatedly, after random running times of 50 to 400 ms: half of the
// kills on a lone replica (w = 1), the other half on three (w = 2), one of them or all at once.
// After each round every replica holds everything that was acknowledged in it. There is a new
// cluster every fifty kills, and at the end everything is checked again.

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Prng } from '../../../src/base/prng.ts';
import { startCluster, type TestReplica } from '../../support/processes.ts';
import { becomeEqual } from '../../support/converged.ts';
import { shuffled } from '../../support/nemesis.ts';
import { listAll } from '../held.ts';
import { Ledger, toldOf } from '../ledger.ts';
import type { Part, Result, Scene } from '../part.ts';
import { startWriters } from '../writers.ts';

const LIFE_MS_MIN = 50;
const LIFE_MS_MAX = 400;
const CLUSTER_KILLS = 50;
const CLIENTS = 9;
const ALL_SHARE = 0.2;
const ENV = { CONIT_LOG_LEVEL: 'warn' };

export const kill: Part = {
  name: 'kill',
  about: 'kill -9 of one and of all replicas under load',
  roundsDefault: 200,
  async run({ rounds, prng, folder, memory }): Promise<Result> {
    const tally = { kills: 0, audits: 0, acked: 0, refused: 0, unknown: 0 };
    const findings: string[] = [];
    for (let nth = 0; tally.kills < rounds && findings.length === 0; nth++) {
      const replicas = nth % 2 === 0 ? 1 : 3;
      const kills = Math.min(CLUSTER_KILLS, rounds - tally.kills);
      const place = { folder: join(folder, `${nth}`), ledgerFile: join(memory, `${nth}.jsonl`) };
      const own = prng.split(`cluster ${nth}`);
      findings.push(...(await killCluster({ ...place, replicas, kills, prng: own }, tally)));
    }
    const { kills, audits, acked } = tally;
    if (acked < kills) findings.push(`vacuous: ${acked} writes in ${kills} kills`);
    return { told: `${kills} kills, ${audits} audits, ${toldOf(tally)}`, findings };
  },
};

interface Plan {
  readonly folder: string;
  readonly ledgerFile: string;
  readonly replicas: number;
  readonly kills: number;
  readonly prng: Scene['prng'];
}

type Tally = Record<'kills' | 'audits' | 'acked' | 'refused' | 'unknown', number>;

async function killCluster(plan: Plan, tally: Tally): Promise<string[]> {
  const { replicas: count, kills, prng } = plan;
  const ledger = new Ledger(plan.ledgerFile);
  const cluster = await startCluster({ dataDir: plan.folder, replicas: count, env: ENV });
  const { replicas } = cluster;
  const w = Math.min(2, count);
  const audit = async (prefix: string): Promise<string[]> => {
    tally.audits++;
    const found: string[] = [];
    for (const replica of replicas) {
      found.push(...ledger.compare(replica.id, await listAll(replica, prefix), { prefix }));
    }
    return found;
  };
  try {
    for (let done = 0, round = 0; done < kills; round++) {
      const prefix = `c${round}`;
      const writers = startWriters({ places: replicas, ledger, prng, clients: CLIENTS, w, prefix });
      await sleep(LIFE_MS_MIN + prng.below(LIFE_MS_MAX - LIFE_MS_MIN));
      const victims = victimsOf(replicas, kills - done, prng);
      await Promise.all(victims.map((victim) => victim.kill9()));
      await writers.stop();
      await Promise.all(victims.map((victim) => victim.restart()));
      if (count > 1) await becomeEqual(replicas);
      done += victims.length;
      tally.kills += victims.length;
      const found = await audit(prefix);
      if (found.length > 0) return found.map((line) => `kill ${tally.kills}: ${line}`);
    }
    return await audit('');
  } finally {
    for (const each of ['acked', 'refused', 'unknown'] as const) tally[each] += ledger.counts[each];
    await cluster.stop();
  }
}

function victimsOf(replicas: readonly TestReplica[], kills: number, prng: Prng): TestReplica[] {
  const isAll = kills >= replicas.length && prng.chance(ALL_SHARE);
  return isAll ? [...replicas] : shuffled(replicas, prng).slice(0, 1);
}
