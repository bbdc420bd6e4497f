import { beforeEach, describe, expect, it } from 'vitest';
import { AbsenceSweep } from '../../../src/entropy/absence-sweep.ts';
import { type Record, recordOf } from '../../../src/model/record.ts';
import { createMetrics } from '../../../src/model/metrics.ts';
import { positionOf } from '../../../src/store/layout.ts';
import { key, namespace, origin, run } from '../../support/build.ts';
import { readBack } from '../../support/outbox.ts';
import { TreeRoom } from '../../support/tree-room.ts';

const NS = namespace('ns');
const EU = origin('eu-1.1');
const entries = run(EU, 6, (seq) => ({
  namespace: NS,
  key: key(`k${seq}`),
  operation: seq === 2 ? 'delete' : 'put',
}));
const positionAt = (seq: number) => positionOf({ namespace: NS, key: key(`k${seq}`) });

let room: TreeRoom;
let sweep: AbsenceSweep;

beforeEach(() => {
  room = new TreeRoom();
  for (const entry of entries.slice(0, 4)) room.deliver(entry);
  room.commit();
  // These two are not durable yet.
  for (const entry of entries.slice(4)) room.deliver(entry);
  sweep = new AbsenceSweep({
    table: room.table,
    metrics: createMetrics(),
    bytesMax: 150,
    onEnd: () => {},
  });
});

/** Sweeps behind a part; gives the keys that are left of those that are shown in the beginning. */
function swept(last: number | undefined, shown: readonly Record[], covered: number): string[] {
  const covers = [{ origin: EU, seq: covered, chain: 0, hlc: 0 }];
  const until = last === undefined ? undefined : positionAt(last);
  sweep.begin({ after: '', last: until, records: shown, covers }, room.out);
  while (readBack(room.out, (request) => room.storage.range({ ...request, limit: 2 })));
  return entries.map(({ key: name }) => name).filter((name) => room.table.read(NS, name).record);
}

describe('a record that a part of a snapshot lacks', () => {
  it('was deleted, unless it is a tombstone, which stays', () => {
    expect(swept(undefined, [], 6)).toEqual(['k2']);
  });

  it('stays if the part shows the key in any form', () => {
    expect(swept(undefined, entries.slice(2, 3).map(recordOf), 6)).toEqual(['k2', 'k3']);
  });

  it('stays if the snapshot does not cover it, durable or not', () => {
    expect(swept(undefined, [], 3)).toEqual(['k2', 'k4', 'k5', 'k6']);
    expect(swept(undefined, [], 5)).toEqual(['k2', 'k6']);
  });

  it('stays behind the end of the part', () => {
    expect(swept(3, [], 6)).toEqual(['k2', 'k4', 'k5', 'k6']);
  });
});
