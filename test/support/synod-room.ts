// A few members that agree on the next membership over a network and disks that the test controls:
// each message and each commit waits until the test delivers it, loses it, or delivers it twice.

import { Synod, type Outcome, voteKey } from '../../src/membership/synod.ts';
import { HostTurn } from '../../src/host/turn.ts';
import { originOf, type Region, type ReplicaId } from '../../src/model/id.ts';
import {
  bootMembership,
  type Membership,
  type Place,
  withPlace,
} from '../../src/model/membership.ts';
import type { Synod as Message } from '../../src/model/message.ts';
import { metaKey } from '../../src/store/layout.ts';
import { membersOf } from './build.ts';
import { KeyMap } from './key-map.ts';
import { release, sent } from './outbox.ts';

export interface Letter {
  readonly from: number;
  readonly to: number;
  readonly message: Message;
}

export class SynodRoom {
  readonly seats: readonly Seat[];
  readonly letters: Letter[] = [];
  readonly current: Membership;
  /** Every membership that any member learned to be chosen. */
  readonly chosen: Membership[] = [];
  now = { wallMs: 1e6, monoMs: 1000 };

  constructor(size: number) {
    const members = membersOf(Array.from({ length: size }, () => 'eu'));
    this.current = bootMembership(members);
    this.seats = members.map(({ index, id }) => new Seat(this, index, id));
    for (const seat of this.seats) seat.begin();
    for (const seat of this.seats) seat.greetAll();
    for (const seat of this.seats) seat.settle();
  }

  /** A next membership with one more member. */
  joined(name: string): Membership {
    const place: Place = {
      id: name as ReplicaId,
      region: 'zz' as Region,
      peerAddress: name,
      httpUrl: undefined,
    };
    return withPlace(this.current, place);
  }

  seat(n: number): Seat {
    return this.seats[n] as Seat;
  }

  deliver(n: number): void {
    const [letter] = this.letters.splice(n, 1);
    if (letter !== undefined) this.seat(letter.to).take(letter.from, letter.message);
  }

  /** Delivers everything and makes it durable, until nothing is left. */
  quiet(): void {
    for (let i = 0; i < 10_000; i++) {
      for (const seat of this.seats) seat.settle();
      if (this.letters.length === 0) return;
      this.deliver(0);
    }
    throw new Error('the members do not come to rest');
  }

  pass(ms: number): void {
    this.now = { wallMs: this.now.wallMs + ms, monoMs: this.now.monoMs + ms };
    for (const seat of this.seats) seat.look();
  }
}

/** One member: its disk, and the incarnation that runs on it. */
export class Seat {
  readonly outcomes: Outcome[] = [];
  disk = new KeyMap();
  chosen: Membership | undefined;
  isFit = true;
  synod: Synod | undefined;
  readonly #room: SynodRoom;
  readonly #index: number;
  readonly #id: ReplicaId;
  #life = 0;
  #out = new HostTurn();

  constructor(room: SynodRoom, index: number, id: ReplicaId) {
    this.#room = room;
    this.#index = index;
    this.#id = id;
  }

  /**
   * A new incarnation with the data on the disk. A member that knows the choice takes no further
   * part.
   */
  begin(): void {
    if (this.chosen !== undefined) return;
    this.#out = new HostTurn();
    this.synod = new Synod({
      self: this.#index,
      origin: originOf(this.#id, ++this.#life),
      current: this.#room.current,
      reachable: () =>
        this.#room.seats.map((_, index) => index).filter((index) => index !== this.#index),
      isFit: () => this.isFit,
      accepts: () => true,
      onTold: (_peer, value, turn) => this.synod?.conclude(value, turn),
      onChosen: (value, out) => {
        out.put(metaKey('chosen'), Uint8Array.of(1));
        this.chosen = value;
        this.#room.chosen.push(value);
      },
    });
    const stored = this.disk.get(voteKey());
    this.synod.restore(
      stored instanceof Uint8Array ? stored : undefined,
      this.#out.at(this.#room.now),
    );
    this.#post();
  }

  /** What is not durable is lost, and so are the messages that waited for it. */
  crash(): void {
    this.synod = undefined;
  }

  wipe(): void {
    this.crash();
    this.disk = new KeyMap();
  }

  /** It hears all live members, as over new connections. */
  greetAll(): void {
    this.#room.seats.forEach((other, index) => {
      if (index === this.#index || other.synod === undefined) return;
      this.synod?.onHello(index, other.synod.vote, this.#out);
    });
    this.#post();
  }

  ask(value: Membership, timeoutMs = 5000): void {
    const { now } = this.#room;
    if (this.synod === undefined || this.synod.isBusy || this.chosen !== undefined) return;
    const tell = (outcome: Outcome): void => void this.outcomes.push(outcome);
    this.synod.begin(value, now.monoMs + timeoutMs, tell, this.#out.at(now));
    this.#post();
  }

  take(from: number, message: Message): void {
    this.synod?.onMessage(from, message, this.#out.at(this.#room.now));
    this.#post();
  }

  look(): void {
    this.synod?.onBeat(this.#out.at(this.#room.now));
    this.#post();
  }

  /** The batch in progress becomes durable; a crash before this loses it. */
  commit(): void {
    if (this.synod === undefined || !this.#out.hasWrites) return;
    const { lsn } = this.#out;
    this.disk.apply(this.#out.takeBatch());
    release(this.#out, lsn);
    this.synod.onDurable(lsn, this.#out.at(this.#room.now));
    this.#post();
  }

  settle(): void {
    while (this.synod !== undefined && this.#out.hasWrites) this.commit();
  }

  #post(): void {
    for (const { peer, message } of sent(this.#out)) {
      if (message.kind !== 'synod') throw new Error('only votes are sent here');
      this.#room.letters.push({ from: this.#index, to: peer, message });
    }
  }
}
