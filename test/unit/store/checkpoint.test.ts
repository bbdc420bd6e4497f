import { beforeEach, describe, expect, it } from 'vitest';
import { HostTurn } from '../../../src/host/turn.ts';
import { ROOM_UNBOUNDED } from '../../../src/model/disk.ts';
import { decodeRecord } from '../../../src/model/encoding.ts';
import { type Mutation, recordOf } from '../../../src/model/record.ts';
import { type Core, createCore } from '../../../src/replica/core.ts';
import { replayOf } from '../../../src/replica/replay.ts';
import { unseal } from '../../../src/store/envelope.ts';
import { decodeLaneState } from '../../../src/store/lane.ts';
import { allLeaves, originKey, parseTreeKey, recordKey } from '../../../src/store/layout.ts';
import { LEAVES, Leaves, leafOf } from '../../../src/store/leaves.ts';
import { Recovery } from '../../../src/store/recovery.ts';
import { storedHeads } from '../../../src/store/tip.ts';
import { CHECKPOINT_NEVER, key, mutation, namespace, run } from '../../support/build.ts';
import { MachineRoom, ownOrigin } from '../../support/machine-room.ts';
import { readBack } from '../../support/outbox.ts';
import { shownAtOnce } from '../../support/shown-at-once.ts';

const OWN = ownOrigin(1);
const NS = namespace('ns');
const settings = CHECKPOINT_NEVER;

let room: MachineRoom;
beforeEach(() => {
  room = new MachineRoom({ settings });
});

/** The next entries, each under a key of its own. */
const entriesTo = (count: number, size = 8, from = 0): Mutation[] =>
  run(OWN, count, (seq) => {
    return { namespace: NS, key: key(`k${seq}`), value: new Uint8Array(size).fill(seq) };
  }).slice(from);
const later = (ms: number): HostTurn =>
  room.turn.at({ wallMs: room.now.wallMs, monoMs: room.now.monoMs + ms });
const markOf = (): number => {
  const bytes = room.disk.get(originKey(OWN));
  return bytes instanceof Uint8Array ? (decodeLaneState(bytes)?.received ?? -1) : 0;
};
const isStored = (seq: number): boolean =>
  room.disk.get(recordKey(NS, key(`k${seq}`))) instanceof Uint8Array;
const storedCount = (to: number): number =>
  Array.from({ length: to }, (_, at) => isStored(at + 1)).filter(Boolean).length;

/** Every leaf on disk is the sum of the records on disk. */
function expectInStep(): void {
  const stored = new Leaves();
  const sums = new Leaves();
  const leaves = room.disk.range({ ...allLeaves(), reverse: false, limit: 1e6, bytesMax: 1e9 });
  for (const { key: at, value } of leaves.ok ? leaves.entries : []) {
    const reader = unseal(value);
    const leaf = parseTreeKey(at);
    if (leaf < LEAVES && reader !== undefined) stored.set(leaf, reader.u32(), reader.u32());
  }
  for (let seq = 1; seq <= 2000; seq++) {
    const bytes = room.disk.get(recordKey(NS, key(`k${seq}`)));
    const record = bytes instanceof Uint8Array ? decodeRecord(bytes) : undefined;
    if (record !== undefined) sums.toggle(leafOf(NS, record.key), record);
  }
  for (let leaf = 0; leaf < LEAVES; leaf++) expect(stored.isSame(sums, leaf)).toBe(true);
}

describe('a commit', () => {
  it('stores what was logged, and no record', () => {
    room.hold(...entriesTo(10));
    expect([storedCount(10), markOf()]).toEqual([0, 0]);
    expect(storedHeads((at) => room.disk.get(at))(OWN)).toBe(10);
    expect(room.core.table.cells.dirty.size).toBe(10);
    expectInStep();
  });

  it('stores a record that no log implies, with its leaf and the other dirty records of the leaf', () => {
    const [logged] = entriesTo(1);
    room.hold(logged as Mutation);
    const leaf = leafOf(NS, key('k1'));
    const same = Array.from({ length: 2000 }, (_, at) => at + 2).find(
      (seq) => leafOf(NS, key(`k${seq}`)) === leaf,
    );
    // Two names in one leaf are rare: if there is none, the record itself is stored.
    const seq = same ?? 2;
    const admitted = entriesTo(seq).at(-1) as Mutation;
    room.core.absence.admit(recordOf(admitted), room.turn);
    room.commit();
    expect(isStored(seq)).toBe(true);
    expect(isStored(1)).toBe(same !== undefined);
    expectInStep();
  });
});

