// The memberships of the cluster, one after the other, as this replica adopts them. A membership is
// fixed for an incarnation: when a later one is known to be chosen it is made durable, this
// incarnation ends in order, and a new one begins with the new members. So the number of replicas
// never changes during an operation.
//
//   same epoch      the peer is greeted
//   peer is behind  it gets our membership with our greeting, and nothing else
//   peer is ahead   its membership is adopted once it is to be believed (claims.ts), if this
//                   replica has its seat in it; else this replica is forgotten and ends for good
//
// A directory is bound to a seat when its replica first greets another of the same membership, or
// adopts a later one. Until then it is empty and has sent nothing: such a replica may take any seat
// of its name.

import { assert } from '../base/assert.ts';
import { type Outcome, Synod, freshVote, voteKey } from './synod.ts';
import type { MembershipCommand } from '../model/command.ts';
import type { Lsn, Outbox, Turn } from '../model/effect.ts';
import {
  bootMembership,
  isEqualMembership,
  isOneStep,
  isSameMembership,
  isSeated,
  localised,
  type Membership,
  membersIn,
  seatOf,
  type Tenure,
  without,
  withPlace,
} from '../model/membership.ts';
import { readTenure, writeTenure } from '../model/membership-bytes.ts';
import type { Hello, Synod as SynodMessage } from '../model/message.ts';
import { type Batch, type PointRead, type Storage, UNREADABLE } from '../model/port.ts';
import { has, MEMBERS_MAX } from '../model/member-set.ts';
import type { Member } from '../model/quorum.ts';
import { seal, unseal } from '../store/envelope.ts';
import { metaKey } from '../store/layout.ts';
import { Claims, type Ground } from './claims.ts';
import { refuse } from '../model/refuse.ts';
import type { Metrics } from '../model/metrics.ts';
import type { Origin } from '../model/id.ts';
import type { Peers } from '../peers/peers.ts';
import type { Client } from '../model/reply.ts';
import type { Settings } from '../model/settings.ts';
import type { ChangeProgress } from '../model/status.ts';

/** Why the policies of this replica do not allow these members, or `undefined`. */
export type Fits = (members: readonly Member[]) => string | undefined;

const TENURE = metaKey('tenure');
const UNDECIDED =
  'the deadline passed, and the change may still be made; look at the members before a retry';
const MOVE_AWAY = 'move the data directory away, and the replica gets its data from its peers';
const NO_MAJORITY = 'no majority of the members answered in time; nothing was changed';

export interface SuccessionOptions {
  readonly get: Storage['get'];
  readonly metrics: Metrics;
  readonly origin: Origin;
  readonly peers: Peers;
  readonly self: Member;
  readonly settings: Settings;
}

export class Succession {
  readonly #options: SuccessionOptions;
  readonly #catchUp: { readonly isCaughtUp: boolean };
  readonly #fits: Fits;
  readonly #claims = new Claims();
  /** Peers whose claim was refuted and reported to an operator. */
  readonly #refuted = new Set<number>();
  #tenure: Tenure;
  /** The directory is bound to a seat. */
  #isBound = false;
  #isOver = false;
  #synod: Synod;

  constructor(
    options: SuccessionOptions,
    catchUp: { readonly isCaughtUp: boolean },
    fits: Fits = () => undefined,
  ) {
    this.#options = options;
    this.#catchUp = catchUp;
    this.#fits = fits;
    this.#tenure = { since: 1, membership: bootMembership(options.settings.members) };
    this.#synod = this.#createSynod();
  }

  get membership(): Membership {
    return this.#tenure.membership;
  }

  /** The change that was requested here. */
  get change(): ChangeProgress | undefined {
    const { progress } = this.#synod;
    if (progress === undefined) return undefined;
    const { members } = this.#options.settings;
    const agreed = members.filter(({ index }) => has(progress.agreed, index));
    return { step: progress.step, agreed: agreed.map(({ id }) => id) };
  }

