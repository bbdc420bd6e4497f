import { beforeEach, describe, expect, it } from 'vitest';
import type { LaneId } from '../../../../src/model/id.ts';
import type { OnUnmet } from '../../../../src/model/command.ts';
import type { Session } from '../../../../src/model/session.ts';
import type { Terms } from '../../../../src/model/terms.ts';
import type { Passage } from '../../../../src/replica/admission/gate.ts';
import { sessionGate } from '../../../../src/replica/admission/session-gate.ts';
import { type Asked, getOf, listOf, putOf, runOf } from '../../../cluster/cluster.ts';
import { origin } from '../../../support/build.ts';
import { EU, MachineRoom, US } from '../../../support/machine-room.ts';

const OF_EU = origin('eu-1.1');
let room: MachineRoom;
/** Peers that were asked for entries of a lane. */
let hastened: (readonly [peer: number, lane: LaneId])[];
let isFit: boolean;

beforeEach(() => {
  room = new MachineRoom();
  hastened = [];
  isFit = true;
});

function ask(asked: Asked): Passage {
  const gate = sessionGate({
    ...room.core,
    admission: { fit: () => (isFit ? [EU, US] : []) } as never,
    hasten: (peer, lane) => void hastened.push([peer, lane]),
  });
  return gate({ ...asked, client: { onReply: () => {} } } as never, {} as Terms, room.turn);
}

const seen = (seq: number): Session => new Map([[OF_EU, seq]]);
const read = (onUnmet: OnUnmet = 'usual') => ask(getOf('k', { session: seen(1), onUnmet }));

/** The code with which a parked request is refused after this many ms. */
function lateOf(passage: Passage, ms = 0): string | undefined {
  const turn = room.pass(ms);
  for (const { member } of room.core.peers.greeted()) room.hear(member.index);
  return passage.kind === 'park' ? passage.late(turn).code : undefined;
}

describe('a request with a session', () => {
  it.each([
    ['read', () => getOf('k', { session: seen(1) })],
    ['list', () => listOf({ session: seen(1) })],
    ['write', () => putOf('k', 'v', { session: seen(1) })],
    ['run', () => runOf([['k', 'v']], { session: seen(1) })],
  ])('is admitted once everything that it has seen is shown: a %s', (_, asked) => {
    const early = ask({ ...asked(), onUnmet: 'wait' } as Asked);
    expect(early).toMatchObject({ kind: 'park', until: { origin: OF_EU, seq: 1 } });
    room.hold(room.next(OF_EU));
    expect(ask(asked())).toEqual({ kind: 'admit' });
  });

  it('waits for the missing entry, of which a peer that holds it is asked at once', () => {
    expect(lateOf(read())).toBe('session-behind');
    expect(hastened).toEqual([]);
    room.greet(US, { vector: [[OF_EU, 1]] });
    expect(read('wait')).toMatchObject({ kind: 'park' });
    expect(hastened).toEqual([[US, OF_EU]]);
  });

  it('is refused at once if it says so, with the replicas that show it', () => {
    room.greet(EU);
    room.greet(US, { vector: [[OF_EU, 1]], url: 'http://us' });
    const passage = read('fail');
    expect(passage).toMatchObject({
      kind: 'refuse',
      fault: { code: 'session-behind', alternates: [{ id: 'us-1', url: 'http://us' }] },
    });
    expect(JSON.stringify(passage)).toContain('eu-1.1.1');
  });

  it('is forwarded if it says so and a fit peer shows the session, and waits otherwise', () => {
    expect(read('forward')).toMatchObject({ kind: 'park' });
    room.greet(US, { vector: [[OF_EU, 1]] });
    expect(read('forward')).toEqual({ kind: 'forward' });
    isFit = false;
    expect(read('forward')).toMatchObject({ kind: 'park' });
  });

  it('is refused for good at its deadline if no replica holds what it has seen any more', () => {
    room.greet(EU, { origin: origin('eu-1.2') });
    room.greet(US);
    const passage = read();
    // Entries that a replica sent before it died may still arrive.
    expect(lateOf(passage, 100)).toBe('session-behind');
    expect(lateOf(passage, 5000)).toBe('history-lost');
    room.hear(US, [[OF_EU, 1]]);
    expect(lateOf(passage, 5000)).toBe('session-behind');
  });
});

it('a request without a session is admitted', () => {
  expect(ask(getOf('k', { onUnmet: 'fail' }))).toEqual({ kind: 'admit' });
  expect(ask(getOf('k', { session: new Map(), onUnmet: 'fail' }))).toEqual({ kind: 'admit' });
});
