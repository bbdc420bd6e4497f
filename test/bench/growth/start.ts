// How long a replica takes to start after a kill, with the largest possible number of entries to
// replay: twice the number at which a checkpoint begins. Checkpoints are switched off before, so
// that it has this many.

import { becomeEqual } from '../../support/converged.ts';
import { FirstOf, MixPlan } from '../client/keys.ts';
import { metricOf, write } from '../field.ts';
import { judgedRow, type Row, rowOf } from '../rows.ts';
import { type Part, PREFIX } from './sized.ts';

const WINDOW_ENTRIES = 2 * 32_768;
const READY_S_MAX = 5;
const WITHOUT_CHECKPOINTS = {
  CONIT_CHECKPOINT_ENTRIES: '10000000',
  CONIT_CHECKPOINT_BYTES: '4GiB',
  CONIT_CHECKPOINT_EVERY: '1h',
};

export async function start({ large, rounds }: Part): Promise<readonly Row[]> {
  const { field, keys } = large;
  const { cluster, eu } = field;
  const seconds: number[] = [];
  const replayed: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await eu.stop();
    await eu.restart({ env: WITHOUT_CHECKPOINTS });
    const plan = new FirstOf(new MixPlan(keys, 0, 'uniform', round), WINDOW_ENTRIES);
    await write([eu], { prefix: PREFIX, keys, w: 2 }, plan);
    await becomeEqual(cluster.replicas);
    await eu.kill9();
    const begunMs = performance.now();
    await eu.restart();
    seconds.push((performance.now() - begunMs) / 1000);
    replayed.push(await metricOf(eu, 'conit_log_entries_replayed_total'));
  }
  return [
    judgedRow('start after kill -9, until ready, s', seconds, { atMost: READY_S_MAX }),
    rowOf('entries replayed at that start', replayed),
  ];
}
