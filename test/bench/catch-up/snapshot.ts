// A replica whose disk was lost when the logs no longer reach back, and how clients of the others
// are affected meanwhile.

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { becomeEqual } from '../../support/converged.ts';
import { MixPlan } from '../client/keys.ts';
import type { Totals } from '../client/load.ts';
import {
  bytesReceived,
  fill,
  type Field,
  loadOf,
  look,
  loseDisk,
  metricOf,
  momentOf,
  openField,
  WAIT_MS_MAX,
} from '../field.ts';
import { judgedRow, type Row, rowOf } from '../rows.ts';
import type { Part } from './main.ts';
import { moveRaw } from './raw.ts';

const QUIET_MS = 5000;
const FOREGROUND_CONNECTIONS = 4;

export async function snapshot({ folder, keys }: Part): Promise<Row[]> {
  const field = await openField(folder, { CONIT_LOG_RETAIN: '0' });
  const { cluster, eu, us, ap } = field;
  await fill([eu, us, ap], keys, 3);
  await becomeEqual([eu, us, ap], WAIT_MS_MAX);
  // Truncation follows the stable cut with the heartbeats.
  await sleep(3000);
  const copied = await comeBack(field);
  const withLoad = await underLoad(field, keys);
  await cluster.stop();
  const source = join(eu.dataDir, 'log');
  const raw = await moveRaw(source, join(folder, 'raw'), { kind: 'r', writes: 1 });
  const rate = keys / copied.seconds;
  return [
    rowOf('snapshot, records a second', rate, '/s'),
    rowOf('snapshot, bytes received', copied.bytes / 1e6 / copied.seconds, 'MB/s'),
    judgedRow('snapshot / raw', rate / ((raw.entries * 1000) / raw.ms), { atLeast: 0.3 }),
    ...withLoad,
  ];
}

/** From the first bytes of its new incarnation until it serves. */
async function comeBack({ ap }: Field): Promise<{ seconds: number; bytes: number }> {
  await ap.stop();
  loseDisk(ap);
  await ap.restart({ ready: false });
  const begunMs = await momentOf('it answers', async () => (await look(ap)) !== undefined);
  const endMs = await momentOf('it serves', async () => (await look(ap))?.state === 'serving');
  if ((await metricOf(ap, 'conit_snapshots_received_total')) !== 1)
    throw new Error('it came back without a snapshot');
  return { seconds: (endMs - begunMs) / 1000, bytes: await bytesReceived(ap) };
}

/**
 * Half reads, half writes at the other two replicas, once without and once during the return of the
 * third.
 */
export async function underLoad(field: Field, keys: number): Promise<Row[]> {
  const { eu, us, ap } = field;
  const count = Math.min(keys, 10_000);
  const plan = new MixPlan(count, 0.5, 'uniform', 7);
  const writing = { prefix: 'fill--', keys: count, w: 2 };
  const load = loadOf([eu, us], writing, plan, FOREGROUND_CONNECTIONS);
  await load.connect();
  load.begin();
  await sleep(1000);
  load.mark();
  await sleep(QUIET_MS);
  const quiet = load.totals();
  await ap.stop();
  loseDisk(ap);
  await ap.restart({ ready: false });
  await momentOf('it answers', async () => (await look(ap)) !== undefined);
  load.mark();
  await momentOf('it serves', async () => (await look(ap))?.state === 'serving');
  const busy = load.totals();
  load.stop();
  await load.finished;
  load.close();
  if (busy.firstError !== undefined) throw new Error(busy.firstError);
  const ratio = (of: 'puts' | 'gets'): number => p99(busy, of) / p99(quiet, of);
  return [
    judgedRow('put p99 during a snapshot / quiet', ratio('puts'), { atMost: 2 }),
    judgedRow('get p99 during a snapshot / quiet', ratio('gets'), { atMost: 2 }),
    rowOf('snapshot under load took', busy.seconds, 's'),
  ];
}

function p99(totals: Totals, of: 'puts' | 'gets'): number {
  return totals[of].p99Ms;
}
