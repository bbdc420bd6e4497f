import { beforeEach, describe, expect, it } from 'vitest';
import { positionOf } from '../../../src/store/layout.ts';
import { key, namespace, origin, run } from '../../support/build.ts';
import { TreeRoom } from '../../support/tree-room.ts';
import { recordOf } from '../../../src/model/record.ts';

const NS = namespace('ns');
const EU = origin('eu-1.1');
const entries = run(EU, 6, (seq) => ({ namespace: NS, key: key(`k${seq}`) }));
const [one, two, three, four] = entries as [Entry, Entry, Entry, Entry];
type Entry = (typeof entries)[number];

let room: TreeRoom;
const shows = ({ key: name }: Entry): boolean => room.table.read(NS, name).record !== undefined;

beforeEach(() => {
  room = new TreeRoom();
});

describe('an entry that arrives while a snapshot is copied', () => {
  beforeEach(() => {
    const covers = [{ origin: EU, seq: 3, chain: 0, hlc: 0 }];
    room.absence.onCopied(covers, positionOf({ namespace: NS, key: key('k2') }));
  });

  it('is not shown if the copy has passed its key, covers it, and has no record of it', () => {
    room.deliver(one);
    room.deliver(two);
    expect([one, two].map(shows)).toEqual([false, false]);
    expect(room.log.received(EU)).toBe(2);
  });

  it('is shown if the copy has yet to come to its key, or does not cover it', () => {
    for (const entry of entries) room.deliver(entry);
    expect([three, four].map(shows)).toEqual([true, true]);
  });

  it.each(['put', 'delete'] as const)('is not shown above an older %s, either', (operation) => {
    const old = { namespace: NS, key: one.key, hlc: 1, operation };
    const [older] = run(origin('us-1.1'), 1, () => old) as [Entry];
    room.absence.admit(recordOf(older), room.out);
    room.deliver(one);
    room.absence.admit(recordOf(one), room.out);
    expect(room.table.read(NS, one.key).record).toBe(older);
  });

  it('does not affect newer records', () => {
    const late = { namespace: NS, key: one.key, hlc: 1e9 };
    const [newer] = run(origin('us-1.1'), 1, () => late) as [Entry];
    room.absence.admit(recordOf(newer), room.out);
    room.deliver(one);
    expect(room.table.read(NS, one.key).record).toBe(newer);
  });

  it('is shown again after the copy', () => {
    room.absence.onCopyEnd();
    room.deliver(one);
    expect(shows(one)).toBe(true);
  });
});

describe('a record that arrives by another way', () => {
  it('is merged if the log does not reach it, and is ahead of the log until its entry comes', () => {
    room.deliver(one);
    room.absence.admit(recordOf(three), room.out);
    expect(shows(three)).toBe(true);
    expect([...room.absence.ahead()]).toEqual([[EU, 3]]);
    room.deliver(two);
    room.deliver(three);
    expect([...room.absence.ahead()]).toEqual([]);
  });

  it('was deleted if the log does reach it and nothing is stored', () => {
    for (const entry of [one, two, three]) room.deliver(entry);
    room.table.drop({ namespace: NS, key: two.key }, two.hlc, room.out);
    room.absence.admit(recordOf(two), room.out);
    expect(shows(two)).toBe(false);
    expect(room.absence.wasDeleted(recordOf(two))).toBe(true);
  });

  it('is not ahead if it lost', () => {
    const newer = run(origin('us-1.1'), 1, () => ({ namespace: NS, key: three.key, hlc: 1e9 }));
    for (const entry of newer) room.deliver(entry);
    room.absence.admit(recordOf(three), room.out);
    expect([...room.absence.ahead()]).toEqual([]);
  });
});
