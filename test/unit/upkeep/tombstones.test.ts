import { beforeEach, describe, expect, it } from 'vitest';
import type { Seq } from '../../../src/model/id.ts';
import { type Mutation, recordOf } from '../../../src/model/record.ts';
import { recordKey, tombstoneKey } from '../../../src/store/layout.ts';
import { readForgotten, forgottenMark } from '../../../src/store/table.ts';
import { Tombstones } from '../../../src/upkeep/tombstones.ts';
import { CHECKPOINT_NEVER, key, mutation, namespace, origin, run } from '../../support/build.ts';
import { MachineRoom, ownOrigin } from '../../support/machine-room.ts';

const NS = namespace('ns');
const OWN = ownOrigin(1);
const A1 = origin('aa-1.1');
const Z1 = origin('zz-1.1');
const PIECE = 256;

let room: MachineRoom;
let tombstones: Tombstones;
let healed: string[];

/** It is alone, so whatever is durable is settled after two checks. */
beforeEach(() => {
  room = new MachineRoom({ regions: ['ap'] });
  start();
});

function start(): void {
  healed = [];
  tombstones = new Tombstones(room.core, (_, name) => void healed.push(name));
}

const deletes = (of: typeof OWN, count: number): Mutation[] =>
  run(of, count, (seq) => ({ key: key(`${of}/${seq}`), operation: 'delete' }));

const isKept = (of: typeof OWN, seq: Seq): boolean =>
  room.core.table.read(NS, key(`${of}/${seq}`)).record !== undefined;
const isFiled = (of: typeof OWN, seq: Seq): boolean =>
  room.disk.get(tombstoneKey({ origin: of, seq })) !== undefined;

/** At a heartbeat one piece is read, and what it drops is durable. */
function beat(): void {
  tombstones.onBeat(room.turn);
  room.readOnce();
  room.commit();
}

/** As often as it takes to settle and to walk. */
function beats(count = 6): void {
  for (let n = 0; n < count; n++) beat();
}

describe('a tombstone', () => {
  it('is dropped from memory and storage once it is settled, and counted', () => {
    room.hold(...deletes(OWN, 2));
    expect(room.core.metrics.tombstones).toBe(2);
    tombstones.onBeat(room.turn);
    expect(isKept(OWN, 1)).toBe(true);
    beats();
    expect([isKept(OWN, 1), isFiled(OWN, 1), isFiled(OWN, 2)]).toEqual([false, false, false]);
    expect(room.disk.get(recordKey(NS, key(`${OWN}/1`)))).toBeUndefined();
    expect(room.core.metrics).toMatchObject({ tombstones: 0, tombstonesDropped: 2 });
  });

  it('stays until a checkpoint covers what was received when it was settled', () => {
    room = new MachineRoom({ regions: ['ap'], settings: CHECKPOINT_NEVER });
    start();
    room.hold(...deletes(OWN, 1));
    beats();
    expect([isKept(OWN, 1), isFiled(OWN, 1)]).toEqual([true, true]);
    room.core.checkpoint.request(room.turn);
    room.commit();
    beats();
    expect([isKept(OWN, 1), isFiled(OWN, 1)]).toEqual([false, false]);
  });

  it('records the stamp of the newest forgotten delete', () => {
    room.hold(...deletes(OWN, 3));
    beats();
    expect(readForgotten(room.disk.get(forgottenMark()))).toBe(3 * 1024);
  });

  it('stays while it is not settled, and others are dropped', () => {
    room.hold(...deletes(A1, 1), ...deletes(OWN, 1), ...deletes(Z1, 1));
    tombstones.onBeat(room.turn);
    room.hold(...deletes(OWN, 3).slice(1));
    // The first round settles the entries that were present when it began; the walk skips the rest
    // of that lane.
    beat();
    tombstones.onDurable(0, room.turn);
    room.readOnce();
    expect([isKept(A1, 1), isKept(OWN, 1), isKept(Z1, 1)]).toEqual([false, false, false]);
    expect([isKept(OWN, 2), isKept(OWN, 3)]).toEqual([true, true]);
    room.commit();
    beats();
    expect([isKept(OWN, 2), isKept(OWN, 3)]).toEqual([false, false]);
  });

  it('that a newer write has replaced is removed from the index only', () => {
    const [deleted] = deletes(OWN, 1) as [Mutation];
    room.hold(deleted);
    const written = mutation({ origin: Z1, key: deleted.key, hlc: 9 * 1024 });
    // A damaged record may leave an entry like this: the write did not know of it.
    room.disk.damage(recordKey(NS, deleted.key));
    room = room.restarted();
    start();
    room.core.table.heal(recordOf(written), room.turn);
    room.commit();
    expect(isFiled(OWN, 1)).toBe(true);
    beats();
    expect(isFiled(OWN, 1)).toBe(false);
    expect(room.core.table.read(NS, deleted.key).record).toMatchObject({ hlc: 9 * 1024 });
    expect(room.core.metrics.tombstonesDropped).toBe(0);
  });

  it('whose record is damaged is repaired, and kept', () => {
    room.hold(...deletes(OWN, 1));
    room = room.restarted();
    start();
    room.disk.flip(recordKey(NS, key(`${OWN}/1`)), 77);
    beats();
    expect(healed).toEqual([`${OWN}/1`]);
    expect(isFiled(OWN, 1)).toBe(true);
  });

  it('whose entry is damaged stays, and its entry is removed: the scrub writes it again', () => {
    room.hold(...deletes(OWN, 1));
    room = room.restarted();
    start();
    room.disk.flip(tombstoneKey({ origin: OWN, seq: 1 }), 13);
    beats();
    expect([isFiled(OWN, 1), isKept(OWN, 1)]).toEqual([false, true]);
    expect(healed).toEqual([]);
  });
});

