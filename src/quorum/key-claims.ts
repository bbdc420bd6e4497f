// A write happens once, wherever its request is retried: before a write with an idempotency key is
// minted, a majority is asked whether it knows the key, and lends it to this replica. One round
// trip, only for requests with a key that ask for a majority of copies or more.
//
//   asking -> known     a member knows the write: it is learned here, and the request is answered
//                       with it
//   asking -> lent      a majority lends the key and knows no write, and the reachable former
//                       borrowers that it names have reported none: the caller mints in the same
//                       step
//   asking -> waiting   it is lent to another replica, or a lender disconnected: lent keys are
//                       returned, and requested again after a pause that grows, longer for members
//                       with a larger index, so that one of several is first
//   waiting -> asking   the pause is over
//   * -> refused        the deadline came (`idempotency-in-flight`), or a majority cannot be
//                       reached; nothing was written
//
// Two majorities overlap, and a member lends a key to one replica at a time: of retries that run at
// once at several replicas, one mints. A loan that has lasted too long, or whose borrower is
// disconnected, is doubtful (loans.ts): the next borrower asks the former one first. So this can
// only miss a first attempt that is durable only on a replica that is then unreachable, both from
// the next borrower and, for a second before, from the lender.
//
// A loan also ends when the write is known: at the borrower as it mints, at a lender as the entry
// is shown there. From then on the memory of the key answers (`taken` until it is durable, then
// `known`), before anything is lent.
//
// Requests under one key at one replica run one after the other. Bounds: a request here counts as a
// waiting write; the lent keys are bounded by the waiting writes of all members; beyond that the
// answer is `full`.

import { assert } from '../base/assert.ts';
import type { Now, Outbox, Turn } from '../model/effect.ts';
import { type Fault, fault } from '../model/fault.ts';
import type { NamespaceName, Origin } from '../model/id.ts';
import {
  add,
  difference,
  firstMembers,
  has,
  intersection,
  isEmpty,
  listOf,
  type MemberSet,
  NO_MEMBERS,
  remove,
  union,
} from '../model/member-set.ts';
import type { Claim, ClaimReply, NamedWrite } from '../model/message.ts';
import { majority, type Member, oneGroup, type Requirement } from '../model/quorum.ts';
import { Tally } from './tally.ts';
import { LENT_MS, Loans } from './loans.ts';
import type { Resume } from './looks.ts';
import type { IdempotencyTable } from '../store/idempotency.ts';
import type { Log } from '../store/log.ts';
import type { Peers } from '../peers/peers.ts';
import type { Settings } from '../model/settings.ts';

const PAUSE_MS = 20;
const PAUSE_DOUBLINGS_MAX = 5;
/** Added to a step for each index, so that members differ even here. */
const PAUSE_MAX_MS = LENT_MS / 4;

interface Claiming {
  id: number;
  readonly namespace: NamespaceName;
  readonly key: string;
  readonly deadlineMs: number;
  readonly resume: Resume;
  tally: Tally;
  attempt: number;
  askedAtMs: number;
  /** When the key is requested again. */
  againAtMs: number;
  /** Another replica has it, as a member has reported in this attempt or an earlier one. */
  wasTaken: boolean;
  /** A member has lent as many keys as it can. */
  isFull: boolean;
  /**
   * Members asked on their present connection, those with an answer, and those of them that
   * answered `taken`.
   */
  asked: MemberSet;
  heard: MemberSet;
  taken: MemberSet;
  /**
   * Members that may have written without having reported it to another, according to the lenders.
   */
  former: MemberSet;
  /** Later requests under the same key. */
  followers: Claiming[];
}

export interface KeyClaimsOptions {
  readonly idempotency: IdempotencyTable;
  readonly log: Log;
  readonly origin: Origin;
  readonly peers: Peers;
  readonly self: Member;
  readonly settings: Settings;
}

export class KeyClaims {
  readonly #options: KeyClaimsOptions;
  readonly #majority: Requirement;
  readonly #loans: Loans;
  readonly #byId = new Map<number, Claiming>();
  readonly #byName = new Map<string, Claiming>();
  #waiting = 0;
  #lastId = 0;

