import { beforeEach, describe, expect, it } from 'vitest';
import { CatchUp } from '../../../src/lag/catch-up.ts';
import { Heartbeats } from '../../../src/lag/heartbeat.ts';
import { ReadAdmission } from '../../../src/lag/read-admission.ts';
import type { Heartbeat } from '../../../src/model/message.ts';
import { metaKey } from '../../../src/store/layout.ts';
import { namespace, origin, run } from '../../support/build.ts';
import { EU, heartbeatOf, MachineRoom, ownOrigin, US } from '../../support/machine-room.ts';

const OWN = ownOrigin(1);
const EU1 = origin('eu-1.1');

let room: MachineRoom;
let heartbeats: Heartbeats;

beforeEach(() => {
  room = new MachineRoom();
  const { core } = room;
  heartbeats = new Heartbeats(core, core.own, new ReadAdmission(core, new CatchUp(core)));
});

/** The messages since the last call, by peer. */
function told(): Map<number, Heartbeat> {
  const beats = room
    .sent()
    .flatMap(({ peer, message }) => (message.kind === 'heartbeat' ? [[peer, message]] : []));
  return new Map(beats as [number, Heartbeat][]);
}

function beat(): Map<number, Heartbeat> {
  heartbeats.onBeat(room.turn);
  return told();
}

/** The peer's heartbeat arrives; returns what is answered at once. */
function hear(says: Partial<Heartbeat> = {}, peer = EU): Heartbeat | undefined {
  heartbeats.onHeartbeat(room.peer(peer), heartbeatOf(says), room.turn);
  return told().get(peer);
}

/** The connection with the peer ends. */
function leave(): void {
  room.leave(EU);
  heartbeats.onDisconnected(EU);
}

describe('a heartbeat', () => {
  it('goes to every peer that has greeted, and to no other', () => {
    room.greet(US);
    expect([...beat().keys()]).toEqual([US]);
    room.greet(EU);
    expect([...beat().keys()]).toEqual([EU, US]);
    room.leave(US);
    expect([...beat().keys()]).toEqual([EU]);
  });

  it('has what has become durable here since the last message on this connection', () => {
    room.greet(EU);
    room.hold(...run(OWN, 2));
    expect(beat().get(EU)?.vector).toEqual([[OWN, 2]]);
    room.deliver(...run(OWN, 3).slice(2));
    expect(beat().get(EU)?.vector).toEqual([]);
    room.commit();
    expect(beat().get(EU)?.vector).toEqual([[OWN, 3]]);
    room.leave(EU);
    room.greet(EU);
    expect(beat().get(EU)?.vector).toEqual([[OWN, 3]]);
  });

  it('has the age of the commit under way, and the clocks', () => {
    room.greet(EU);
    room.core.clock.raise(4096);
    room.core.commitAge.onSeal(room.now.monoMs);
    room.pass(70);
    room.core.agreed.read(room.now, room.turn);
    const { monoMs, wallMs } = room.now;
    expect(beat().get(EU)).toMatchObject({ commitAgeMs: 70, ping: monoMs, wallMs, hlc: 4096 });
    room.core.commitAge.onDurable(room.now.monoMs);
    expect(beat().get(EU)).toMatchObject({ commitAgeMs: 0 });
  });

  // On the wire 0 means that none has arrived yet.
  it('pings even if the monotonic clock reads zero', () => {
    room.pass(-room.now.monoMs);
    room.greet(EU);
    const ping = beat().get(EU)?.ping ?? 0;
    expect(ping).toBeGreaterThan(0);
    hear({ ping });
    expect(beat().get(EU)?.echo).toBe(ping);
  });

  it('makes the disk commit while nothing is written', () => {
    room.core.commitAge.onDurable(room.now.monoMs);
    room.pass(999);
    heartbeats.onBeat(room.turn);
    expect(room.turn.hasWrites).toBe(false);
    room.pass(1);
    heartbeats.onBeat(room.turn);
    room.commit();
    expect(room.disk.get(metaKey('clock-floor'))).toBeDefined();
  });
});

