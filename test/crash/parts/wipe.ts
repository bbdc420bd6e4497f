// The directory of one of three replicas is removed while its peers run. Logs are truncated as soon
// as every replica has their entries, so the replica needs a snapshot, and must get everything. In
// every other round it is killed again during the copy.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { startCluster, type TestReplica } from '../../support/processes.ts';
import { becomeEqual } from '../../support/converged.ts';
import { until } from '../../support/wait.ts';
import { readLog } from '../directory.ts';
import { auditAll } from '../held.ts';
import { Ledger } from '../ledger.ts';
import type { Part, Result } from '../part.ts';
import { logLength, startSupervised } from '../victim.ts';
import { startWriters, writeAll } from '../writers.ts';

const CLIENTS = 6;
/** Of each client. A log is truncated by a thousand entries at a time. */
const EACH = 600;

export const wipe: Part = {
  name: 'wipe',
  about: 'the directory is removed, behind truncated logs',
  roundsDefault: 4,
  async run({ rounds, prng, folder, memory }): Promise<Result> {
    const ledger = new Ledger(join(memory, 'ledger.jsonl'));
    const env = { CONIT_LOG_LEVEL: 'info', CONIT_LOG_RETAIN: '0' };
    const cluster = await startCluster({ dataDir: folder, env });
    const { replicas } = cluster;
    const findings: string[] = [];
    const tally = { snapshots: 0, interrupted: 0 };
    const load = { ledger, prng, clients: CLIENTS, w: 2, bytesMax: 1000 };
    try {
      for (let nth = 0; nth < rounds && findings.length === 0; nth++) {
        const victim = replicas[nth % replicas.length] as TestReplica;
        const others = replicas.filter((replica) => replica !== victim);
        await writeAll({ ...load, places: replicas, prefix: `${nth}a`, each: EACH });
        await becomeEqual(replicas);
        for (const replica of replicas) await until('logs are cut', () => isCut(replica));
        await victim.kill9();
        rmSync(victim.dataDir, { recursive: true });
        const from = logLength(victim);
        const said = (event: string): boolean => readLog(victim.logFile, from).includes(event);
        const writers = startWriters({ ...load, places: others, prefix: `${nth}b` });
        if (nth % 2 === 1 && (await dieInTheMiddle(victim, said))) tally.interrupted++;
        await startSupervised(victim);
        await writers.stop();
        await becomeEqual(replicas);
        if (said('snapshot-ends')) tally.snapshots++;
        else findings.push(`round ${nth}: vacuous: ${victim.id} took no snapshot`);
        findings.push(...(await auditAll(`round ${nth}`, ledger, replicas)));
      }
    } finally {
      await cluster.stop();
    }
    const { snapshots, interrupted } = tally;
    const copies = `${snapshots} snapshots, ${interrupted} interrupted`;
    return { told: `${rounds} wipes, ${copies}, ${ledger.counts.acked} acknowledged`, findings };
  },
};

/** False if the copy ended before the replica could be killed. */
async function dieInTheMiddle(
  victim: TestReplica,
  said: (event: string) => boolean,
): Promise<boolean> {
  await victim.restart({ ready: false });
  await until('a snapshot begins', () => said('snapshot-begins') || !victim.isRunning);
  const isInTheMiddle = !said('snapshot-ends');
  await victim.kill9();
  return isInTheMiddle;
}

/** Its log was truncated at the beginning, so it must not appear as complete. */
async function isCut({ url }: TestReplica): Promise<boolean> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  return /^conit_log_entries_truncated_total\S* [1-9]/m.test(metrics);
}