  constructor(options: KeyClaimsOptions) {
    const { self, settings } = options;
    const replicas = settings.members.length;
    const all = firstMembers(replicas);
    this.#options = options;
    this.#majority = oneGroup(all, majority(replicas));
    this.#loans = new Loans(remove(all, self.index), settings.writesPendingMax * replicas);
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** A new incarnation of the replica, which does not know what an earlier one has lent. */
  open(now: Now): void {
    this.#loans.begin(now.monoMs);
  }

  begin(
    { namespace, key, deadlineMs }: Pick<Claiming, 'namespace' | 'key' | 'deadlineMs'>,
    resume: Resume,
    turn: Turn,
  ): void {
    this.#waiting++;
    const claiming: Claiming = {
      id: 0,
      namespace,
      key,
      deadlineMs,
      resume,
      tally: new Tally(this.#majority),
      attempt: 0,
      askedAtMs: turn.now.monoMs,
      againAtMs: Number.POSITIVE_INFINITY,
      wasTaken: false,
      isFull: false,
      asked: NO_MEMBERS,
      heard: NO_MEMBERS,
      taken: NO_MEMBERS,
      former: NO_MEMBERS,
      followers: [],
    };
    this.#lead(claiming, turn);
  }

  onMessage(peer: number, message: Claim | ClaimReply, mayLack: boolean, turn: Turn): void {
    if (message.kind === 'claim') this.#onClaim(peer, message, mayLack, turn);
    else this.#onReply(peer, message, turn);
  }

  /** A peer asks for a key, or returns it. `mayLack`: this replica may have forgotten keys. */
  #onClaim(peer: number, claim: Claim, mayLack: boolean, turn: Turn): void {
    const { id, namespace, key, step } = claim;
    const name = nameOf(namespace, key);
    if (step === 'release') return this.#loans.giveBack(name, peer);
    const known = this.#known(namespace, key);
    const answer =
      typeof known === 'object' ? 'known' : (known ?? this.#lend(name, peer, mayLack, turn.now));
    const named = typeof known === 'object' ? known : undefined;
    const former =
      answer === 'lent' ? remove(this.#loans.formerOf(name, turn.now.monoMs), peer) : NO_MEMBERS;
    const reply = { kind: 'claim-reply', id, answer, named } as const;
    turn.send(peer, isEmpty(former) ? reply : { ...reply, former });
  }

  #lend(name: string, peer: number, mayLack: boolean, now: Now): ClaimReply['answer'] {
    if (mayLack) return 'unknown';
    // A request here may write at any moment, and another member may have named this replica as a
    // former borrower.
    if (this.#byName.get(name)?.againAtMs === Number.POSITIVE_INFINITY) return 'taken';
    return this.#loans.lend(name, peer, now.monoMs);
  }

  #onReply(peer: number, said: ClaimReply, turn: Turn): void {
    const { id, answer, named, former = NO_MEMBERS } = said;
    const claiming = this.#byId.get(id);
    if (claiming === undefined || claiming.againAtMs < Number.POSITIVE_INFINITY) return;
    if (answer === 'known' && isOf(claiming, named)) {
      this.#options.idempotency.learn(named, turn);
      return this.#end(claiming, undefined, turn);
    }
    claiming.heard = add(claiming.heard, peer);
    claiming.former = union(claiming.former, remove(former, this.#options.self.index));
    if (answer === 'lent') claiming.tally.accept(peer);
    else claiming.tally.reject(peer);
    if (answer === 'taken') onTaken(claiming, peer);
    if (answer === 'full') claiming.isFull = true;
    this.#decide(claiming, turn);
  }

  /** The keys that it lent have to be requested again. */
  onDisconnected(peer: number, turn: Turn): void {
    this.#loans.onDisconnected(peer, turn.now.monoMs);
    for (const claiming of this.#byId.values()) {
      const { tally } = claiming;
      claiming.asked = remove(claiming.asked, peer);
      claiming.heard = remove(claiming.heard, peer);
      tally.yes = remove(tally.yes, peer);
      tally.reject(peer);
      this.#decide(claiming, turn);
    }
  }

  onDue(turn: Turn): void {
    if (!turn.takeDue('key-claim')) return;
    for (const claiming of this.#byId.values()) {
      if (turn.now.monoMs >= dueOf(claiming)) this.#expireFollowers(claiming, turn);
      if (turn.now.monoMs < ownDueOf(claiming)) turn.arm('key-claim', dueOf(claiming));
      else if (turn.now.monoMs >= claiming.deadlineMs) this.#end(claiming, lateOf(claiming), turn);
      else if (turn.now.monoMs >= claiming.againAtMs) this.#ask(claiming, turn);
      else this.#pause(claiming, turn);
    }
  }

  /** The replica stops before anything was minted. */
  failAll(stopped: Fault, turn: Turn): void {
    for (const claiming of this.#byId.values()) {
      for (const each of [claiming, ...claiming.followers]) each.resume(stopped, turn);
    }
    this.#byId.clear();
    this.#byName.clear();
    this.#waiting = 0;
    turn.disarm('key-claim');
  }

  /** This replica now remembers the write under the key, and answers every request for it. */
  onRemembered(namespace: NamespaceName, key: string, turn: Turn): void {
    const name = nameOf(namespace, key);
    this.#loans.end(name);
    const claiming = this.#byName.get(name);
    if (claiming === undefined) return;
    // Requests that are due ask again, and find the write.
    claiming.againAtMs = 0;
    turn.arm('key-claim', 0);
  }

  /**
   * Returns the keys lent for a request that minted nothing. If an earlier one has minted here, its
   * lenders keep the loan until they have the write.
   */
  release(namespace: NamespaceName, key: string, out: Outbox): void {
    const { idempotency, origin, self } = this.#options;
    this.#loans.giveBack(nameOf(namespace, key), self.index);
    const known = idempotency.find(namespace, key);
    if (typeof known === 'object' && known.origin === origin) return;
    for (const { member } of this.#options.peers.greeted())
      out.send(member.index, { kind: 'claim', id: 0, step: 'release', namespace, key });
  }

  #expireFollowers(leader: Claiming, turn: Turn): void {
    if (leader.followers.length === 0) return;
    const late = leader.followers.filter(({ deadlineMs }) => turn.now.monoMs >= deadlineMs);
    leader.followers = leader.followers.filter(({ deadlineMs }) => turn.now.monoMs < deadlineMs);
    this.#waiting -= late.length;
    assert(this.#waiting > 0, 'key claims: the first request of the key still waits');
    for (const follower of late) follower.resume(IN_FLIGHT, turn);
  }

  /** The first request under its name asks; the others wait for it. */
  #lead(claiming: Claiming, turn: Turn): void {
    const name = nameOf(claiming.namespace, claiming.key);
    const leader = this.#byName.get(name);
    if (leader !== undefined) {
      leader.followers.push(claiming);
      turn.arm('key-claim', claiming.deadlineMs);
      return;
    }
    this.#byName.set(name, claiming);
    this.#ask(claiming, turn);
  }

  // waiting -> asking
  #ask(claiming: Claiming, turn: Turn): void {
    const { idempotency, peers, self, settings } = this.#options;
    const { namespace, key } = claiming;
    if (idempotency.find(namespace, key) !== undefined) return this.#end(claiming, undefined, turn);
    this.#byId.delete(claiming.id);
    claiming.id = ++this.#lastId;
    this.#byId.set(claiming.id, claiming);
    claiming.attempt++;
    claiming.askedAtMs = turn.now.monoMs;
    claiming.againAtMs = Number.POSITIVE_INFINITY;
    claiming.isFull = false;
    claiming.asked = NO_MEMBERS;
    claiming.heard = NO_MEMBERS;
    claiming.taken = NO_MEMBERS;
    claiming.tally = new Tally(this.#majority);
    const name = nameOf(namespace, key);
    const own = this.#loans.lend(name, self.index, turn.now.monoMs);
    claiming.former = this.#loans.formerOf(name, turn.now.monoMs);
    if (own === 'lent') claiming.tally.accept(self.index);
    else claiming.tally.reject(self.index);
    if (own === 'taken') onTaken(claiming, self.index);
    if (own === 'full') claiming.isFull = true;
    turn.arm('key-claim', dueOf(claiming));
    for (const { index } of settings.members) {
      if (index === self.index) continue;
      if (!has(peers.reachable, index)) claiming.tally.reject(index);
      else this.#askMember(claiming, index, turn);
    }
    this.#decide(claiming, turn);
  }

  #askMember(claiming: Claiming, index: number, out: Outbox): void {
    const { id, namespace, key } = claiming;
    claiming.asked = add(claiming.asked, index);
    out.send(index, { kind: 'claim', id, step: 'ask', namespace, key });
  }

  #decide(claiming: Claiming, turn: Turn): void {
    if (claiming.againAtMs < Number.POSITIVE_INFINITY) return;
    const { state } = claiming.tally;
    if (state === 'won') return this.#onLent(claiming, turn);
    if (state === 'pending') return;
    if (!isEmpty(claiming.taken)) return this.#pause(claiming, turn);
    this.release(claiming.namespace, claiming.key, turn);
    this.#end(claiming, claiming.isFull ? FULL : UNREACHABLE, turn);
  }

  // asking -> lent, waiting, or still asking the former borrowers
  #onLent(claiming: Claiming, turn: Turn): void {
    const { former, heard, taken } = claiming;
    if (!isEmpty(intersection(former, taken))) return this.#pause(claiming, turn);
    const missing = intersection(difference(former, heard), this.#options.peers.reachable);
    if (isEmpty(missing)) return this.#end(claiming, undefined, turn);
    for (const member of listOf(difference(missing, claiming.asked)))
      this.#askMember(claiming, member, turn);
  }

  // asking -> waiting
  #pause(claiming: Claiming, turn: Turn): void {
    this.release(claiming.namespace, claiming.key, turn);
    assert(claiming.attempt >= 1, 'key claims: a pause follows an attempt');
    const { index } = this.#options.self;
    const doublings = Math.min(claiming.attempt, PAUSE_DOUBLINGS_MAX);
    const stepMs = PAUSE_MS * (index + 1);
    const pauseMs = Math.min(stepMs * 2 ** (doublings - 1), PAUSE_MAX_MS + stepMs);
    claiming.againAtMs = turn.now.monoMs + pauseMs;
    turn.arm('key-claim', dueOf(claiming));
  }

  #end(claiming: Claiming, failed: Fault | undefined, turn: Turn): void {
    this.#waiting--;
    this.#byId.delete(claiming.id);
    const name = nameOf(claiming.namespace, claiming.key);
    assert(this.#byName.get(name) === claiming, 'key claims: the first request of its key ends');
    assert(this.#waiting >= 0, 'key claims: requests that wait are counted');
    this.#byName.delete(name);
    claiming.resume(failed, turn);
    for (const follower of claiming.followers) this.#lead(follower, turn);
  }

  /**
   * The write under a key, if it is durable here or only its name is; `taken` if it soon will be.
   */
  #known(namespace: NamespaceName, key: string): NamedWrite | 'unknown' | 'taken' | undefined {
    const { idempotency, log } = this.#options;
    const known = idempotency.find(namespace, key);
    if (known === undefined) return undefined;
    if (known === 'unreadable') return 'unknown';
    const isUndurable = known.seq <= log.received(known.origin) && !log.holds(known);
    return isUndurable ? 'taken' : { namespace, key, ...known };
  }
}

const UNREACHABLE = fault(
  'no-quorum',
  'a majority cannot be asked whether it knows this idempotency key; nothing was written',
  { retryAfterMs: 1000 },
);

const FULL = fault(
  'overloaded',
  'too many idempotency keys are lent to writes under way; nothing was written',
  { retryAfterMs: 1000 },
);

const IN_FLIGHT = fault(
  'idempotency-in-flight',
  'another request under this key is under way, here or at another replica; nothing was written by this one',
);

const TOO_LATE = fault(
  'timeout',
  'the deadline passed before a majority had said whether it knows this key; nothing was written',
);

function dueOf(claiming: Claiming): number {
  return claiming.followers.reduce(
    (dueMs, { deadlineMs }) => Math.min(dueMs, deadlineMs),
    ownDueOf(claiming),
  );
}

/** Repeated while asking: an older loan may have ended before the write reaches the lender. */
function ownDueOf({ deadlineMs, againAtMs, askedAtMs }: Claiming): number {
  const isAsking = againAtMs === Number.POSITIVE_INFINITY;
  return Math.min(deadlineMs, isAsking ? askedAtMs + LENT_MS / 2 : againAtMs);
}

function lateOf({ wasTaken }: Claiming): Fault {
  return wasTaken ? IN_FLIGHT : TOO_LATE;
}

function onTaken(claiming: Claiming, member: number): void {
  claiming.taken = add(claiming.taken, member);
  claiming.wasTaken = true;
}

function isOf({ namespace, key }: Claiming, named: NamedWrite | undefined): named is NamedWrite {
  return named?.namespace === namespace && named.key === key;
}

function nameOf(namespace: NamespaceName, key: string): string {
  return `${namespace}\0${key}`;
}
