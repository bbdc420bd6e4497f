import { beforeEach, describe, expect, it } from 'vitest';
import { readStoredTenure, Succession, tenureKey } from '../../../src/membership/succession.ts';
import { voteKey } from '../../../src/membership/synod.ts';
import type { MembershipCommand } from '../../../src/model/command.ts';
import type { Region, ReplicaId } from '../../../src/model/id.ts';
import { type Membership, type Place, withPlace, without } from '../../../src/model/membership.ts';
import { MEMBERS_MAX } from '../../../src/model/member-set.ts';
import type { Reply } from '../../../src/model/reply.ts';
import { helloOf, membershipOf, origin } from '../../support/build.ts';
import { AP, EU, MachineRoom, type MachineRoomOptions, US } from '../../support/machine-room.ts';
import { replied } from '../../support/outbox.ts';

const REGIONS = ['ap', 'eu', 'us'];
const BOOT = membershipOf(REGIONS);
const WAIT_MS = 3000;
const TIMEOUT_MS = 5000;

const place = (id: string, fields: Partial<Place> = {}): Place => {
  const region = id.slice(0, 2) as Region;
  const rest = { region, peerAddress: `${id}:9000`, httpUrl: undefined };
  return { id: id as ReplicaId, ...rest, ...fields };
};
const id = (name: string): ReplicaId => name as ReplicaId;
const NEWCOMER = place('zz-1', { httpUrl: 'http://zz-1:8080' });
const JOINED = withPlace(BOOT, NEWCOMER);
const JOIN = { kind: 'join', place: NEWCOMER } as const;

/** The part of a replica that changes the membership, with the answers to its clients. */
class Seat {
  room: MachineRoom;
  succession: Succession;
  isCaughtUp = true;
  unfit: string | undefined;
  readonly told: Reply[] = [];

  constructor(options: MachineRoomOptions = {}) {
    this.room = new MachineRoom({ regions: REGIONS, ...options });
    this.succession = this.#begin();
  }

  /** The next incarnation, with the data on the disk. */
  restart(): void {
    this.room = this.room.restarted();
    this.succession = this.#begin();
  }

  #begin(): Succession {
    const succession = new Succession(this.room.core, this, () => this.unfit);
    succession.begin(this.room.turn);
    return succession;
  }

  hello(peer: number, membership: Membership, of = `${this.room.peer(peer).member.id}.1`): boolean {
    const isSame = this.succession.onHello(peer, helloOf(of, membership), this.room.turn);
    if (isSame) this.room.greet(peer);
    return isSame;
  }

  ask(change: MembershipCommand['change']): void {
    const client = { onReply: (reply: Reply) => void this.told.push(reply) };
    const command = { kind: 'membership', client, change, timeoutMs: TIMEOUT_MS } as const;
    this.succession.onCommand(command, this.room.turn);
    this.hand();
  }

  /** Released replies are passed to their clients. */
  hand(): void {
    for (const { client, reply } of this.room.turn.replies.splice(0)) client.onReply(reply);
  }

  commit(): void {
    const { lsn } = this.room.commit();
    this.succession.onDurable(lsn, this.room.turn);
    this.hand();
  }

  beat(ms = 0): void {
    this.room.pass(ms);
    this.succession.onBeat(this.room.turn);
  }

  get halted(): string | undefined {
    return this.room.turn.haltReason === undefined ? undefined : this.room.turn.ending;
  }

  /** The last answer to a client: the epoch, or why not. */
  get answer(): unknown {
    const reply = this.told.at(-1);
    if (reply?.kind === 'membership') return reply.membership.epoch;
    return reply?.kind === 'failed' ? reply.fault.code : reply;
  }

  get stored(): Membership | undefined {
    const tenure = readStoredTenure(this.room.disk.get(tenureKey()));
    return typeof tenure === 'object' ? tenure.membership : undefined;
  }
}

let seat: Seat;

