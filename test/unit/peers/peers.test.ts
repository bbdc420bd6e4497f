import { beforeEach, describe, expect, it } from 'vitest';
import { listOf } from '../../../src/model/member-set.ts';
import type { Hello } from '../../../src/model/message.ts';
import { type Mutation, recordOf } from '../../../src/model/record.ts';
import { alternatesIn, createPeers, type Peer, Peers } from '../../../src/peers/peers.ts';
import { helloOf, membershipOf, origin, run } from '../../support/build.ts';
import { AP, EU, MachineRoom, ownOrigin, US } from '../../support/machine-room.ts';
import { StreamLog } from '../../support/peers.ts';

const OWN = ownOrigin(1);
const EU1 = origin('eu-1.1');
const US1 = origin('us-1.1');
/** The time of three heartbeats, which may be missed. */
const SILENT_MS = 600;

let room: MachineRoom;
let peers: Peers;
let streams: StreamLog[];

beforeEach(() => {
  room = new MachineRoom();
  streams = [];
  peers = createPeers(room.core.settings, AP, (peer) => (streams[peer] = new StreamLog()));
});

const peer = (index: number): Peer => peers.get(index) as Peer;
const asked = (index: number): string[] => streams[index]?.asked ?? [];

/** The peer connects, and sends its greeting. */
function greet(index: number, says: Partial<Hello> = {}): Peer {
  const { id } = peer(index).member;
  peer(index).onHeard(room.now.monoMs);
  peers.onHello(peer(index), helloOf(`${id}.1`, membershipOf(['ap', 'eu', 'us']), says));
  return peer(index);
}

describe('the members', () => {
  it('can answer while they are connected and have greeted, and this replica always can', () => {
    expect(listOf(peers.reachable)).toEqual([AP]);
    greet(US);
    expect(listOf(peers.reachable)).toEqual([AP, US]);
    peers.onDisconnected(peer(US));
    expect(listOf(peers.reachable)).toEqual([AP]);
  });

  it('are a majority by their number, this replica included', () => {
    expect([0, 1, 2].map((others) => peers.isMajority(others))).toEqual([false, true, true]);
    expect(new Peers(0, []).isMajority(0)).toBe(true);
  });

  it('are heard as a majority only while they send messages', () => {
    expect(peers.hearsMajority(room.now.monoMs)).toBe(false);
    peer(EU).onHeard(room.now.monoMs);
    expect(peers.hearsMajority(room.now.monoMs)).toBe(false);
    greet(EU);
    const { monoMs } = room.now;
    expect(peers.hearsMajority(monoMs + SILENT_MS)).toBe(true);
    expect(peers.hearsMajority(monoMs + SILENT_MS + 1)).toBe(false);
  });

  it('that are connected and send nothing are silent', () => {
    greet(EU);
    const { monoMs } = room.now;
    expect(listOf(peers.silent(monoMs + SILENT_MS))).toEqual([]);
    expect(listOf(peers.silent(monoMs + SILENT_MS + 1))).toEqual([EU]);
    peers.onDisconnected(peer(EU));
    expect(listOf(peers.silent(monoMs + 9999))).toEqual([]);
  });

  it('come and go in epochs: a greeting begins one, and the end of a greeted connection begins one', () => {
    const epochs: number[] = [];
    const note = (): void => void epochs.push(peers.epoch);
    note();
    peers.onDisconnected(peer(EU));
    note();
    greet(EU);
    note();
    greet(EU);
    note();
    peers.onDisconnected(peer(EU));
    note();
    expect(epochs).toEqual([0, 0, 1, 2, 3]);
  });

  it('that a client may ask instead are the connected ones, with their addresses', () => {
    greet(US, { url: 'http://us' });
    expect(alternatesIn(peers)).toEqual([{ id: 'us-1', url: 'http://us' }]);
    greet(US);
    expect(alternatesIn(peers)).toEqual([{ id: 'us-1', url: 'http://us' }]);
  });
});