describe('the echo of a ping', () => {
  it('has the time for which the ping was kept, and what was accepted here when it came, durable or not', () => {
    room.greet(EU);
    room.deliver(...run(OWN, 2));
    hear({ ping: 70 });
    room.pass(15);
    room.deliver(...run(OWN, 3).slice(2));
    expect(beat().get(EU)).toMatchObject({ echo: 70, echoDelayMs: 15, heads: [[OWN, 2]] });
  });

  it('names only what the peer may lack', () => {
    room.greet(EU, { vector: [[OWN, 2]] });
    room.deliver(...run(OWN, 2));
    hear({ ping: 70 });
    expect(beat().get(EU)?.heads).toEqual([]);
  });

  it('is absent before the peer has pinged, and after its connection has ended', () => {
    room.greet(EU);
    expect(beat().get(EU)).toMatchObject({ echo: 0, echoDelayMs: 0 });
    hear({ ping: 70 });
    leave();
    room.greet(EU);
    room.pass(15);
    expect(beat().get(EU)).toMatchObject({ echo: 0, echoDelayMs: 0 });
  });

  it('goes back at once to the first ping of a connection, and with the next heartbeat to later ones', () => {
    room.greet(EU);
    expect(hear({ ping: 70 })).toMatchObject({ echo: 70 });
    expect(hear({ ping: 80 })).toBeUndefined();
    leave();
    room.greet(EU);
    expect(hear({ ping: 90 })).toMatchObject({ echo: 90 });
  });
});

describe('a heartbeat of a peer', () => {
  beforeEach(() => void room.greet(EU));

  it('without an echo measures nothing', () => {
    hear();
    expect(room.core.nearness.meanMs(EU)).toBeUndefined();
    expect(room.core.staleness.asOfMs(EU)).toBeUndefined();
  });

  it('measures the distance of the peer, without the time for which it kept the ping', () => {
    const { monoMs: echo } = room.now;
    room.pass(30);
    hear({ echo, echoDelayMs: 10 });
    expect(room.core.nearness.meanMs(EU)).toBe(20);
    hear({ echo, echoDelayMs: 1000 });
    expect(room.core.nearness.meanMs(EU)).toBe(17.5);
  });

  it('measures the difference of the clocks', () => {
    const { monoMs: echo, wallMs } = room.now;
    room.core.agreed.read(room.now, room.turn);
    hear({ echo, wallMs: wallMs + 250 });
    expect(room.core.agreed.peerAheadMs(EU)).toBe(250);
  });

  it('proves the staleness of this replica once what it names is durable here', () => {
    const { monoMs: echo } = room.now;
    room.deliver(...run(EU1, 1));
    room.pass(30);
    hear({ echo, heads: [[EU1, 1]] });
    expect(room.core.staleness.asOfMs(EU)).toBeUndefined();
    room.commit();
    hear({ echo, heads: [[EU1, 1]] });
    expect(room.core.staleness.asOfMs(EU)).toBe(echo);
  });

  it('moves the clock, except for a stamp that is too far ahead, which is counted', () => {
    const near = (room.now.wallMs + 400) * 1024;
    hear({ hlc: near });
    expect(room.core.clock.last).toBe(near);
    hear({ hlc: (room.now.wallMs + 600) * 1024 });
    expect(room.core.clock.last).toBe(near);
    expect(room.core.metrics.clockRefusals).toBe(1);
  });

  it("has the age of the peer's commit, and what the peer does not serve", () => {
    const judged = { state: 'stale', rule: 'time', forMs: 5, answers: false } as const;
    const lacks = { missingMs: undefined, missingEntries: undefined };
    const health = [{ namespace: namespace('ns'), ...judged, ...lacks }];
    hear({ commitAgeMs: 90, health });
    expect(room.core.reports.of(EU)).toEqual({ commitAgeMs: 90, health });
    expect(room.core.reports.answers(EU, namespace('ns'))).toBe(false);
    expect(room.core.reports.answers(EU, namespace('other'))).toBe(true);
    room.greet(EU);
    expect(room.core.reports.answers(EU, namespace('ns'))).toBe(true);
  });
});