beforeEach(() => {
  seat = new Seat();
});

/** All three members, each of which has sent its greeting to the others. */
function three(): Seat[] {
  const seats = [AP, EU, US].map((self) => new Seat({ self }));
  for (const [self, each] of seats.entries())
    for (const peer of [AP, EU, US]) if (peer !== self) each.hello(peer, BOOT);
  // By then it has heard from the others any vote that it may have forgotten.
  for (const [self, each] of seats.entries())
    for (const [peer, other] of seats.entries())
      if (peer !== self) {
        const says = { ...other.succession.greeting() };
        const of = other.room.core.origin;
        each.succession.onHello(peer, helloOf(of, BOOT, says), each.room.turn);
      }
  settle(seats);
  return seats;
}

/** Everything becomes durable and arrives, until nothing is in progress. */
function settle(seats: readonly Seat[]): void {
  for (let isBusy = true; isBusy; ) {
    isBusy = false;
    for (const [from, each] of seats.entries()) {
      while (each.room.turn.hasWrites) each.commit();
      for (const { peer, message } of each.room.sent()) {
        if (message.kind !== 'synod') continue;
        isBusy = true;
        const to = seats[peer] as Seat;
        to.succession.onMessage(from, message, to.room.turn);
      }
    }
  }
}

describe('a greeting', () => {
  it('of the same epoch counts, and binds the directory to its seat', () => {
    expect(seat.stored).toBeUndefined();
    expect(seat.hello(EU, BOOT)).toBe(true);
    seat.commit();
    expect(seat.stored).toEqual(BOOT);
  });

  it('of a peer that is behind does not count, and that of a peer with other members is reported', () => {
    const later = new Seat();
    later.hello(EU, BOOT);
    later.hello(US, JOINED);
    later.commit();
    later.restart();
    expect(later.succession.membership.epoch).toBe(2);
    expect(later.hello(EU, BOOT)).toBe(false);
    expect(later.room.noted()).toEqual([]);
    expect(seat.hello(EU, membershipOf(['ap', 'eu', 'zz']))).toBe(false);
    expect(seat.room.noted()).toEqual(['memberships-differ']);
  });

  it('has the members and the votes', () => {
    seat.hello(EU, BOOT);
    expect(seat.succession.greeting()).toEqual({ membership: BOOT, vote: undefined });
    seat.hello(US, BOOT);
    const nothing = { promised: undefined, accepted: undefined };
    expect(seat.succession.greeting()).toEqual({ membership: BOOT, vote: nothing });
  });
});

