import { beforeEach, describe, expect, it } from 'vitest';
import { PartMerge } from '../../../src/entropy/part-merge.ts';
import { latestOf, type Record, recordOf } from '../../../src/model/record.ts';
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
let merge: PartMerge;
let ended: number;

beforeEach(() => {
  room = new TreeRoom();
  for (const entry of entries.slice(0, 4)) room.deliver(entry);
  room.commit();
  // These two are not durable yet.
  for (const entry of entries.slice(4)) room.deliver(entry);
  merge = new PartMerge({
    table: room.table,
    absence: room.absence,
    metrics: createMetrics(),
    bytesMax: 150,
    admit: (record) => room.absence.admit(record, room.out),
    onEnd: () => ended++,
  });
  ended = 0;
});

/** Merges a part; returns the keys that are shown then. */
function merged(last: number | undefined, shown: readonly Record[], covered: number): string[] {
  const covers = [{ origin: EU, seq: covered, chain: 0, hlc: 0 }];
  const until = last === undefined ? undefined : positionAt(last);
  merge.begin({ after: '', last: until, records: shown, covers }, room.out);
  while (readBack(room.out, (request) => room.storage.range({ ...request, limit: 2 })));
  return entries.map(({ key: name }) => name).filter((name) => room.table.read(NS, name).record);
}

describe('a record that a part of a snapshot lacks', () => {
  it('was deleted, unless it is a tombstone, which stays', () => {
    expect(merged(undefined, [], 6)).toEqual(['k2']);
  });

  it('stays if the part shows the key in any form', () => {
    expect(merged(undefined, entries.slice(2, 3).map(recordOf), 6)).toEqual(['k2', 'k3']);
  });

  it('stays if the snapshot does not cover it, durable or not', () => {
    expect(merged(undefined, [], 3)).toEqual(['k2', 'k4', 'k5', 'k6']);
    expect(merged(undefined, [], 5)).toEqual(['k2', 'k6']);
  });

  it('stays behind the end of the part', () => {
    expect(merged(3, [], 6)).toEqual(['k2', 'k4', 'k5', 'k6']);
  });
});

describe('a record of a part of a snapshot', () => {
  const US = origin('us-1.1');
  const of = (names: readonly string[]) =>
    run(US, names.length, (seq) => ({ namespace: NS, key: key(names[seq - 1] ?? '') }));
  const names = ['j', 'k1', 'k3x', 'k6', 'l'];
  const shownOf = (name: string): string | undefined => {
    const { record } = room.table.read(NS, key(name));
    return record && latestOf(record).origin;
  };

  it('is merged page by page, those behind what is here as well, and newer records here stay', () => {
    merged(undefined, of(names).map(recordOf), 0);
    expect(names.map(shownOf)).toEqual([US, US, US, EU, US]);
    expect(ended).toBe(1);
  });

  it('is not merged beyond the page after which the copy breaks off', () => {
    const covers = [{ origin: US, seq: names.length, chain: 0, hlc: 0 }];
    const records = of(names).map(recordOf);
    merge.begin({ after: '', last: undefined, records, covers }, room.out);
    merge.cancel();
    readBack(room.out, (request) => room.storage.range(request));
    expect(names.map(shownOf)).toEqual([undefined, EU, undefined, EU, undefined]);
    expect(ended).toBe(0);
  });
});
