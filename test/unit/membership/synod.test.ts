import { beforeEach, describe, expect, it } from 'vitest';
import { SynodRoom } from '../../support/synod-room.ts';

let room: SynodRoom;
beforeEach(() => {
  room = new SynodRoom(3);
});

const steps = (): string[] =>
  room.letters.map(({ from, to, message }) => `${from}>${to} ${message.step}`);
const outcomes = (n: number): string[] => room.seat(n).outcomes.map(({ kind }) => kind);
/** Drops what is on the way to or from a member. */
const isolate = (n: number): void => {
  room.letters.splice(
    0,
    room.letters.length,
    ...room.letters.filter(({ from, to }) => from !== n && to !== n),
  );
};

describe('a proposer', () => {
  it('asks no acceptor before its own promise is durable', () => {
    room.seat(0).ask(room.joined('za'));
    expect(steps()).toEqual([]);
    room.seat(0).commit();
    expect(steps()).toEqual(['0>1 prepare', '0>2 prepare']);
  });

  it('asks no acceptor to accept before it has accepted itself, durably', () => {
    room.seat(0).ask(room.joined('za'));
    room.seat(0).commit();
    room.deliver(0);
    room.seat(1).commit();
    expect(steps()).toEqual(['0>2 prepare', '1>0 promise']);
    room.deliver(1);
    expect(steps()).toEqual(['0>2 prepare']);
    room.seat(0).commit();
    expect(steps()).toEqual(['0>2 prepare', '0>1 accept', '0>2 accept']);
  });

  it('has its value chosen by a majority, and announces it to all', () => {
    room.seat(0).ask(room.joined('za'));
    room.quiet();
    expect(outcomes(0)).toEqual(['chosen']);
    expect(room.seats.map(({ chosen }) => chosen)).toEqual(Array(3).fill(room.joined('za')));
  });

  it('without a majority ends at its deadline, and it is definite that nothing was proposed', () => {
    room.seat(1).crash();
    room.seat(2).crash();
    room.seat(0).ask(room.joined('za'));
    for (let i = 0; i < 60; i++) {
      room.quiet();
      room.pass(100);
    }
    expect(room.seat(0).outcomes).toEqual([{ kind: 'timeout', indefinite: false }]);
    expect(room.chosen).toEqual([]);
  });

  it('begins with the next request while the attempt of one that ran out of time is under way', () => {
    room.seat(0).ask(room.joined('za'), 50);
    room.seat(0).commit();
    room.letters.length = 0;
    room.pass(100);
    expect(outcomes(0)).toEqual(['timeout']);
    room.seat(0).ask(room.joined('zz'));
    room.quiet();
    expect(outcomes(0)).toEqual(['timeout', 'chosen']);
    expect(room.seat(1).chosen).toEqual(room.joined('zz'));
  });

  it('that reached one acceptor only has an unknown outcome at its deadline', () => {
    room.seat(0).ask(room.joined('za'));
    room.seat(0).commit();
    room.deliver(0);
    room.seat(1).commit();
    isolate(2);
    room.deliver(0);
    room.seat(0).commit();
    room.letters.length = 0;
    room.seat(1).crash();
    room.seat(2).crash();
    room.pass(6000);
    expect(room.seat(0).outcomes).toEqual([{ kind: 'timeout', indefinite: true }]);
  });

  it('finishes a value that was accepted before, and reports the conflict to its caller', () => {
    acceptedBy0And1();
    room.seat(0).crash();
    room.seat(2).ask(room.joined('zz'));
    room.quiet();
    expect(outcomes(2)).toEqual(['conflict']);
    expect(room.chosen.every((value) => value.seats.some(({ id }) => id === 'za'))).toBe(true);
  });

  it('that is outbid pauses, and returns with a higher ballot', () => {
    room.seat(0).ask(room.joined('za'));
    room.seat(0).commit();
    isolate(1);
    isolate(2);
    room.seat(1).ask(room.joined('zz'));
    room.seat(1).commit();
    for (let i = 0; i < 100 && room.chosen.length === 0; i++) {
      room.quiet();
      room.pass(200);
    }
    room.quiet();
    expect(new Set(room.chosen.map((value) => JSON.stringify(value))).size).toBe(1);
    expect([...outcomes(0), ...outcomes(1)].sort()).toEqual(['chosen', 'conflict']);
  });

  it('in a cluster of one needs no other acceptor', () => {
    room = new SynodRoom(1);
    room.seat(0).ask(room.joined('za'));
    room.quiet();
    expect(outcomes(0)).toEqual(['chosen']);
  });
});