describe('a later membership that a peer knows', () => {
  it('ends the incarnation of a replica that keeps its seat, and is on the disk for the next one', () => {
    seat.hello(US, BOOT);
    expect(seat.hello(EU, JOINED)).toBe(false);
    expect([seat.succession.isOver, seat.halted]).toEqual([true, 'renewed']);
    seat.commit();
    seat.restart();
    expect([seat.succession.membership, seat.halted]).toEqual([JOINED, undefined]);
  });

  it('ends it once: later messages have no effect', () => {
    seat.hello(US, BOOT);
    seat.hello(EU, JOINED);
    expect(seat.hello(US, BOOT)).toBe(false);
    seat.ask({ kind: 'join', place: place('yy-1') });
    expect(seat.answer).toBe('membership-busy');
    seat.hello(US, withPlace(JOINED, place('yy-1')));
    seat.commit();
    expect(seat.stored).toEqual(JOINED);
  });

  it('without its seat is believed only after a while, and ends the replica for good', () => {
    const gone = without(BOOT, id('ap-1'));
    seat.hello(US, BOOT);
    seat.hello(EU, gone);
    seat.beat(WAIT_MS - 1);
    expect(seat.succession.isOver).toBe(false);
    seat.beat(1);
    expect([seat.halted, seat.room.noted()]).toEqual(['forgotten', ['forgotten']]);
    seat.commit();
    seat.restart();
    expect([seat.succession.isOver, seat.halted]).toEqual([true, 'forgotten']);
  });

  it('is not believed if the peer turns out to be in the present epoch', () => {
    seat.hello(US, BOOT);
    seat.hello(EU, without(BOOT, id('ap-1')));
    seat.hello(EU, BOOT);
    seat.beat(100 * WAIT_MS);
    expect(seat.succession.isOver).toBe(false);
  });

  it('is believed at once if two peers claim it', () => {
    const gone = without(BOOT, id('ap-1'));
    seat.hello(US, BOOT);
    seat.hello(EU, gone);
    seat.hello(US, gone);
    expect(seat.halted).toBe('forgotten');
  });

  it('is final: no vote is given or counted behind it', () => {
    const [ap] = three() as [Seat];
    const further = withPlace(JOINED, place('yy-1'));
    for (const peer of [EU, US])
      ap.succession.onHello(peer, helloOf('eu-1.1', further), ap.room.turn);
    const ballot = { round: 1, by: origin('eu-1.1') };
    const prepare = { kind: 'synod', step: 'prepare', epoch: 1, ballot } as const;
    ap.succession.onMessage(EU, { ...prepare, proposal: undefined }, ap.room.turn);
    ap.commit();
    expect(ap.room.sent()).toEqual([]);
  });

  it('with a later seat of its name forgets the replica that had the earlier one', () => {
    seat.hello(US, BOOT);
    const again = withPlace(without(BOOT, id('ap-1')), place('ap-1'));
    for (const peer of [EU, US]) seat.hello(peer, again);
    expect(seat.halted).toBe('forgotten');
  });

  it('takes in a replica that holds nothing yet, whichever seat it has there', () => {
    const again = withPlace(without(BOOT, id('ap-1')), place('ap-1'));
    seat.hello(EU, again);
    expect(seat.halted).toBe('renewed');
    seat.commit();
    expect(seat.stored).toEqual(again);
  });

  it('does not concern a replica that holds nothing yet and has no seat there', () => {
    seat.hello(EU, without(BOOT, id('ap-1')));
    seat.beat(100 * WAIT_MS);
    expect([seat.succession.isOver, seat.halted]).toEqual([false, undefined]);
  });

  it('is not believed if a majority has accepted nothing, and that is reported once', () => {
    const [ap] = three() as [Seat];
    ap.succession.onHello(EU, helloOf('eu-1.1', JOINED), ap.room.turn);
    expect(ap.succession.isOver).toBe(false);
    ap.beat(WAIT_MS - 1);
    expect(ap.room.core.metrics.claimsRefused.membership).toBe(0);
    ap.beat(1);
    ap.beat(100 * WAIT_MS);
    expect(ap.room.core.metrics.claimsRefused.membership).toBe(1);
    expect(ap.room.noted()).toEqual(['claim-refused']);
    expect(ap.succession.isOver).toBe(false);
  });
});

