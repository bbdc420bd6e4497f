import { beforeEach, describe, expect, it } from 'vitest';
import { HostTurn } from '../../../../src/host/turn.ts';
import type { Command } from '../../../../src/model/command.ts';
import { fault } from '../../../../src/model/fault.ts';
import type { Client } from '../../../../src/model/reply.ts';
import type { Terms } from '../../../../src/model/terms.ts';
import { ParkingLot } from '../../../../src/quorum/parking-lot.ts';
import { Entrance } from '../../../../src/replica/admission/entrance.ts';
import {
  ADMIT,
  type AnyGate,
  barred,
  FORWARD,
  type Passage,
} from '../../../../src/replica/admission/gate.ts';
import type { LevelDesk } from '../../../../src/replica/desk/desk.ts';
import { getOf, listOf, putOf } from '../../../cluster/cluster.ts';
import { membersOf, namespacesOf, origin } from '../../../support/build.ts';
import { replied } from '../../../support/outbox.ts';

const A = origin('a.1');
const DOT = { origin: A, seq: 5 };
const LATE = fault('timeout', 'what the session has seen did not come in time');
const PARK: Passage = { kind: 'park', until: DOT, late: () => LATE };
const client: Client = { onReply: () => {} };

let turn: HostTurn;
let lot: ParkingLot;
let told: string[];
let served: Terms[];
/** The next answers of the gates of the arrival, and of those before a wait. */
let arrival: Passage;
let wait: Passage;

const tell = (what: string) => (_: unknown, terms: Terms) => {
  told.push(what);
  served.push(terms);
};
const desk: LevelDesk = {
  read: tell('read'),
  write: tell('write'),
  list: tell('list'),
  explain: tell('explain'),
};

function entrance(...more: AnyGate[]): Entrance {
  const gates: AnyGate[] = [
    { name: 'arrival', at: 'arrival', of: ['read', 'list'], ask: () => arrival },
    { name: 'wait', at: 'wait', of: ['read', 'write'], ask: () => wait },
  ];
  return new Entrance({
    namespaces: namespacesOf(membersOf(['eu', 'us', 'us']), { ns: { r: 2, timeoutMs: 700 } }),
    gates: [...gates, ...more],
    desks: { 'multi-leader': desk },
    lot,
    forward: tell('forward'),
    serve: ({ kind }) => void told.push(kind),
  });
}

const at = (monoMs: number): HostTurn => turn.at({ wallMs: 0, monoMs });
const command = (of: object): Command => ({ ...of, client }) as Command;
const read = (ns = 'ns', options = {}): Command => command(getOf('k', { ns, ...options }));
const codes = (): unknown[] =>
  replied(turn).map(({ reply }) => (reply.kind === 'failed' ? reply.fault.code : reply.kind));

beforeEach(() => {
  turn = new HostTurn();
  lot = new ParkingLot(1);
  told = [];
  served = [];
  arrival = ADMIT;
  wait = ADMIT;
});

describe('a request that every gate admits', () => {
  it.each([
    ['read', read()],
    ['list', command(listOf({ ns: 'ns' }))],
    ['write', command(putOf('k', 'v', { ns: 'ns' }))],
    ['status', { kind: 'status', client } as const],
  ])('is served: %s', (kind, each) => {
    entrance().enter(each, at(0));
    expect(told).toEqual([kind]);
  });

  it('has the terms of its policy, or its own', () => {
    entrance().enter(read('ns', { r: undefined, timeoutMs: undefined }), at(50));
    entrance().enter(read('ns', { r: 3, timeoutMs: 100 }), at(50));
    expect(served).toMatchObject([
      { quorum: { count: 2 }, deadlineMs: 750, namespace: { policy: { namespace: 'ns' } } },
      { quorum: { count: 3 }, deadlineMs: 150 },
    ]);
  });

  it('is refused if no policy names its namespace', () => {
    entrance().enter(read('none'), at(0));
    expect(codes()).toEqual(['namespace-not-found']);
    expect(told).toEqual([]);
  });
});

describe('gates', () => {
  it('are asked in their order, up to the first that does not admit', () => {
    const asked: string[] = [];
    const gate = (name: string, passage: Passage): AnyGate => {
      return { name, at: 'arrival', of: ['read'], ask: () => (asked.push(name), passage) };
    };
    const row = [gate('one', ADMIT), gate('two', barred('draining', '')), gate('three', ADMIT)];
    entrance(...row).enter(read(), at(0));
    expect(asked).toEqual(['one', 'two']);
    expect(codes()).toEqual(['draining']);
  });

  it('at the door are asked before the namespace is looked up, for any command', () => {
    const closed = () => barred('catching-up', '') as never;
    const door: AnyGate = { name: 'closed', at: 'door', of: ['read', 'resync'], ask: closed };
    entrance(door).enter(read('none'), at(0));
    entrance(door).enter({ kind: 'resync', client }, at(0));
    expect(codes()).toEqual(['catching-up', 'catching-up']);
  });

  it('before a wait are asked by the desk only', () => {
    wait = barred('no-quorum', '');
    const door = entrance();
    const asked = read();
    door.enter(asked, at(0));
    expect(told).toEqual(['read']);
    const [terms] = served as [Terms];
    expect(door.admits(asked as never, terms, at(0))).toBe(false);
    expect(codes()).toEqual(['no-quorum']);
    wait = ADMIT;
    expect(door.admits(asked as never, terms, at(0))).toBe(true);
  });

  it('forward a read to another replica', () => {
    arrival = FORWARD;
    entrance().enter(read(), at(0));
    expect(told).toEqual(['forward']);
    expect(codes()).toEqual([]);
  });
});

describe('a request that a gate parks', () => {
  it('begins at the gates again once the lane is shown up to its position, with its terms', () => {
    arrival = PARK;
    entrance().enter(read('ns', { timeoutMs: 100 }), at(0));
    expect([told, codes(), lot.size]).toEqual([[], [], 1]);
    lot.onApplied(A, 4, at(60));
    expect(told).toEqual([]);
    arrival = ADMIT;
    lot.onApplied(A, 5, at(60));
    expect(told).toEqual(['read']);
    expect(served).toMatchObject([{ deadlineMs: 100 }]);
  });

  it('is refused if it is not admitted then either', () => {
    arrival = PARK;
    entrance().enter(read(), at(0));
    arrival = barred('replica-stale', '');
    lot.onApplied(A, 5, at(60));
    expect([told, codes(), lot.size]).toEqual([[], ['replica-stale'], 0]);
  });

  it('is refused at its deadline, with the reason of the gate', () => {
    arrival = PARK;
    entrance().enter(read('ns', { timeoutMs: 100 }), at(0));
    lot.onDue(at(100));
    expect(replied(turn)).toMatchObject([{ reply: { fault: LATE } }]);
    lot.onApplied(A, 5, at(101));
    expect([told, codes()]).toEqual([[], []]);
  });

  it('is refused as overloaded if the lot is full', () => {
    arrival = PARK;
    const door = entrance();
    door.enter(read(), at(0));
    door.enter(read(), at(0));
    expect(codes()).toEqual(['overloaded']);
    expect(lot.size).toBe(1);
  });
});
