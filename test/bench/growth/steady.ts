// Puts that last for minutes, until compaction keeps up with them. The run has ten slices; the last
// two are compared with the first two.

import { setTimeout as sleep } from 'node:timers/promises';
import { MixPlan } from '../client/keys.ts';
import { CONNECTIONS, loadOf } from '../field.ts';
import { judgedRow, type Row, rowOf } from '../rows.ts';
import { usageOf } from '../usage.ts';
import { type Part, PREFIX } from './sized.ts';

const SLICES = 10;
const SHARE_MIN = 0.85;

export async function steady({ large, steadySeconds }: Part): Promise<readonly Row[]> {
  const { field, keys } = large;
  const { replicas } = field.cluster;
  const pids = replicas.map(({ pid }) => pid);
  const plan = new MixPlan(keys, 0, 'uniform', 1);
  const load = loadOf(replicas, { prefix: PREFIX, keys, w: 2 }, plan, CONNECTIONS);
  await load.connect();
  const rates: number[] = [];
  const cpu: number[] = [];
  const before = usageOf(pids);
  let { cpuSeconds } = before;
  let ops = 0;
  load.begin();
  for (let slice = 0; slice < SLICES; slice++) {
    await sleep((steadySeconds * 1000) / SLICES);
    const totals = load.totals();
    load.mark();
    const now = usageOf(pids);
    rates.push(totals.ops / totals.seconds);
    cpu.push(((now.cpuSeconds - cpuSeconds) * 1e6) / totals.ops);
    cpuSeconds = now.cpuSeconds;
    ops += totals.ops;
    console.error(`slice ${slice + 1}: ${Math.round(rates.at(-1) ?? 0).toLocaleString('en')}/s`);
  }
  const after = usageOf(pids);
  load.stop();
  await load.finished;
  load.close();
  const { firstError } = load.totals();
  if (firstError !== undefined) throw new Error(firstError);
  return [
    rowOf('steady puts', rates, '/s'),
    rowOf('steady puts, CPU', cpu, 'µs'),
    judgedRow('steady puts, last fifth / first', sum(rates.slice(-2)) / sum(rates.slice(0, 2)), {
      atLeast: SHARE_MIN,
    }),
    rowOf('steady puts, written for each', (after.writtenBytes - before.writtenBytes) / ops, 'B'),
  ];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
