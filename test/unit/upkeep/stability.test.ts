import { beforeEach, describe, expect, it } from 'vitest';
import { origin, run } from '../../support/build.ts';
import { EU, MachineRoom, ownOrigin, US } from '../../support/machine-room.ts';
import type { VectorEntries } from '../../../src/model/vector.ts';

const OWN = ownOrigin(1);
const EU1 = origin('eu-1.1');
const PEERS = [EU, US];

let room: MachineRoom;

beforeEach(() => {
  room = new MachineRoom();
});

/** Checks, as at every heartbeat; returns what is settled. */
function look(): VectorEntries {
  room.core.stability.onBeat();
  return [...room.core.stability.cut];
}

/** Both peers are heard, and then our own heartbeat is due. */
function beat(vector: VectorEntries = []): VectorEntries {
  for (const peer of PEERS) room.hear(peer, vector);
  return look();
}

/** This replica and its peers hold one of its entries, and a round has begun with it. */
function begin(): void {
  room.hold(...run(OWN, 1));
  for (const peer of PEERS) {
    room.greet(peer, { vector: [[OWN, 1]] });
    room.hear(peer);
  }
  look();
}

describe('the cut that every member holds', () => {
  beforeEach(begin);

  it('is settled once each member was heard, holds what all held then, and was heard once more', () => {
    expect(beat()).toEqual([]);
    expect(beat()).toEqual([[OWN, 1]]);
  });

  it('is not settled by local checks alone', () => {
    for (let n = 0; n < 9; n++) expect(look()).toEqual([]);
  });

  it('waits for the member that was not heard, in each step', () => {
    room.hear(EU);
    expect(look()).toEqual([]);
    room.hear(US);
    look();
    room.hear(EU);
    expect(look()).toEqual([]);
    room.hear(US);
    expect(look()).toEqual([[OWN, 1]]);
  });

  it('waits until all members have what each had accepted beside it', () => {
    room.hear(EU, [[EU1, 1]]);
    room.hear(US);
    look();
    for (let n = 0; n < 3; n++) expect(beat()).toEqual([]);
    room.hold(...run(EU1, 1));
    for (let n = 0; n < 3; n++) expect(beat()).toEqual([]);
    expect(beat([[EU1, 1]])).toEqual([]);
    expect(beat()).toEqual([[OWN, 1]]);
  });

  it('waits for what this replica itself had accepted, and not yet for later writes', () => {
    room.hold(...run(OWN, 2).slice(1));
    beat();
    room.hold(...run(OWN, 3).slice(2));
    for (let n = 0; n < 3; n++) expect(beat()).toEqual([]);
    expect(beat([[OWN, 2]])).toEqual([]);
    expect(beat()).toEqual([[OWN, 1]]);
  });

  it('is settled in the next round if it was reached during one', () => {
    room.hold(...run(OWN, 2).slice(1));
    beat([[OWN, 2]]);
    expect(beat()).toEqual([[OWN, 1]]);
    beat();
    expect(beat()).toEqual([[OWN, 2]]);
  });

  it('begins a new round if a member came or went', () => {
    beat();
    room.leave(US);
    expect(beat()).toEqual([]);
    room.greet(US, { vector: [[OWN, 1]] });
    expect(beat()).toEqual([]);
    expect(beat()).toEqual([]);
    expect(beat()).toEqual([[OWN, 1]]);
  });

  it('is no longer settled if a member returns with less', () => {
    beat();
    beat();
    room.leave(US);
    expect(look()).toEqual([[OWN, 1]]);
    room.greet(US);
    expect(look()).toEqual([]);
  });
});

describe('an entry that waits in causal order', () => {
  it('at a member keeps everything until it is visible there', () => {
    begin();
    room.hold(...run(OWN, 2).slice(1));
    const waiting: VectorEntries = [[OWN, 1]];
    for (let n = 0; n < 6; n++) {
      room.hear(EU, [[OWN, 2]]);
      room.hear(US, [[OWN, 2]], { waiting });
      look();
    }
    expect(look()).toEqual([]);
    for (let n = 0; n < 6; n++) beat();
    expect(look()).toEqual([[OWN, 2]]);
  });
});

describe('a member that is down', () => {
  it('keeps everything that was not settled', () => {
    room.hold(...run(OWN, 1));
    room.greet(EU, { vector: [[OWN, 1]] });
    for (let n = 0; n < 5; n++) {
      room.hear(EU);
      expect(look()).toEqual([]);
    }
  });
});

describe('a cluster of one', () => {
  it('settles what is durable', () => {
    room = new MachineRoom({ regions: ['ap'] });
    room.hold(...run(OWN, 1));
    room.deliver(...run(OWN, 2).slice(1));
    look();
    expect(look()).toEqual([[OWN, 1]]);
  });
});

describe('the members that keep a tombstone', () => {
  const dot = { origin: OWN, seq: 1 };

  it('are those that lack it', () => {
    room.greet(EU, { vector: [[OWN, 1]] });
    expect(room.core.stability.blockers(dot)).toEqual(['us-1']);
    room.greet(US);
    expect(room.core.stability.blockers(dot)).toEqual(['us-1']);
  });

  it('are those that are gone if all have it, and else none', () => {
    begin();
    expect(room.core.stability.blockers(dot)).toEqual([]);
    room.leave(EU);
    expect(room.core.stability.blockers(dot)).toEqual(['eu-1']);
  });
});