  /** The next membership is known, and this incarnation ends. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** The stored membership before it is read; `begin` reports an unreadable one. */
  stored(): Membership {
    const stored = readStoredTenure(this.#options.get(TENURE));
    return typeof stored === 'object' ? stored.membership : this.membership;
  }

  /** Storage is read. */
  begin(turn: Turn): void {
    const { get, settings } = this.#options;
    const stored = readStoredTenure(get(TENURE));
    if (stored === 'damaged')
      return turn.halt(`the stored membership is damaged: ${MOVE_AWAY}`, 'damaged');
    if (stored !== undefined) {
      this.#tenure = { ...stored, membership: localised(stored.membership, settings.members) };
      this.#isBound = true;
      this.#synod = this.#createSynod();
      if (!isSeated(stored, settings.self)) return this.#endForgotten(stored.membership, turn);
    }
    const vote = get(voteKey());
    this.#synod.restore(vote === UNREADABLE ? undefined : vote, turn);
    if (settings.members.length === 1) this.#bind(turn);
  }

  /** Its part of this replica's greeting. */
  greeting(): Pick<Hello, 'membership' | 'vote'> {
    return { membership: this.membership, vote: this.#synod.vote };
  }

  /** True if the peer is in the same epoch, so that its greeting counts. */
  onHello(peer: number, { membership, vote, origin }: Hello, turn: Turn): boolean {
    if (this.#isOver) return false;
    const { epoch } = this.membership;
    if (membership.epoch > epoch) this.#onLater(peer, membership, turn);
    if (membership.epoch !== epoch) return false;
    if (!isSameMembership(membership, this.membership)) {
      turn.note('error', 'memberships-differ', { origin, epoch });
      return false;
    }
    this.#claims.withdraw(peer);
    this.#bind(turn);
    this.#synod.onHello(peer, vote, turn);
    return true;
  }

  onMessage(peer: number, message: SynodMessage, turn: Turn): void {
    if (!this.#isOver) this.#synod.onMessage(peer, message, turn);
  }

  onDurable(lsn: Lsn, turn: Turn): void {
    this.#synod.onDurable(lsn, turn);
  }

  /** With every heartbeat. */
  onBeat(turn: Turn): void {
    if (this.#isOver) return;
    this.#synod.onBeat(turn);
    this.#weigh(turn);
  }

  /** The disk has lost stored data. */
  onLoss(out: Outbox): void {
    this.#synod.forget(out);
  }

  /** The replica stops: a client that requested a change here gets its present state. */
  abandon(out: Outbox): void {
    this.#synod.abandon(out);
  }

  onCommand({ client, change, timeoutMs }: MembershipCommand, turn: Turn): void {
    const value = change.kind === 'join' ? this.#joined(change.place) : this.#forgotten(change);
    if (typeof value === 'string') return refuse(client, turn, 'membership-conflict', value);
    if (isEqualMembership({ ...value, epoch: this.membership.epoch }, this.membership)) {
      turn.reply(client, { kind: 'membership', membership: this.membership }, 0);
      return;
    }
    const unfit = this.#fits(membersIn(value));
    if (unfit !== undefined) return refuse(client, turn, 'membership-conflict', unfit);
    if (this.#isOver || this.#synod.isBusy)
      return refuse(client, turn, 'membership-busy', 'another change is under way');
    const deadlineMs = turn.now.monoMs + timeoutMs;
    const tell = (outcome: Outcome, later: Outbox): void =>
      answer(client, outcome, deadlineMs, later);
    this.#synod.begin(value, deadlineMs, tell, turn);
  }

  #joined(place: (MembershipCommand['change'] & { kind: 'join' })['place']): Membership | string {
    const before = seatOf(this.membership, place.id);
    if (before !== undefined && before.region !== place.region)
      return `${place.id} is a member in region ${before.region}`;
    const isTaken = this.membership.seats.some(
      ({ id, peerAddress }) => id !== place.id && peerAddress === place.peerAddress,
    );
    if (isTaken && place.peerAddress !== '') return 'another member has this peer address';
    if (before === undefined && this.membership.seats.length >= MEMBERS_MAX)
      return `a cluster has at most ${MEMBERS_MAX} replicas`;
    // If no URL is given, the known one is kept.
    return withPlace(this.membership, { ...place, httpUrl: place.httpUrl ?? before?.httpUrl });
  }

  #forgotten({ id, force }: MembershipCommand['change'] & { kind: 'forget' }): Membership | string {
    const { peers, settings } = this.#options;
    if (id === settings.self) return 'a replica does not forget itself: ask another one';
    if (seatOf(this.membership, id) === undefined) return `${id} is not a member`;
    const isAlive = peers.greeted().some(({ member }) => member.id === id);
    if (isAlive && !force) return `${id} is connected; stop it first, or force it`;
    return without(this.membership, id);
  }

  #onLater(peer: number, membership: Membership, turn: Turn): void {
    const { self } = this.#options.settings;
    if (this.#isBound) {
      this.#claims.hear(peer, membership, turn.now.monoMs);
      this.#weigh(turn);
    } else if (seatOf(membership, self) !== undefined) {
      // A replica that holds nothing yet may be added, now or later.
      this.#adopt(membership, turn);
    }
  }

  #weigh(turn: Turn): void {
    if (this.#isOver) return;
    const ground = this.#ground();
    const believed = this.#claims.believed(ground, turn.now.monoMs);
    if (believed !== undefined) {
      if (isOneStep(this.membership, believed)) this.#synod.conclude(believed, turn);
      else this.#adopt(believed, turn);
      return;
    }
    for (const { member } of this.#options.peers.all()) {
      const { index, id } = member;
      if (this.#claims.verdict(index, ground, turn.now.monoMs) !== 'refuted') continue;
      if (this.#refuted.has(index)) continue;
      this.#refuted.add(index);
      this.#options.metrics.claimsRefused.membership++;
      turn.note('error', 'claim-refused', { peer: id, reason: 'membership', message: 'hello' });
    }
  }

  #ground(): Ground {
    const { peers, settings } = this.#options;
    return {
      self: settings.self,
      current: this.membership,
      hasAccepted: (membership) => this.#synod.hasAccepted(membership),
      abstaining: (claimants) => {
        const greeted = peers.greeted().map(({ member }) => member.index);
        return this.#synod.abstaining(greeted.filter((index) => !claimants.has(index)));
      },
      waitMs: settings.peerTimeoutMs,
    };
  }

  /** This incarnation ends, and the next begins with these members. */
  #adopt(membership: Membership, out: Outbox): void {
    assert(membership.epoch > this.membership.epoch, 'succession: epochs follow each other');
    assert(!this.#isOver, 'succession: an incarnation ends with one change');
    const { self } = this.#options.settings;
    const since = seatOf(membership, self)?.since;
    if (since === undefined || (this.#isBound && since !== this.#tenure.since))
      return this.#endForgotten(membership, out);
    this.#isOver = true;
    putTenure({ since, membership }, out);
    // A bound directory remembers everything that its replica said in this epoch: nothing. Any
    // other replica has to hear the other members.
    if (this.#isBound && this.#synod.vote !== undefined) out.put(voteKey(), freshVote());
    else out.del(voteKey());
    const replicas = membership.seats.length;
    out.note('info', 'membership', { epoch: membership.epoch, replicas });
    out.halt(`the members have changed (epoch ${membership.epoch})`, 'renewed');
  }

  #endForgotten(membership: Membership, out: Outbox): void {
    this.#isOver = true;
    const { epoch } = membership;
    putTenure({ since: this.#tenure.since, membership }, out);
    out.note('error', 'forgotten', { epoch });
    out.halt(`this replica was forgotten: it is no member of epoch ${epoch}`, 'forgotten');
  }

  #bind(out: Outbox): void {
    if (this.#isBound) return;
    assert(!this.#isOver, 'succession: a directory is bound while its epoch lasts');
    this.#isBound = true;
    putTenure(this.#tenure, out);
  }

  #createSynod(): Synod {
    const { self, origin, peers } = this.#options;
    return new Synod({
      self: self.index,
      origin,
      current: this.membership,
      reachable: () => peers.greeted().map(({ member }) => member.index),
      isFit: () => this.#catchUp.isCaughtUp,
      accepts: (value) => this.#fits(membersIn(value)) === undefined,
      onTold: (peer, value, turn) => this.#onLater(peer, value, turn),
      onChosen: (value, out) => this.#adopt(value, out),
    });
  }
}

function answer(client: Client, outcome: Outcome, deadlineMs: number, out: Outbox): void {
  switch (outcome.kind) {
    case 'chosen': {
      const { value: membership, lsn } = outcome;
      return out.reply(client, { kind: 'membership', membership }, lsn, deadlineMs);
    }
    case 'conflict': {
      const detail = 'another change was chosen first, and this one was not made';
      return refuse(client, out, 'membership-busy', detail, {}, outcome.lsn, deadlineMs);
    }
    case 'timeout':
      if (outcome.indefinite) return refuse(client, out, 'outcome-unknown', UNDECIDED);
      return refuse(client, out, 'no-quorum', NO_MAJORITY);
  }
}

function putTenure(tenure: Tenure, out: Outbox): void {
  out.put(TENURE, encodeTenure(tenure));
}

/** The first state of an epoch in a directory whose replica has said nothing in it yet. */
export function beginningOf(tenure: Tenure): Batch {
  return { keys: [TENURE, voteKey()], values: [encodeTenure(tenure), freshVote()] };
}

function encodeTenure(tenure: Tenure): Uint8Array {
  return seal((writer) => writeTenure(writer, tenure));
}

/** The stored membership, for code that opens the directory before the core runs. */
export function readStoredTenure(bytes: PointRead): Tenure | 'damaged' | undefined {
  if (bytes === undefined) return undefined;
  const reader = bytes === UNREADABLE ? undefined : unseal(bytes);
  const tenure = reader === undefined ? undefined : readTenure(reader);
  return tenure !== undefined && reader?.finished === true ? tenure : 'damaged';
}

export function tenureKey(): Uint8Array {
  return TENURE;
}