describe('a directory', () => {
  it('keeps the vote of a bound replica, and begins a new one with the epoch', () => {
    const [ap] = three() as [Seat];
    ap.ask(JOIN);
    ap.commit();
    expect(ap.succession.greeting().vote?.promised).toBeDefined();
    for (const peer of [EU, US])
      ap.succession.onHello(peer, helloOf('eu-1.1', JOINED), ap.room.turn);
    ap.commit();
    ap.restart();
    expect(ap.succession.greeting().vote).toEqual({ promised: undefined, accepted: undefined });
  });

  it('belongs to an epoch, in which all later messages are', () => {
    const [ap] = three() as [Seat];
    for (const peer of [EU, US])
      ap.succession.onHello(peer, helloOf('eu-1.1', JOINED), ap.room.turn);
    ap.commit();
    ap.restart();
    ap.hello(EU, JOINED);
    ap.ask({ kind: 'join', place: place('yy-1') });
    ap.commit();
    const prepare = { kind: 'synod', step: 'prepare', epoch: 2 };
    expect(ap.room.sent()).toMatchObject([{ peer: EU, message: prepare }]);
  });

  it('of an unbound replica has no vote: it hears the others first', () => {
    seat.hello(EU, JOINED);
    seat.commit();
    seat.restart();
    expect(seat.succession.greeting().vote).toBeUndefined();
  });

  it('with a damaged or unreadable membership is refused', () => {
    seat.hello(EU, BOOT);
    seat.commit();
    seat.room.disk.flip(tenureKey(), 21);
    seat.restart();
    expect(seat.halted).toBe('damaged');
    expect(seat.succession.stored()).toEqual(BOOT);
    seat.room.disk.damage(tenureKey());
    seat.restart();
    expect(seat.halted).toBe('damaged');
  });

  it('with an unreadable vote forgets the vote, and hears the others', () => {
    const [ap] = three() as [Seat];
    ap.room.disk.damage(voteKey());
    ap.restart();
    expect([ap.halted, ap.succession.greeting().vote]).toEqual([undefined, undefined]);
  });

  it('of a replica alone is bound from the beginning', () => {
    seat = new Seat({ regions: ['ap'] });
    seat.commit();
    expect(seat.stored).toEqual(membershipOf(['ap']));
  });
});

describe('a change that is requested here', () => {
  it('is chosen by a majority, answered when that is durable, and begins the next incarnation of all', () => {
    const seats = three();
    const [ap] = seats as [Seat];
    ap.ask(JOIN);
    expect(ap.succession.change).toEqual({ step: 'preparing', agreed: [] });
    ap.commit();
    expect(ap.succession.change).toEqual({ step: 'preparing', agreed: ['ap-1'] });
    settle(seats);
    expect(seats.map(({ halted }) => halted)).toEqual(['renewed', 'renewed', 'renewed']);
    expect(seats.map(({ stored }) => stored)).toEqual([JOINED, JOINED, JOINED]);
    expect(ap.answer).toBe(2);
    expect(ap.succession.change).toBeUndefined();
  });

  it('is not answered before it is durable here', () => {
    const seats = three();
    const [ap, eu] = seats as [Seat, Seat];
    ap.ask(JOIN);
    for (let n = 0; n < 2; n++) {
      ap.commit();
      for (const { peer, message } of ap.room.sent())
        if (peer === EU && message.kind === 'synod')
          eu.succession.onMessage(AP, message, eu.room.turn);
      eu.commit();
      for (const { peer, message } of eu.room.sent())
        if (peer === AP && message.kind === 'synod')
          ap.succession.onMessage(EU, message, ap.room.turn);
    }
    ap.hand();
    expect(ap.answer).toBeUndefined();
    ap.commit();
    expect([ap.succession.isOver, ap.answer]).toEqual([true, 2]);
  });

  it('in a cluster of one is chosen by the replica itself', () => {
    seat = new Seat({ regions: ['ap'] });
    seat.ask(JOIN);
    settle([seat]);
    expect([seat.answer, seat.halted]).toEqual([2, 'renewed']);
  });

  it('waits until the replica has caught up and another change has ended, and ends at its deadline', () => {
    const [ap] = three() as [Seat];
    ap.isCaughtUp = false;
    ap.ask(JOIN);
    expect(ap.succession.change).toEqual({ step: 'waiting', agreed: [] });
    ap.ask({ kind: 'join', place: place('yy-1') });
    expect(ap.answer).toBe('membership-busy');
    ap.beat(TIMEOUT_MS);
    ap.hand();
    expect(ap.answer).toBe('no-quorum');
  });

  it('that may still be chosen at its deadline has an unknown outcome', () => {
    const [ap, eu] = three() as [Seat, Seat];
    ap.ask(JOIN);
    ap.commit();
    for (const { peer, message } of ap.room.sent())
      if (peer === EU && message.kind === 'synod')
        eu.succession.onMessage(AP, message, eu.room.turn);
    eu.commit();
    for (const { message } of eu.room.sent())
      if (message.kind === 'synod') ap.succession.onMessage(EU, message, ap.room.turn);
    expect(ap.succession.change).toMatchObject({ step: 'accepting' });
    ap.succession.abandon(ap.room.turn);
    ap.hand();
    expect(ap.answer).toBe('outcome-unknown');
  });

  it('is refused because of another one that came first', () => {
    const [ap] = three() as [Seat];
    ap.ask({ kind: 'join', place: place('yy-1') });
    for (const peer of [EU, US])
      ap.succession.onHello(peer, helloOf(origin('eu-1.1'), JOINED), ap.room.turn);
    ap.commit();
    expect(ap.answer).toBe('membership-busy');
    expect(ap.stored).toEqual(JOINED);
  });

  it('is refused if the policies do not allow the members', () => {
    const seats = three();
    const [ap, eu, us] = seats as [Seat, Seat, Seat];
    for (const other of [eu, us]) other.unfit = 'ns needs three replicas in ap';
    ap.ask(JOIN);
    settle(seats);
    ap.beat(TIMEOUT_MS);
    ap.hand();
    expect([ap.answer, ap.succession.isOver]).toEqual(['outcome-unknown', false]);
  });
});