describe('a walk', () => {
  it('begins only if something was settled since the last one', () => {
    room.hold(...deletes(OWN, 1));
    beats();
    tombstones.onBeat(room.turn);
    expect(room.turn.reads).toEqual([]);
  });

  it('processes one piece with a heartbeat, and continues with commits, as fast as deletes come in', () => {
    room.hold(...deletes(OWN, 4 * PIECE));
    beat();
    beat();
    beat();
    const kept = (): number => room.core.metrics.tombstones / PIECE;
    expect(kept()).toBe(3);
    beat();
    expect(kept()).toBe(3);
    tombstones.onDurable(PIECE, room.turn);
    room.readOnce();
    room.commit();
    expect(kept()).toBe(2);
    beat();
    expect(kept()).toBe(1);
    beat();
    expect(kept()).toBe(1);
  });

  it('waits until what it dropped is durable', () => {
    room.hold(...deletes(OWN, 2 * PIECE));
    beat();
    tombstones.onBeat(room.turn);
    room.readOnce();
    tombstones.onDurable(1e6, room.turn);
    expect(room.turn.reads).toEqual([]);
    room.commit();
    tombstones.onDurable(0, room.turn);
    expect(room.turn.reads).toHaveLength(1);
  });

  it('uses what is settled when a piece arrives, and not when it was requested', () => {
    room = new MachineRoom();
    start();
    const [EU, US] = [1, 2];
    room.hold(...deletes(OWN, 1));
    for (const peer of [EU, US]) room.greet(peer, { vector: [[OWN, 1]] });
    for (let n = 0; n < 4; n++) {
      for (const peer of [EU, US]) room.hear(peer);
      tombstones.onBeat(room.turn);
    }
    expect(room.turn.reads).toHaveLength(1);
    room.leave(US);
    room.greet(US);
    room.read();
    expect(isKept(OWN, 1)).toBe(true);
  });

  it('that cannot be read reports it, and drops nothing', () => {
    room.hold(...deletes(OWN, 1));
    room.disk.damage(tombstoneKey({ origin: OWN, seq: 1 }));
    beats();
    expect([room.noted(), isKept(OWN, 1)]).toEqual([['tombstones-unreadable'], true]);
  });
});