describe('a checkpoint', () => {
  const begin = (): number => room.core.checkpoint.request(room.turn);

  it('stores all that is dirty, and how far the table goes', () => {
    room.hold(...entriesTo(10));
    const ticket = begin();
    expect(room.core.checkpoint.covers(ticket)).toBe(false);
    room.commit();
    expect([storedCount(10), markOf()]).toEqual([10, 10]);
    expect(room.core.checkpoint.covers(ticket)).toBe(true);
    expect(room.core.table.cells.dirty.size).toBe(0);
    expectInStep();
  });

  it('sets its mark with its last piece, and each piece keeps records and leaves in step', () => {
    room.hold(...entriesTo(300, 1000));
    begin();
    const marks: number[] = [];
    for (let pieces = 0; pieces < 20 && markOf() === 0; pieces++) {
      room.commit();
      room.core.checkpoint.onDurable(room.turn);
      marks.push(markOf());
      expect(storedCount(300) === 300).toBe(markOf() === 300);
      expectInStep();
    }
    expect(marks.length).toBeGreaterThan(3);
    expect(marks.at(-1)).toBe(300);
  });

  it('covers what was logged before it began, and no more', () => {
    room.hold(...entriesTo(300, 1000));
    begin();
    room.commit();
    room.hold(...entriesTo(310, 1000, 300));
    for (let pieces = 0; pieces < 20 && markOf() === 0; pieces++) room.commit();
    expect(markOf()).toBe(300);
    expect(room.core.table.cells.dirty.size).toBeGreaterThan(0);
    expectInStep();
  });

  it('writes twice as much as is logged meanwhile, so it ends', () => {
    room.hold(...entriesTo(500, 1000));
    begin();
    room.commit();
    let to = 500;
    while (markOf() === 0 && to < 2000) {
      room.hold(...entriesTo(to + 50, 1000, to));
      to += 50;
    }
    expect(markOf()).toBe(500);
    expect(to).toBeLessThanOrEqual(500 + 250 + 100);
  });

  it('begins at each of its bounds', () => {
    for (const bound of [{ checkpointBytes: 2000 }, { checkpointEntries: 10 }]) {
      room = new MachineRoom({ settings: { ...settings, ...bound } });
      room.hold(...entriesTo(9, 100));
      expect(markOf()).toBe(0);
      room.hold(...entriesTo(20, 100, 9));
      expect(markOf()).toBe(20);
    }
    room = new MachineRoom({ settings: { ...settings, checkpointMs: 5000 } });
    room.hold(...entriesTo(1));
    room.core.checkpoint.onBeat(later(4999));
    expect(room.turn.hasWrites).toBe(false);
    room.core.room.onLook({ ...ROOM_UNBOUNDED, low: true });
    room.core.checkpoint.onBeat(later(5000));
    expect(room.turn.hasWrites).toBe(false);
    room.core.room.onLook(ROOM_UNBOUNDED);
    room.core.checkpoint.onBeat(later(5000));
    expect(room.turn.hasWrites).toBe(true);
    room.commit();
    expect(markOf()).toBe(1);
    room.core.checkpoint.onBeat(later(60_000));
    expect(room.turn.hasWrites).toBe(false);
  });

  it('in larger pieces is the last act of a process', () => {
    const { checkpoint } = room.core;
    room.hold(...entriesTo(500, 1000));
    checkpoint.requestLast(room.turn);
    expect(checkpoint.isComplete).toBe(false);
    room.commit();
    expect([markOf(), checkpoint.isComplete]).toEqual([500, true]);
    checkpoint.requestLast(room.turn);
    expect(room.turn.hasWrites).toBe(false);
  });

  it('that a slow disk delays refuses writes at four times its limit, until it has caught up', () => {
    const MIB = 1024 * 1024;
    room = new MachineRoom({ settings: { ...settings, checkpointBytes: 17 * MIB } });
    const { checkpoint, table } = room.core;
    for (let seq = 1; checkpoint.fullness === undefined && seq <= 100; seq++)
      room.deliver(
        room.next(OWN, { namespace: NS, key: key(`k${seq}`), value: new Uint8Array(MIB) }),
      );
    expect(table.cells.dirty.size).toBe(68);
    expect(checkpoint.fullness).toMatchObject({ code: 'overloaded' });
    for (let pieces = 0; pieces < 100 && checkpoint.fullness !== undefined; pieces++) room.commit();
    expect(checkpoint.fullness).toBeUndefined();
  });

  it('shows how much is dirty, and since when', () => {
    const { checkpoint, metrics } = room.core;
    room.hold(...entriesTo(10));
    checkpoint.onBeat(later(3000));
    const { dirtyRecords, dirtyBytes, entriesBehindMark, checkpointAgeSeconds } = metrics;
    expect([dirtyRecords, entriesBehindMark, checkpointAgeSeconds]).toEqual([10, 10, 3]);
    expect(dirtyBytes).toBeGreaterThan(10 * 8);
    begin();
    room.commit();
    checkpoint.onBeat(later(1000));
    expect(metrics.checkpointBytes).toBe(dirtyBytes);
    expect(metrics).toMatchObject({
      dirtyRecords: 0,
      dirtyBytes: 0,
      entriesBehindMark: 0,
      checkpointAgeSeconds: 0,
    });
  });

  it('on request covers nothing that came later, and covers all if there is nothing to do', () => {
    const { checkpoint } = room.core;
    expect(checkpoint.covers(checkpoint.next)).toBe(true);
    room.hold(...entriesTo(1));
    const ticket = checkpoint.next;
    expect(checkpoint.covers(ticket)).toBe(false);
    begin();
    room.commit();
    expect(checkpoint.covers(ticket)).toBe(true);
  });
});