describe('a change is refused', () => {
  const refusal = (change: MembershipCommand['change']): unknown => {
    seat.ask(change);
    const reply = seat.told.at(-1);
    return reply?.kind === 'failed' ? [reply.fault.code, reply.fault.detail] : reply;
  };
  const join = (id_: string, fields: Partial<Place> = {}) =>
    refusal({ kind: 'join', place: place(id_, fields) });

  it('if it moves a member to another region, or to the address of another one', () => {
    expect(join('eu-1', { region: 'us' as Region })).toEqual([
      'membership-conflict',
      'eu-1 is a member in region eu',
    ]);
    seat.hello(US, BOOT);
    seat.hello(EU, JOINED);
    seat.commit();
    seat.restart();
    expect(join('yy-1', { peerAddress: 'zz-1:9000' })).toEqual([
      'membership-conflict',
      'another member has this peer address',
    ]);
    // Without a URL the known one remains, so this changes nothing.
    join('zz-1');
    expect(seat.answer).toBe(2);
  });

  it('if it is one member too many', () => {
    const regions = Array.from({ length: MEMBERS_MAX }, () => 'ap');
    seat = new Seat({ regions });
    expect(join('zz-1')).toEqual([
      'membership-conflict',
      `a cluster has at most ${MEMBERS_MAX} replicas`,
    ]);
  });

  it('if the policies do not allow it, with their reason', () => {
    seat.unfit = 'ns needs three replicas in ap';
    expect(join('zz-1')).toEqual(['membership-conflict', seat.unfit]);
  });

  it.each([
    ['ap-1', 'a replica does not forget itself: ask another one'],
    ['zz-1', 'zz-1 is not a member'],
    ['eu-1', 'eu-1 is connected; stop it first, or force it'],
  ])('if it forgets %s', (name, detail) => {
    seat.hello(EU, BOOT);
    expect(refusal({ kind: 'forget', id: id(name), force: false })).toEqual([
      'membership-conflict',
      detail,
    ]);
    expect(seat.succession.change).toBeUndefined();
  });

  it('but not if nothing changes: that is a success at once', () => {
    join('eu-1', { peerAddress: '' });
    expect(seat.answer).toBe(1);
  });

  it('but not if a connected member is forgotten by force', () => {
    const [ap] = three() as [Seat];
    ap.ask({ kind: 'forget', id: id('eu-1'), force: true });
    expect(ap.succession.change).toMatchObject({ step: 'preparing' });
    ap.succession.abandon(ap.room.turn);
    expect(replied(ap.room.turn)).toMatchObject([{ reply: { fault: { code: 'no-quorum' } } }]);
  });
});
