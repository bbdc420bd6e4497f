import { beforeEach, describe, expect, it } from 'vitest';
import { ROOM_UNBOUNDED } from '../../../src/model/disk.ts';
import type { Seq } from '../../../src/model/id.ts';
import type { Mutation } from '../../../src/model/record.ts';
import { runName } from '../../../src/model/run.ts';
import { laneKey } from '../../../src/store/layout.ts';
import { Truncation } from '../../../src/upkeep/truncation.ts';
import { run } from '../../support/build.ts';
import { EU, MachineRoom, ownOrigin, US } from '../../support/machine-room.ts';

const OWN = ownOrigin(1);
const settings = { logRetainEntries: 2, logTruncateEntries: 3 };

let room: MachineRoom;
let truncation: Truncation;

beforeEach(() => {
  room = new MachineRoom({ settings });
  truncation = new Truncation(room.core);
});

/** The others hold this replica's lane up to this entry. */
function acknowledge(eu: Seq, us: Seq): void {
  room.greet(EU, { vector: [[OWN, eu]] });
  room.greet(US, { vector: [[OWN, us]] });
}

/** Each in a commit of its own. */
function holdEach(entries: readonly Mutation[]): void {
  for (const entry of entries) room.hold(entry);
}

function floorAfterBeat(): Seq {
  truncation.onBeat(room.turn);
  room.commit();
  return room.core.log.open(OWN).floor;
}

const isStored = (seq: Seq): boolean => room.disk.get(laneKey(OWN, seq)) !== undefined;

describe('a log', () => {
  it('is cut at the stable cut, except for what is retained', () => {
    holdEach(run(OWN, 10));
    acknowledge(9, 6);
    expect(floorAfterBeat()).toBe(6);
    acknowledge(10, 10);
    expect(floorAfterBeat()).toBe(6);
    room.hold(...run(OWN, 11).slice(10));
    acknowledge(11, 11);
    expect(floorAfterBeat()).toBe(9);
    expect([isStored(9), isStored(10)]).toEqual([false, true]);
  });

  it('stays as it is if too little would go, and if a member holds nothing', () => {
    holdEach(run(OWN, 10));
    acknowledge(2, 10);
    expect(floorAfterBeat()).toBe(0);
    room.leave(EU);
    acknowledge(0, 10);
    expect(floorAfterBeat()).toBe(0);
  });

  it('retains nothing if the disk is low', () => {
    holdEach(run(OWN, 10));
    acknowledge(10, 10);
    room.core.room.onLook({ ...ROOM_UNBOUNDED, low: true });
    expect(floorAfterBeat()).toBe(10);
  });

  it('is not cut within a commit, and so never within a run', () => {
    const all = run(OWN, 10, (seq) => {
      return { group: seq < 5 || seq > 8 ? '' : runName(seq - 5, 4) };
    });
    holdEach(all.slice(0, 4));
    room.hold(...all.slice(4, 8));
    holdEach(all.slice(8));
    acknowledge(6, 10);
    expect(floorAfterBeat()).toBe(4);
  });

  it('is cut without a read', () => {
    room = new MachineRoom({ settings: { ...settings, tailBytes: 0 } });
    truncation = new Truncation(room.core);
    holdEach(run(OWN, 10));
    acknowledge(10, 10);
    room.disk.damage(laneKey(OWN, 8));
    expect(floorAfterBeat()).toBe(8);
    expect([room.noted(), isStored(8)]).toEqual([[], false]);
  });
});
