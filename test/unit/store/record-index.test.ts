import { beforeEach, describe, expect, it } from 'vitest';
import { createMetrics } from '../../../src/model/metrics.ts';
import { type Mutation, recordOf } from '../../../src/model/record.ts';
import { expiryKey, tombstoneKey } from '../../../src/store/layout.ts';
import { decodeName, RecordIndex } from '../../../src/store/record-index.ts';
import { key, mutation, namespace, origin } from '../../support/build.ts';
import { MachineRoom } from '../../support/machine-room.ts';

const NS = namespace('ns');
const A1 = origin('aa-1.1');
const B1 = origin('bb-1.1');
const NAME = { namespace: NS, key: key('k') };

let room: MachineRoom;
let index: RecordIndex;
let metrics: ReturnType<typeof createMetrics>;

beforeEach(() => {
  room = new MachineRoom();
  metrics = createMetrics();
  index = new RecordIndex(
    (of) => of === 'aa-1',
    (at) => room.disk.get(at),
    metrics,
  );
});

const value = (fields: Partial<Mutation> = {}): Mutation =>
  mutation({ ...NAME, origin: A1, seq: 1, ...fields });
const expiring = value({ expiresAtMs: 5000 });
const deleted = value({ operation: 'delete', seq: 2 });

function move(before?: Mutation, after?: Mutation): void {
  index.move(before && recordOf(before), after && recordOf(after), room.turn);
  room.commit();
}

/** The entries of the index on the disk: of the deadline, of the delete. */
const filed = (): boolean[] =>
  [expiryKey(5000, NS, NAME.key), tombstoneKey({ origin: A1, seq: 2 })].map(
    (at) => room.disk.get(at) !== undefined,
  );

describe('the index of records', () => {
  it('has a value by its deadline, a tombstone by its dot, and nothing else', () => {
    move(undefined, value());
    expect(filed()).toEqual([false, false]);
    move(undefined, expiring);
    expect(filed()).toEqual([true, false]);
    move(expiring, deleted);
    expect(filed()).toEqual([false, true]);
    move(deleted, value({ seq: 3 }));
    expect(filed()).toEqual([false, false]);
  });

  it('has no deadline on which another replica acts', () => {
    const theirs = value({ origin: B1, expiresAtMs: 5000 });
    move(undefined, theirs);
    expect(filed()).toEqual([false, false]);
    expect([index.expiresHere(recordOf(theirs)), index.expiresHere(recordOf(expiring))]).toEqual([
      false,
      true,
    ]);
    expect(index.expiresHere(recordOf(value()))).toBe(false);
  });

  it('leads from a tombstone to the name of its record', () => {
    move(undefined, deleted);
    const stored = room.disk.get(tombstoneKey({ origin: A1, seq: 2 }));
    if (!(stored instanceof Uint8Array)) throw new Error('a tombstone is filed');
    expect(decodeName(stored)).toEqual(NAME);
    const changed = stored.slice();
    changed[3] = (changed[3] as number) ^ 1;
    expect([decodeName(changed), decodeName(stored.subarray(1))]).toEqual([undefined, undefined]);
  });

  it('counts tombstones as they come and go', () => {
    move(undefined, deleted);
    move(undefined, value({ operation: 'delete', seq: 3 }));
    expect(metrics.tombstones).toBe(2);
    move(deleted, value({ seq: 4 }));
    expect(metrics.tombstones).toBe(1);
    index.removeTombstone({ origin: A1, seq: 3 }, room.turn);
    expect(metrics.tombstones).toBe(0);
  });

  it('is written again if its entry was lost, once', () => {
    for (const record of [expiring, deleted]) index.ensure(recordOf(record), room.turn);
    room.commit();
    expect([filed(), metrics.tombstones]).toEqual([[true, true], 1]);
    for (const record of [expiring, deleted, value()]) index.ensure(recordOf(record), room.turn);
    expect([room.turn.hasWrites, metrics.tombstones]).toEqual([false, 1]);
  });
});

describe('a replay at a start', () => {
  const later = value({ operation: 'delete', seq: 3, key: key('other') });
  const stored = (...dots: readonly Mutation[]) =>
    dots.map((dot) => ({ key: tombstoneKey(dot), value: new Uint8Array(0) }));

  beforeEach(() => index.beginReplay());

  it('counts what storage has indexed, shown again or not', () => {
    move(undefined, deleted);
    index.countStored(stored(deleted, later));
    index.endReplay();
    expect(metrics.tombstones).toBe(2);
  });

  it('counts a delete that had waited, and which storage has not indexed yet', () => {
    move(undefined, deleted);
    index.countStored(stored(later));
    index.endReplay();
    expect(metrics.tombstones).toBe(2);
  });

  it('does not count one that is replaced, whether or not storage has it still', () => {
    move(deleted, value({ seq: 4 }));
    move(undefined, later);
    move(later, value({ seq: 5, key: key('other') }));
    index.countStored(stored(deleted));
    index.endReplay();
    expect(metrics.tombstones).toBe(0);
    move(undefined, deleted);
    expect(metrics.tombstones).toBe(1);
  });
});