describe('the vectors of the members', () => {
  it('are their own reports: a greeting replaces them, and later messages add to them', () => {
    const eu = greet(EU, { vector: [[OWN, 4]] });
    eu.learn([
      [OWN, 6],
      [US1, 1],
    ]);
    expect([...eu.holds]).toEqual([
      [OWN, 6],
      [US1, 1],
    ]);
    peers.onDisconnected(eu);
    expect(eu.holds.get(OWN)).toBe(6);
    greet(EU, { vector: [[OWN, 2]] });
    expect([...eu.holds]).toEqual([[OWN, 2]]);
  });

  it('show which members hold a dot, connected or not', () => {
    greet(EU, { vector: [[OWN, 4]] });
    peers.onDisconnected(peer(EU));
    const own = new Map([[OWN, 5]]);
    const holders = (seq: number): number[] => listOf(peers.holders({ origin: OWN, seq }, own));
    expect([4, 5, 6].map(holders)).toEqual([[AP, EU], [AP], []]);
  });

  it('are stable up to where every one of them reaches', () => {
    const own = new Map([
      [OWN, 5],
      [EU1, 2],
    ]);
    greet(EU, {
      vector: [
        [OWN, 4],
        [EU1, 9],
      ],
    });
    expect(peers.stableCut(own).size).toBe(0);
    greet(US, {
      vector: [
        [OWN, 7],
        [EU1, 1],
      ],
    });
    expect([...peers.stableCut(own)]).toEqual([
      [OWN, 4],
      [EU1, 1],
    ]);
  });
});

describe('a peer', () => {
  it('is sent what it was not yet sent on this connection', () => {
    const eu = greet(EU);
    const vector = new Map([
      [OWN, 1],
      [US1, 2],
    ]);
    expect(eu.news(vector)).toEqual([...vector]);
    expect(eu.news(vector)).toEqual([]);
    vector.set(OWN, 3);
    expect(eu.news(vector)).toEqual([[OWN, 3]]);
    peers.onDisconnected(eu);
    expect(eu.news(vector)).toEqual([...vector]);
  });

  it('is heard since the last silence, and not since each message', () => {
    const eu = peer(EU);
    eu.onHeard(1000);
    eu.onHeard(1000 + SILENT_MS);
    expect(eu.heardSinceMs).toBe(1000);
    eu.onHeard(1000 + 2 * SILENT_MS + 1);
    expect(eu.heardSinceMs).toBe(1000 + 2 * SILENT_MS + 1);
  });

  it('is not heard any more when its connection has ended', () => {
    const eu = greet(EU);
    peers.onDisconnected(eu);
    expect(eu.isHeard(room.now.monoMs)).toBe(false);
    eu.onHeard(room.now.monoMs + 1);
    expect(eu.heardSinceMs).toBe(room.now.monoMs + 1);
  });

  it('is known once it has greeted, and its process by its greeting', () => {
    const eu = greet(EU, { origin: origin('eu-1.5') });
    peers.onDisconnected(eu);
    expect(eu).toMatchObject({ known: true, greeted: false, life: 'eu-1.5' });
    expect(peer(US)).toMatchObject({ known: false, life: undefined });
  });

  it('has a stream that begins with its greeting, follows its vector, and ends', () => {
    const eu = greet(EU);
    eu.learn([[OWN, 1]]);
    eu.onPull({ kind: 'pull', origin: OWN, from: 1, bytesMax: 9 }, room.turn);
    peers.onDisconnected(eu);
    expect(asked(EU)).toEqual(['begin', 'held', 'rewind', 'pump', 'reset']);
    peers.pump(room.turn);
    expect([asked(EU).at(-1), asked(US)]).toEqual(['pump', ['pump']]);
  });
});

describe('an acknowledgement', () => {
  beforeEach(() => {
    for (const index of [EU, US]) greet(index);
    room.hold(...run(EU1, 3), ...run(US1, 1));
  });

  const acknowledge = (vector: [typeof OWN, number][]) => {
    peers.acknowledge(vector, 500, room.core, room.turn);
    return room.sent();
  };

  it('goes to the replica that wrote the entries, at once, and to no other', () => {
    expect(
      acknowledge([
        [EU1, 3],
        [OWN, 5],
      ]),
    ).toEqual([{ peer: EU, message: { kind: 'ack', vector: [[EU1, 3]], windowBytes: 500 } }]);
  });

  it('is not sent on a connection that has ended', () => {
    peers.onDisconnected(peer(EU));
    expect(
      acknowledge([
        [EU1, 3],
        [US1, 1],
      ]).map((each) => each.peer),
    ).toEqual([US]);
  });

  it('names the entries that lost against a newer version', () => {
    const [, loser] = run(EU1, 2) as [Mutation, Mutation];
    room.core.supersessions.note(loser, recordOf(run(US1, 1)[0] as Mutation));
    expect(acknowledge([[EU1, 3]])).toMatchObject([
      { peer: EU, message: { superseded: [{ origin: EU1, seq: 2, by: { origin: US1 } }] } },
    ]);
    expect(acknowledge([[EU1, 3]])[0]?.message).not.toHaveProperty('superseded');
  });
});