/** The next incarnation once it has read what is stored, and before it commits anything. */
function recovered(): Core {
  const { disk } = room;
  const get = (name: Uint8Array) => disk.get(name);
  const core = createCore({ settings: room.core.settings, policies: [], incarnation: 2, get });
  const { log, held, tree, metrics } = core;
  const turn = new HostTurn(core.timers);
  const park = (): ReadonlySet<never> => new Set();
  const replay = replayOf(core, shownAtOnce(core), () => {});
  let isDone = false;
  const done = () => (isDone = true);
  new Recovery(log, held, tree, metrics, park, replay, done).begin(turn);
  while (readBack(turn, (request) => disk.range(request)));
  expect(isDone).toBe(true);
  return core;
}

describe('a start', () => {
  it('replays what is behind the mark, whatever pieces the crash has left', () => {
    room.hold(...entriesTo(300, 1000));
    room.core.checkpoint.request(room.turn);
    room.commit();
    expect([markOf(), storedCount(300) > 0, storedCount(300) < 300]).toEqual([0, true, true]);
    room = room.restarted();
    expect(room.core.metrics.entriesReplayed).toBe(300);
    for (let seq = 1; seq <= 300; seq++)
      expect(room.core.table.read(NS, key(`k${seq}`)).record).toBeDefined();
    expect(room.core.log.applied(OWN)).toBe(300);
    expectInStep();
    const keys = room.core.tree.census?.entries()[0]?.[1].keys;
    expect(keys).toBe(300);
  });

  it('shows what it has replayed as durable, before its first commit', () => {
    room.hold(...entriesTo(1));
    room.core.checkpoint.request(room.turn);
    room.commit();
    const { chain } = room.core.log.open(OWN);
    const again = { origin: OWN, seq: 2, hlc: 1e6, namespace: NS, key: key('k1') };
    room.hold(mutation(again, chain));
    const { cells } = recovered().table;
    const cell = cells.read(NS, key('k1'));
    expect([cells.isDurable(cell), cells.undurableCount]).toEqual([true, 0]);
    expect(cells.readDurable(NS, key('k1')).record).toMatchObject({ hlc: 1e6 });
  });

  it('replays nothing after a checkpoint that has ended', () => {
    room.hold(...entriesTo(10));
    room.core.checkpoint.request(room.turn);
    room.commit();
    room = room.restarted();
    expect(room.core.metrics.entriesReplayed).toBe(0);
    expect(room.core.table.read(NS, key('k10')).record).toBeDefined();
  });
});