describe('an acceptor', () => {
  it('promises nothing before the promise is durable', () => {
    room.seat(0).ask(room.joined('za'));
    room.seat(0).commit();
    room.letters.splice(1);
    room.deliver(0);
    expect(steps()).toEqual([]);
    room.seat(1).commit();
    expect(steps()).toEqual(['1>0 promise']);
  });

  it('refuses ballots below its promise', () => {
    room.seat(0).ask(room.joined('za'));
    room.seat(0).commit();
    isolate(2);
    room.seat(2).ask(room.joined('zz'));
    room.seat(2).commit();
    // Both asked for round 1; the later incarnation has the later name.
    room.deliver(room.letters.findIndex(({ from, to }) => from === 2 && to === 1));
    room.seat(1).commit();
    room.deliver(room.letters.findIndex(({ from, to }) => from === 0 && to === 1));
    room.seat(1).take(0, { ...nothing(), step: 'prepare' });
    room
      .seat(1)
      .take(2, { ...nothing(), step: 'prepare', ballot: { round: 9, by: 'eu-3.1' as never } });
    room.seat(1).commit();
    expect(steps()).toContain('1>0 refused');
  });

  it('that has not caught up is silent, and so is one that may have forgotten a vote', () => {
    room.seat(1).isFit = false;
    room.seat(2).wipe();
    room.seat(2).begin();
    room.seat(0).ask(room.joined('za'), 20_000);
    room.seat(0).commit();
    room.quiet();
    expect(room.chosen).toEqual([]);
    expect(room.seat(2).synod?.vote).toBeUndefined();
    room.seat(2).greetAll();
    room.seat(2).settle();
    room.pass(2500);
    room.pass(2500);
    room.quiet();
    expect(room.chosen[0]).toEqual(room.joined('za'));
  });

  it('takes over the votes of the others when its disk was lost', () => {
    acceptedBy0And1();
    room.seat(1).wipe();
    room.seat(1).begin();
    room.seat(1).greetAll();
    room.seat(1).settle();
    expect(room.seat(1).synod?.vote?.accepted?.value).toEqual(room.joined('za'));
  });

  it('proposes what it accepted if it hears nothing for a while, also after a restart', () => {
    acceptedBy0And1();
    room.seat(0).crash();
    room.seat(1).crash();
    room.seat(1).begin();
    room.pass(2900);
    expect(room.letters).toEqual([]);
    room.pass(200);
    room.quiet();
    expect(room.seat(1).chosen).toEqual(room.joined('za'));
    expect(room.seat(2).chosen).toEqual(room.joined('za'));
  });

  it('that lost something counts its own earlier messages as sent, and hears the others before it votes', () => {
    acceptedBy0And1();
    const { synod } = room.seat(1);
    synod?.forget({ ...fakeOut() } as never);
    expect(synod?.vote?.accepted?.value).toEqual(room.joined('za'));
  });

  it('ignores messages of another epoch, and memberships that are not one step away', () => {
    const { ballot } = nothing();
    const far = { ...room.joined('za'), epoch: 3 };
    room.seat(1).take(0, { ...nothing(), step: 'prepare', epoch: 2 });
    room.seat(1).take(0, { ...nothing(), step: 'accept', proposal: { ballot, value: far } });
    room.seat(1).take(0, { ...nothing(), step: 'chosen', proposal: { ballot, value: far } });
    room.seat(1).settle();
    expect(room.letters).toEqual([]);
    expect(room.chosen).toEqual([]);
  });
});

function nothing() {
  const ballot = { round: 1, by: 'eu-1.1' as never };
  return { kind: 'synod', step: 'prepare', epoch: 1, ballot, proposal: undefined } as const;
}

function fakeOut() {
  return { lsn: 1, put: () => {}, del: () => {}, send: () => {} };
}

/** A majority has accepted, and no member knows that. */
function acceptedBy0And1(): void {
  room.seat(0).ask(room.joined('za'));
  room.seat(0).commit();
  isolate(2);
  room.deliver(0);
  room.seat(1).commit();
  room.deliver(0);
  room.seat(0).commit();
  isolate(2);
  room.deliver(0);
  room.seat(1).commit();
  expect(steps()).toEqual(['1>0 accepted']);
  room.letters.length = 0;
}
