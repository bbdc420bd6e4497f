// An old copy of a directory is put back. The replica notices it by what its peers know of it,
// reports it, catches up, and serves no client before. No acknowledged write is lost, and no dot is
// issued twice.
//
//  copy taken ── more writes, also at it ── down ── the copy is put back ── up ── more writes
//     ── audit
//
// Writes have two copies, so another replica has each one that the old directory lacks.

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startCluster, type TestReplica } from '../../support/processes.ts';
import { becomeEqual } from '../../support/converged.ts';
import { copyFolder, readLog } from '../directory.ts';
import { auditAll } from '../held.ts';
import { Ledger, toldOf } from '../ledger.ts';
import type { Part, Result } from '../part.ts';
import { logLength, startSupervised } from '../victim.ts';
import { startWriters, writeAll } from '../writers.ts';

const CLIENTS = 6;
const EACH = 40;
const AGE_MS_MAX = 1500;
/** The two notes that may report it: data is missing, or its number was used before. */
const NOTICED = /"(data-lost|old-copy)"/;

export const restore: Part = {
  name: 'restore',
  about: 'an old copy of the directory is put back',
  roundsDefault: 6,
  async run({ rounds, prng, folder, memory }): Promise<Result> {
    const ledger = new Ledger(join(memory, 'ledger.jsonl'));
    const env = { CONIT_LOG_LEVEL: 'info' };
    const cluster = await startCluster({ dataDir: folder, env });
    const { replicas } = cluster;
    const findings: string[] = [];
    let starts = 0;
    const load = { places: replicas, ledger, prng, clients: CLIENTS, w: 2 };
    try {
      for (let nth = 0; nth < rounds && findings.length === 0; nth++) {
        const victim = replicas[nth % replicas.length] as TestReplica;
        const others = replicas.filter((replica) => replica !== victim);
        await writeAll({ ...load, prefix: `${nth}a`, each: EACH });
        await takeDown(victim, nth);
        copyFolder(victim.dataDir, join(folder, 'copy'));
        await victim.restart();
        await writeAll({ ...load, prefix: `${nth}b`, each: EACH });
        await sleep(prng.below(AGE_MS_MAX));
        await takeDown(victim, nth);
        copyFolder(join(folder, 'copy'), victim.dataDir);
        const from = logLength(victim);
        const writers = startWriters({ ...load, places: others, prefix: `${nth}c` });
        starts += await startSupervised(victim);
        await writeAll({ ...load, places: [victim], prefix: `${nth}d`, each: EACH });
        await writers.stop();
        await becomeEqual(replicas);
        if (!NOTICED.test(readLog(victim.logFile, from))) {
          findings.push(`round ${nth}: ${victim.id} did not notice`);
        }
        findings.push(...(await auditAll(`round ${nth}`, ledger, replicas)));
      }
    } finally {
      await cluster.stop();
    }
    const told = `${rounds} old copies, ${starts} starts on them, ${toldOf(ledger.counts)}`;
    return { told, findings };
  },
};

/** In order or by a kill. */
async function takeDown(victim: TestReplica, nth: number): Promise<void> {
  if (nth % 2 === 0) await victim.stop();
  else await victim.kill9();
}
