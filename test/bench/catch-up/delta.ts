// A replica is away while as many entries are written as there are keys, and then reads them from
// the logs.

import { join } from 'node:path';
import { becomeEqual } from '../../support/converged.ts';
import { OncePlan } from '../client/keys.ts';
import {
  bytesReceived,
  entriesOf,
  fill,
  look,
  momentOf,
  openField,
  WAIT_MS_MAX,
  write,
} from '../field.ts';
import { judgedRow, type Row, rowOf } from '../rows.ts';
import type { Part } from './main.ts';
import { moveRaw } from './raw.ts';

export async function delta({ folder, keys }: Part): Promise<Row[]> {
  const { cluster, eu, us, ap } = await openField(folder);
  await fill([eu, us, ap], Math.min(keys, 10_000), 3);
  await becomeEqual([eu, us, ap], WAIT_MS_MAX);
  await ap.stop();
  await write([eu, us], { prefix: 'delta-', keys, w: 2 }, new OncePlan(keys));
  const before = await look(eu);
  if (before === undefined) throw new Error('a replica that was written to answers');
  await ap.restart({ ready: false });
  let held = 0;
  const begunMs = await momentOf('the first entries are here', async () => {
    const seen = await look(ap);
    if (seen === undefined) return false;
    held ||= entriesOf(seen);
    return entriesOf(seen) > held;
  });
  const atBegin = entriesOf((await look(ap)) ?? before);
  const endMs = await momentOf('all entries are here', async () => {
    const seen = await look(ap);
    return seen !== undefined && entriesOf(seen) >= entriesOf(before);
  });
  const bytes = await bytesReceived(ap);
  await cluster.stop();
  const seconds = (endMs - begunMs) / 1000;
  const entries = entriesOf(before) - atBegin;
  const source = join(eu.dataDir, 'log');
  const raw = await moveRaw(source, join(folder, 'raw'), { kind: 'l', writes: 2 });
  const rate = entries / seconds;
  const rawRate = (raw.entries * 1000) / raw.ms;
  return [
    rowOf('delta, entries a second', rate, '/s'),
    rowOf('delta, bytes received', bytes / 1e6 / seconds, 'MB/s'),
    judgedRow('delta / raw', rate / rawRate, { atLeast: 0.6 }),
  ];
}
