// A partition, one key in a hundred written on each side of it, half here and half there, and the
// heal.

import { setTimeout as sleep } from 'node:timers/promises';
import { Links } from '../../faults/links.ts';
import { OncePlan } from '../client/keys.ts';
import { becomeEqual } from '../../support/converged.ts';
import { bytesReceived, fill, openField, WAIT_MS_MAX, write } from '../field.ts';
import { judgedRow, type Row } from '../rows.ts';
import type { Part } from './main.ts';

const CUT_MS = 5000;

export async function converge({ folder, keys }: Part): Promise<Row[]> {
  const links = await Links.open(['eu-1', 'us-1', 'ap-1']);
  const route = (from: string, to: string, port: number): number => links.route(from, to, port);
  const { cluster, eu, us, ap } = await openField(folder, {}, route);
  const all = [eu, us, ap];
  const received = async (): Promise<number> =>
    (await Promise.all(all.map(bytesReceived))).reduce((sum, bytes) => sum + bytes, 0);
  await fill(all, keys, 3);
  await becomeEqual(all, WAIT_MS_MAX);
  for (const { proxy } of links.of('ap-1')) {
    proxy.stall('up');
    proxy.stall('down');
  }
  const half = Math.max(1, Math.floor(keys / 200));
  const writing = { prefix: 'fill--', keys: half, w: 1 };
  await write([ap], writing, new OncePlan(half));
  await write([eu], { ...writing, prefix: 'other-' }, new OncePlan(half));
  await becomeEqual([eu, us], WAIT_MS_MAX);
  await sleep(CUT_MS);
  const before = await received();
  const begunMs = performance.now();
  for (const { proxy } of links.of('ap-1')) {
    proxy.resume('up');
    proxy.resume('down');
  }
  await becomeEqual(all, WAIT_MS_MAX);
  const endMs = performance.now();
  const moved = (await received()) - before;
  await cluster.stop();
  await links.close();
  // Each entry has to reach the other side: those of ap two replicas, those of eu one.
  const difference = half * 3 * ENTRY_BYTES;
  return [
    judgedRow('convergence after the heal, s', (endMs - begunMs) / 1000, { atMost: 5 }),
    judgedRow('bytes moved / difference', moved / difference, { atMost: 3 }),
  ];
}

/** A key of 16 bytes and a value of 100, without any metadata. */
const ENTRY_BYTES = 116;
