// Throughput over clusters of different sizes. All are up at once and take turns under the same
// clients, puts and gets one after the other; ratios are taken within a round. A slot begins when
// all clusters are idle, so that no get pays for the compaction after the puts.

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MixPlan } from '../client/keys.ts';
import { CONNECTIONS, loadOf } from '../field.ts';
import { rest } from '../rounds.ts';
import { judgedRow, type Row, rowOf } from '../rows.ts';
import { usageOf } from '../usage.ts';
import { openSized, type Part, PREFIX, type Sized } from './sized.ts';

const FEW = 10_000;
const HUGE = 10_000_000;
const SHARE_MIN = 0.85;
const OPS = ['put', 'get'] as const;
type Op = (typeof OPS)[number];

interface Slot {
  readonly op: Op;
  readonly keys: number;
  readonly opsPerSecond: number;
  readonly cpuMicrosPerOp: number;
  readonly writtenBytesPerOp: number;
}

export async function sizes(part: Part): Promise<readonly Row[]> {
  const { folder, huge, large, rounds, slotSeconds } = part;
  const others = [await openSized(join(folder, 'few'), FEW)];
  if (huge) others.push(await openSized(join(folder, 'huge'), HUGE));
  const all = [...others, large];
  const slots: Slot[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const op of OPS) {
      for (let turn = 0; turn < all.length; turn++) {
        const sized = all[(turn + round) % all.length] as Sized;
        await rest(all.flatMap(pidsOf));
        const slot = await slotOf(sized, op, round, slotSeconds);
        slots.push(slot);
        console.error(sayOf(slot, round));
      }
    }
  }
  await Promise.all(others.map(({ field }) => field.cluster.stop()));
  return OPS.flatMap((op) => {
    const few = slots.filter((slot) => slot.op === op && slot.keys === FEW);
    return all.flatMap(({ keys }) => {
      const found = slots.filter((slot) => slot.op === op && slot.keys === keys);
      return [
        ...absolute(op, keys, found),
        ...(keys === FEW ? [] : relative(op, keys, found, few)),
      ];
    });
  });
}

function pidsOf({ field }: Sized): readonly number[] {
  return field.cluster.replicas.map(({ pid }) => pid);
}

async function slotOf(
  { field, keys }: Sized,
  op: Op,
  round: number,
  seconds: number,
): Promise<Slot> {
  const { replicas } = field.cluster;
  const plan = new MixPlan(keys, op === 'get' ? 1 : 0, 'uniform', round);
  const load = loadOf(replicas, { prefix: PREFIX, keys, w: 2 }, plan, CONNECTIONS);
  const pids = pidsOf({ field, keys });
  await load.connect();
  load.begin();
  await sleep(200 * Math.min(seconds, 5));
  load.mark();
  const before = usageOf(pids);
  await sleep(seconds * 1000);
  const totals = load.totals();
  const after = usageOf(pids);
  load.stop();
  await load.finished;
  load.close();
  if (totals.firstError !== undefined) throw new Error(totals.firstError);
  return {
    op,
    keys,
    opsPerSecond: totals.ops / totals.seconds,
    cpuMicrosPerOp: ((after.cpuSeconds - before.cpuSeconds) * 1e6) / totals.ops,
    writtenBytesPerOp: (after.writtenBytes - before.writtenBytes) / totals.ops,
  };
}

function absolute(op: Op, keys: number, slots: readonly Slot[]): readonly Row[] {
  const title = `${op}, ${keys.toLocaleString('en')} keys`;
  return [
    rowOf(
      title,
      slots.map(({ opsPerSecond }) => opsPerSecond),
      '/s',
    ),
    rowOf(
      `${title}, CPU`,
      slots.map(({ cpuMicrosPerOp }) => cpuMicrosPerOp),
      'µs',
    ),
    rowOf(
      `${title}, written`,
      slots.map(({ writtenBytesPerOp }) => writtenBytesPerOp),
      'B',
    ),
  ];
}

/** A slot is compared with the slot of the same round with few keys. */
function relative(
  op: Op,
  keys: number,
  slots: readonly Slot[],
  few: readonly Slot[],
): readonly Row[] {
  const ratios = (measure: (slot: Slot) => number): readonly number[] =>
    slots.map((slot, round) => measure(slot) / measure(few[round] as Slot));
  const title = `${op}, ${keys.toLocaleString('en')} keys / ${FEW.toLocaleString('en')}`;
  const throughput = ratios(({ opsPerSecond }) => opsPerSecond);
  const judged =
    keys === HUGE ? rowOf(title, throughput) : judgedRow(title, throughput, { atLeast: SHARE_MIN });
  return [
    judged,
    rowOf(
      `${title}, CPU`,
      ratios(({ cpuMicrosPerOp }) => cpuMicrosPerOp),
    ),
  ];
}

function sayOf({ op, keys, opsPerSecond, cpuMicrosPerOp }: Slot, round: number): string {
  const rate = Math.round(opsPerSecond).toLocaleString('en');
  return `round ${round + 1} ${op} ${keys}: ${rate}/s, server ${cpuMicrosPerOp.toFixed(1)} µs/op`;
}
