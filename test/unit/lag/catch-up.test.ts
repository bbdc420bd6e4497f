import { beforeEach, describe, expect, it } from 'vitest';
import { CatchUp, returningKey } from '../../../src/lag/catch-up.ts';
import type { LaneId, Seq } from '../../../src/model/id.ts';
import { metaKey } from '../../../src/store/layout.ts';
import { origin, run } from '../../support/build.ts';
import { EU, MachineRoom, US, ownOrigin } from '../../support/machine-room.ts';

const EU1 = origin('eu-1.1');
const US1 = origin('us-1.1');
const PAST = ownOrigin(1);
const isOwn = (of: LaneId): boolean => of.startsWith('ap-1.');

let room: MachineRoom;
let catchUp: CatchUp;

/** A replica whose directory was used before, unless the test says otherwise. */
function begin(isEmpty = false, before = new MachineRoom()): void {
  room = before;
  catchUp = new CatchUp(room.core);
  catchUp.begin(isEmpty, room.turn);
  room.commit();
}

/** A restart: what is on the disk remains, what this replica remembers beside it does not. */
const restart = (): void => begin(false, room.restarted());

const holds = (...vector: (readonly [LaneId, Seq])[]) => ({ vector });

/** Checks, like an open replica; true if a return has ended. */
const check = (isOpen = true): boolean => catchUp.check(isOpen, room.turn);

beforeEach(() => begin());

describe('a replica that begins with what it had', () => {
  it('has caught up once it holds all that a majority held when they greeted', () => {
    room.greet(EU, holds([EU1, 3]));
    check();
    expect(catchUp.isCaughtUp).toBe(false);
    room.hold(...run(EU1, 2));
    check();
    expect(catchUp.isCaughtUp).toBe(false);
    room.hold(...run(EU1, 3).slice(2));
    check();
    expect(catchUp.isCaughtUp).toBe(true);
  });

  it('has not caught up with entries that are received and not durable', () => {
    room.greet(EU, holds([EU1, 1]));
    room.deliver(...run(EU1, 1));
    check();
    expect(catchUp.isCaughtUp).toBe(false);
    room.commit();
    check();
    expect(catchUp.isCaughtUp).toBe(true);
  });

  it('waits for every connected peer, and not for one that was never heard', () => {
    room.greet(EU);
    room.greet(US, holds([US1, 1]));
    check();
    expect(catchUp.isCaughtUp).toBe(false);
    room.leave(US);
    check();
    expect(catchUp.isCaughtUp).toBe(true);
  });

  it('that hears no peer knows nothing', () => {
    check();
    expect(catchUp.isCaughtUp).toBe(false);
  });

  it('does not wait for what a peer writes after its greeting', () => {
    room.greet(EU, holds([EU1, 1]));
    check();
    room.hear(EU, [[EU1, 9]]);
    room.hold(...run(EU1, 1));
    check();
    expect(catchUp.isCaughtUp).toBe(true);
  });

  it('gets a new goal if another process of the peer greets', () => {
    room.greet(EU, holds([EU1, 1]));
    check();
    room.leave(EU);
    room.greet(EU, { origin: origin('eu-1.2'), ...holds([EU1, 2]) });
    room.hold(...run(EU1, 1));
    check();
    expect(catchUp.isCaughtUp).toBe(false);
    room.hold(...run(EU1, 2).slice(1));
    check();
    expect(catchUp.isCaughtUp).toBe(true);
  });

  it('reports it only once it is open, and later entries change nothing', () => {
    room.greet(EU);
    check(false);
    expect(catchUp.isCaughtUp).toBe(false);
    check();
    room.greet(US, holds([US1, 9]));
    check();
    expect(catchUp.isCaughtUp).toBe(true);
  });

  it('lacks nothing if the rest only waits for its time', () => {
    room.greet(EU, holds([EU1, 2]));
    room.core.held.keep(run(EU1, 2), room.turn);
    room.commit();
    check();
    expect(catchUp.isCaughtUp).toBe(true);
  });

  it('lacks what another lane has, while one lane waits for its time', () => {
    room.greet(EU, holds([EU1, 2], [US1, 1]));
    room.core.held.keep(run(EU1, 2), room.turn);
    check();
    expect(catchUp.isCaughtUp).toBe(false);
  });
});

describe('a replica whose directory is empty', () => {
  beforeEach(() => begin(true));

  it('has returned once it holds what every member holds, connected or not', () => {
    expect(catchUp.isReturning).toBe(true);
    room.greet(EU, holds([EU1, 1]));
    room.hold(...run(EU1, 1));
    expect([check(), catchUp.isReturning]).toEqual([false, true]);
    room.greet(US, holds([EU1, 1]));
    expect([check(false), catchUp.isReturning]).toEqual([true, false]);
  });

  it('has returned as soon as a majority holds nothing: the cluster begins', () => {
    room.greet(EU);
    expect([check(false), catchUp.isReturning]).toEqual([true, false]);
  });

  it('has returned for good', () => {
    room.greet(EU);
    check(false);
    expect([check(), check()]).toEqual([false, false]);
  });

  it('is still returning after a restart, until it has finished', () => {
    room.greet(EU, holds([EU1, 1]));
    check();
    restart();
    expect(catchUp.isReturning).toBe(true);
    for (const peer of [EU, US]) room.greet(peer);
    check();
    room.commit();
    restart();
    expect(catchUp.isReturning).toBe(false);
  });

  it('is also returning if its mark cannot be read', () => {
    room.disk.damage(returningKey());
    restart();
    expect(catchUp.isReturning).toBe(true);
  });

  it('asks no peer if it is the only member', () => {
    begin(true, new MachineRoom({ regions: ['ap'] }));
    expect(catchUp.isReturning).toBe(false);
    check();
    expect(catchUp.isCaughtUp).toBe(true);
  });
});

