import { beforeEach, describe, expect, it } from 'vitest';
import { origin } from '../../support/build.ts';
import { EU, MachineRoom, ownOrigin, US } from '../../support/machine-room.ts';

const OF_EU = origin('eu-1.1');
let room: MachineRoom;

beforeEach(() => {
  room = new MachineRoom();
});

/** This many entries of eu-1 are shown here. */
function show(entries: number): void {
  for (let n = 0; n < entries; n++) room.deliver(room.next(OF_EU));
}

const sessions = () => room.core.sessions;
const session = (...entries: readonly (readonly [string, number])[]) =>
  new Map(entries.map(([name, seq]) => [origin(name), seq]));

describe('what a session lacks here', () => {
  it('is the first entry that is not shown', () => {
    show(2);
    expect(sessions().lacking(session(['eu-1.1', 2]), 'newest')).toBeUndefined();
    expect(sessions().lacking(session(['eu-1.1', 2], ['us-1.1', 1]), 'newest')).toEqual({
      origin: 'us-1.1',
      seq: 1,
    });
  });

  it('is what is not durable here, for a list', () => {
    show(1);
    expect(sessions().lacking(session(['eu-1.1', 1]), 'durable')).toMatchObject({ seq: 1 });
    room.commit();
    expect(sessions().lacking(session(['eu-1.1', 1]), 'durable')).toBeUndefined();
  });

  it('is held by a peer that says so, and can be asked', () => {
    const dot = { origin: OF_EU, seq: 3 };
    expect(sessions().holderOf(dot)).toBeUndefined();
    room.greet(US, { vector: [[OF_EU, 3]] });
    expect(sessions().holderOf(dot)?.member.index).toBe(US);
    room.leave(US);
    expect(sessions().holderOf(dot)).toBeUndefined();
  });
});

describe('an entry is everywhere', () => {
  it('once every member holds it durably, and shows it', () => {
    const dot = { origin: OF_EU, seq: 1 };
    room.hold(room.next(OF_EU));
    room.greet(EU, { vector: [[OF_EU, 1]] });
    expect(sessions().isEverywhere(dot)).toBe(false);
    room.greet(US);
    expect(sessions().isEverywhere(dot)).toBe(false);
    room.hear(EU);
    room.hear(US, [[OF_EU, 1]], { waiting: [[OF_EU, 0]] });
    expect(sessions().isEverywhere(dot)).toBe(false);
    room.hear(US);
    expect(sessions().isEverywhere(dot)).toBe(true);
  });

  it('until a member says hello that has lost it', () => {
    const dot = { origin: OF_EU, seq: 1 };
    room.hold(room.next(OF_EU));
    room.greet(EU, { vector: [[OF_EU, 1]] });
    room.greet(US, { vector: [[OF_EU, 1]] });
    for (const peer of [EU, US]) room.hear(peer);
    expect(sessions().isEverywhere(dot)).toBe(true);
    room.greet(US);
    expect(sessions().isEverywhere(dot)).toBe(false);
  });
});

describe('an entry is lost', () => {
  const dot = { origin: OF_EU, seq: 2 };
  /** The next incarnation of eu-1 runs. */
  const later = { origin: origin('eu-1.2') };

  it('if the incarnation that made it is over and no member holds it', () => {
    room.greet(EU, { ...later, vector: [[OF_EU, 1]] });
    room.greet(US, { vector: [[OF_EU, 1]] });
    expect(sessions().isLost(dot, room.now)).toBe(true);
  });

  it.each([
    ['a member holds it', () => room.greet(US, { vector: [[OF_EU, 2]] })],
    ['it is here', () => (room.greet(US), show(2))],
    ['a member cannot be asked', () => undefined],
    ['the incarnation still runs', () => (room.greet(US), room.greet(EU))],
    ['a member has fallen silent', () => (room.greet(US), room.pass(5000))],
    ['its replica cannot be asked', () => (room.greet(US), room.leave(EU))],
  ])('unless %s', (_, change) => {
    room.greet(EU, later);
    change();
    expect(sessions().isLost(dot, room.now)).toBe(false);
  });

  it('unless its incarnation is newer than the one that is known: that connection is dead', () => {
    room.greet(EU);
    room.greet(US);
    expect(sessions().isLost({ origin: origin('eu-1.2'), seq: 1 }, room.now)).toBe(false);
  });

  it('if this replica made it in an earlier incarnation, and no disk has it', () => {
    room = new MachineRoom({ incarnation: 5 });
    room.greet(EU);
    room.greet(US);
    expect(sessions().isLost({ origin: ownOrigin(4), seq: 1 }, room.now)).toBe(true);
    expect(sessions().isLost({ origin: ownOrigin(5), seq: 1 }, room.now)).toBe(false);
  });

  it('if its replica is no member any more', () => {
    room.greet(EU);
    room.greet(US);
    expect(sessions().isLost({ origin: origin('sa-1.1'), seq: 1 }, room.now)).toBe(true);
  });
});

describe('the replicas that a token may name', () => {
  it('are the members, and those that have a lane here', () => {
    expect(sessions().replicas()).toEqual(['ap-1', 'eu-1', 'us-1']);
    room.deliver(room.next(origin('sa-1.1')));
    expect(sessions().replicas()).toEqual(['ap-1', 'eu-1', 'us-1', 'sa-1']);
    expect(sessions().replicas()).toBe(sessions().replicas());
  });
});
