// How clients are affected by background work.
//
// A checkpoint lasts for a fraction of a second, so the latency of each operation is stored with
// its time, and belongs to a checkpoint or to the quiet time between two. The time of a checkpoint
// is known only afterwards: the metrics say how many have ended and how long they took.

import { setTimeout as sleep } from 'node:timers/promises';
import { underLoad } from '../catch-up/snapshot.ts';
import { Histogram } from '../client/histogram.ts';
import { MixPlan } from '../client/keys.ts';
import { loadOf, metricOf } from '../field.ts';
import { judgedRow, type Row, rowOf } from '../rows.ts';
import { type Part, PREFIX, type Sized } from './sized.ts';

const CONNECTIONS = 16;
const WARM_UP_MS = 3000;
const MEASURED_MS = 60_000;
const LOOK_MS = 250;
const RATIO_MAX = 2;
const OPS = ['put', 'get'] as const;

interface Sample {
  readonly isRead: boolean;
  readonly beganMs: number;
  readonly endMs: number;
}

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

export async function foreground({ large }: Part): Promise<readonly Row[]> {
  return [...(await besideCheckpoints(large)), ...(await underLoad(large.field, large.keys))];
}

async function besideCheckpoints({ field, keys }: Sized): Promise<readonly Row[]> {
  const { eu } = field;
  const samples: Sample[] = [];
  const plan = new MixPlan(keys, 0.5, 'uniform', 1);
  const writing = { prefix: PREFIX, keys, w: 2 };
  const load = loadOf([eu], writing, plan, CONNECTIONS, (isRead, beganMs, endMs) => {
    samples.push({ isRead, beganMs, endMs });
  });
  await load.connect();
  load.begin();
  await sleep(WARM_UP_MS);
  samples.length = 0;
  const spans = await checkpointsOf(field.eu, MEASURED_MS);
  load.stop();
  await load.finished;
  load.close();
  const { firstError } = load.totals();
  if (firstError !== undefined) throw new Error(firstError);
  const ratios = OPS.map((op) => {
    const ofOp = samples.filter(({ isRead }) => isRead === (op === 'get'));
    const isBeside = (sample: Sample): boolean => spans.some((span) => overlaps(span, sample));
    const busy = p99(ofOp.filter(isBeside));
    const quiet = p99(ofOp.filter((sample) => !isBeside(sample)));
    return judgedRow(`${op} p99 during a checkpoint / quiet`, busy / quiet, { atMost: RATIO_MAX });
  });
  return [...ratios, rowOf('checkpoints in that minute', spans.length)];
}

/** When checkpoints were in progress, as far as polling shows it. */
async function checkpointsOf(
  replica: Sized['field']['eu'],
  durationMs: number,
): Promise<readonly Span[]> {
  const secondsIn = (): Promise<number> => metricOf(replica, 'conit_checkpoint_seconds_sum');
  const spans: Span[] = [];
  const untilMs = performance.now() + durationMs;
  let before = await secondsIn();
  let lookedMs = performance.now();
  while (performance.now() < untilMs) {
    await sleep(LOOK_MS);
    const after = await secondsIn();
    const nowMs = performance.now();
    if (after > before) spans.push({ fromMs: lookedMs - (after - before) * 1000, toMs: nowMs });
    before = after;
    lookedMs = nowMs;
  }
  return spans;
}

function overlaps({ fromMs, toMs }: Span, { beganMs, endMs }: Sample): boolean {
  return beganMs < toMs && endMs > fromMs;
}

function p99(samples: readonly Sample[]): number {
  const histogram = new Histogram();
  for (const { beganMs, endMs } of samples) histogram.record(endMs - beganMs);
  return histogram.quantileMs(0.99);
}