describe('a peer with more of our earlier writes than we have', () => {
  it('shows that the disk has lost something: the replica returns, and reports it once', () => {
    expect(catchUp.onLearned([[PAST, 4]], isOwn, room.turn)).toBe(true);
    expect([catchUp.isReturning, catchUp.isCaughtUp]).toEqual([true, false]);
    expect(room.turn.notes[0]).toMatchObject({
      level: 'error',
      event: 'data-lost',
      fields: { origin: PAST, held: 0, known: 4 },
    });
    expect(catchUp.onLearned([[PAST, 5]], isOwn, room.turn)).toBe(false);
    expect(room.noted()).toEqual(['data-lost']);
  });

  it('does not show a loss by entries of others, or by entries that were received here', () => {
    room.deliver(...run(PAST, 2));
    const vector = [
      [EU1, 9],
      [PAST, 2],
    ] as const;
    expect(catchUp.onLearned(vector, isOwn, room.turn)).toBe(false);
    expect(catchUp.isReturning).toBe(false);
  });

  it('makes a replica that had caught up return, with new goals', () => {
    room.greet(EU);
    room.greet(US);
    check();
    room.peer(EU).learn([[PAST, 1]]);
    catchUp.onLearned([[PAST, 1]], isOwn, room.turn);
    expect([check(), catchUp.isCaughtUp]).toEqual([false, false]);
    room.hold(...run(PAST, 1));
    expect([check(), catchUp.isCaughtUp]).toEqual([true, true]);
  });
});

describe('a peer that remembers more than this replica has', () => {
  const remember = (seq: Seq): boolean => catchUp.onRemembered([[EU1, seq]], room.turn);

  it('makes the replica return, whoever wrote it', () => {
    room.hold(...run(EU1, 2));
    expect(remember(2)).toBe(false);
    expect([remember(3), catchUp.isReturning, room.noted()]).toEqual([true, true, ['data-lost']]);
  });

  it('is ignored about what no member had when the return ended', () => {
    remember(3);
    for (const peer of [EU, US]) room.greet(peer, holds([EU1, 1]));
    room.hold(...run(EU1, 1));
    expect(check()).toBe(true);
    expect(room.noted()).toContain('data-written-off');
    room.commit();
    expect(remember(3)).toBe(false);
    restart();
    expect([remember(3), catchUp.isReturning]).toEqual([false, false]);
    expect(remember(4)).toBe(true);
  });

  it('is ignored about it after a second loss of the same log, also after restarts', () => {
    for (const seq of [3, 4]) {
      expect(remember(seq)).toBe(true);
      for (const peer of [EU, US]) room.greet(peer, holds([US1, 1]));
      if (seq === 3) room.hold(...run(US1, 1));
      expect(check()).toBe(true);
      room.commit();
      restart();
    }
    expect(remember(4)).toBe(false);
  });

  it('causes nothing to be written off that has arrived, or that waits for its time', () => {
    remember(1);
    catchUp.onRemembered([[US1, 1]], room.turn);
    room.hold(...run(EU1, 1));
    room.core.held.keep(run(US1, 1), room.turn);
    for (const peer of [EU, US]) room.greet(peer, holds([EU1, 1]));
    room.noted();
    expect([check(), room.noted()]).toEqual([true, []]);
  });

  it('is trusted if the record of what was written off cannot be read', () => {
    remember(3);
    for (const peer of [EU, US]) room.greet(peer, holds([EU1, 1]));
    room.hold(...run(EU1, 1));
    check();
    room.commit();
    room.disk.damage(metaKey('written-off'));
    restart();
    expect(remember(3)).toBe(true);
  });
});

describe('a replica that copies a snapshot', () => {
  beforeEach(() => {
    room.greet(EU);
    check();
    catchUp.onCopy(true);
  });

  it('is out of service until the copy has ended and the replica has caught up behind it', () => {
    expect([catchUp.isReturning, catchUp.isCaughtUp]).toEqual([true, false]);
    expect(check()).toBe(false);
    room.hear(EU, [[EU1, 1]]);
    catchUp.onCopy(false);
    expect(check()).toBe(false);
    room.hold(...run(EU1, 1));
    expect([check(), catchUp.isReturning, catchUp.isCaughtUp]).toEqual([true, false, true]);
  });

  it('needs a majority for that, and leaves no mark: a restart finds how far the copy has come', () => {
    room.commit();
    expect(room.disk.get(returningKey())).toBeUndefined();
    catchUp.onCopy(false);
    room.leave(EU);
    expect(check()).toBe(false);
    room.greet(US);
    expect(check()).toBe(true);
  });

  it('has to reach what is held behind the copy, whatever its earlier goal was', () => {
    begin();
    room.greet(EU, holds([EU1, 1]));
    check();
    catchUp.onCopy(true);
    room.hear(EU, [[EU1, 2]]);
    catchUp.onCopy(false);
    room.hold(...run(EU1, 1));
    expect(check()).toBe(false);
    room.hold(...run(EU1, 2).slice(1));
    expect(check()).toBe(true);
  });

  it('needs all members if it was returning before', () => {
    begin(true);
    catchUp.onCopy(true);
    catchUp.onCopy(false);
    room.greet(EU, holds([EU1, 1]));
    room.hold(...run(EU1, 1));
    expect(check()).toBe(false);
    room.greet(US);
    expect(check()).toBe(true);
  });
});
