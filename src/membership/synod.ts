// The next membership, chosen by the present one: single-decree Paxos (Lamport, "Paxos Made
// Simple", 2001). Every member is an acceptor; a member that gets a request for a change, or finds
// an unfinished one, proposes.
//
//   proposer   idle -> preparing -> accepting -> chosen back to idle when an attempt ends without a
//              majority
//   acceptor   promises a ballot, accepts one that is not below what it promised
//
// (1) Nothing is sent before it is durable: every message waits for the batch with the vote that it
//     reports.
// (2) A proposer is its own first acceptor, and its vote is durable before it asks the others.
// (3) A proposer that hears of something accepted proposes that, and reports the conflict to its
//     own caller.
// (4) A replica that may have forgotten a vote has none, until it has heard the votes of all the
//     others. Each majority that its forgotten vote was part of has another member, the proposer,
//     whose vote it then hears and takes over: a promise only excludes older ballots, and what was
//     ever proposed under a ballot may be accepted under it.
// (5) Only a replica that has caught up in the present epoch votes, so that what was acknowledged
//     in the epoch before is held by a majority of this one before the next can begin.
//
// An accepted value without news is proposed by the next member that has waited long enough, so
// nothing hangs when a proposer dies. Attempts that disturb each other are spread by random delays,
// seeded with the replica's incarnation.

import { createPrng, type Prng } from '../base/prng.ts';
import { bytesOf } from '../base/bytes.ts';
import { crc32c } from '../base/crc32c.ts';
import { assert, unreachable } from '../base/assert.ts';
import type { Lsn, Now, Outbox, Turn } from '../model/effect.ts';
import type { Origin } from '../model/id.ts';
import {
  type Ballot,
  compareBallots,
  isEqualMembership,
  isOneStep,
  type Membership,
  type Proposal,
  ROUND_MAX,
  type Vote,
} from '../model/membership.ts';
import { readVote, writeVote } from '../model/membership-bytes.ts';
import type { Synod as Message } from '../model/message.ts';
import { add, type MemberSet, NO_MEMBERS, sizeOf } from '../model/member-set.ts';
import { majority } from '../model/quorum.ts';
import type { ChangeProgress } from '../model/status.ts';
import { seal, unseal } from '../store/envelope.ts';
import { metaKey } from '../store/layout.ts';

/** Called once, at the latest at its deadline. */
export type Outcome =
  | { readonly kind: 'chosen'; readonly value: Membership; readonly lsn: Lsn }
  /** Another value was chosen instead. */
  | { readonly kind: 'conflict'; readonly lsn: Lsn }
  /** `indefinite`: it was proposed, and may still be chosen. */
  | { readonly kind: 'timeout'; readonly indefinite: boolean };

export interface SynodOptions {
  readonly self: number;
  /** The present incarnation of this replica. */
  readonly origin: Origin;
  readonly current: Membership;
  /** Peers that can be asked now, by member index. */
  readonly reachable: () => readonly number[];
  /** The replica has caught up and may vote. */
  readonly isFit: () => boolean;
  /** The replica can work with this membership. */
  readonly accepts: (value: Membership) => boolean;
  /** A peer says that it was chosen. `conclude` is called if it is believed. */
  readonly onTold: (peer: number, value: Membership, turn: Turn) => void;
  /** A majority has accepted: it is to be made durable in the batch of `out`. */
  readonly onChosen: (value: Membership, out: Outbox) => void;
}

interface Asked {
  readonly value: Membership;
  readonly deadlineMs: number;
  readonly tell: (outcome: Outcome, out: Outbox) => void;
  isProposed: boolean;
}

interface Counting {
  readonly ballot: Ballot;
  readonly untilMs: number;
  /** Members that answered in this phase. */
  answers: MemberSet;
  /**
   * The batch that makes this replica's own answer durable, so that it counts; 0: it is durable.
   */
  ownLsn: Lsn;
}

interface Preparing extends Counting {
  readonly step: 'preparing';
  /** The latest value that an acceptor had accepted before. */
  found: Proposal | undefined;
}

interface Accepting extends Counting {
  readonly step: 'accepting';
  readonly value: Membership;
}

type Attempt = Preparing | Accepting;

const VOTE = metaKey('vote');
/**
 * After this time without news, an accepted value is proposed again by the member that accepted it.
 */
const RESUME_MS = 3000;
const ATTEMPT_MS = 2000;
const PAUSE_MS = 200;
const PAUSE_DOUBLINGS_MAX = 5;

export class Synod {
  readonly #options: SynodOptions;
  readonly #majority: number;
  readonly #dice: Prng;
  /** By member index. */
  readonly #heard = new Map<number, Vote | undefined>();
  #vote: Vote | undefined;
  /** The votes that were known before it turned out that some may be forgotten. */
  #own: Vote | undefined;
  /** Another member has promised this round to another proposer. */
  #roundSeen = 0;
  #acceptedAtMs = 0;
  #asked: Asked | undefined;
  #attempt: Attempt | undefined;
  #failures = 0;
  #pauseUntilMs = 0;
  #isOver = false;

  constructor(options: SynodOptions) {
    this.#options = options;
    this.#majority = majority(options.current.seats.length);
    this.#dice = createPrng(crc32c(bytesOf(options.origin), 0, options.origin.length));
  }

  /** The vote of this replica; `undefined` while it may have sent more than it knows. */
  get vote(): Vote | undefined {
    return this.#vote;
  }

  /** A change was requested here, or one was accepted and its end is unknown. */
  get isBusy(): boolean {
    return this.#asked !== undefined || this.#vote?.accepted !== undefined;
  }

  /** For the change that was requested here: its step, and the members that have answered in it. */
  get progress():
    | { readonly step: ChangeProgress['step']; readonly agreed: MemberSet }
    | undefined {
    if (this.#asked === undefined) return undefined;
    if (this.#attempt === undefined) return { step: 'waiting', agreed: NO_MEMBERS };
    const { answers, step } = this.#attempt;
    return { step, agreed: answers };
  }

  hasAccepted(value: Membership): boolean {
    const accepted = this.#vote?.accepted;
    return accepted !== undefined && isEqualMembership(accepted.value, value);
  }

  /** How many of these peers, and this replica, have reported that they accepted nothing. */
  abstaining(peers: readonly number[]): number {
    const others = peers.filter((peer) => isAbstention(this.#heard.get(peer)));
    return others.length + (isAbstention(this.#vote) ? 1 : 0);
  }

  /**
   * At start, with the stored vote. It belongs to the present epoch: a new epoch begins with a new
   * vote.
   */
  restore(stored: Uint8Array | undefined, turn: Turn): void {
    const reader = stored === undefined ? undefined : unseal(stored);
    const vote = reader === undefined ? undefined : readVote(reader);
    // A ballot that cannot be exceeded is not accepted.
    this.#vote = (vote?.promised?.round ?? 0) <= ROUND_MAX ? vote : undefined;
    this.#acceptedAtMs = turn.now.monoMs;
    this.#recall(turn);
  }

  /** A peer's vote, with its greeting. */
  onHello(peer: number, vote: Vote | undefined, out: Outbox): void {
    const { current } = this.#options;
    const isSane = vote?.accepted === undefined || isOneStep(current, vote.accepted.value);
    this.#heard.set(peer, isSane ? vote : { promised: vote.promised, accepted: undefined });
    this.#recall(out);
  }

  /**
   * The disk has lost data: this replica may have sent more than it knows, and what it knows was
   * sent.
   */
  forget(out: Outbox): void {
    if (this.#vote === undefined) return;
    this.#own = unite(this.#own, this.#vote);
    this.#vote = undefined;
    this.#attempt = undefined;
    out.del(VOTE);
    this.#recall(out);
  }

  /** Proposes `value`; the outcome comes later. Only while it is not busy. */
  begin(value: Membership, deadlineMs: number, tell: Asked['tell'], turn: Turn): void {
    assert(!this.isBusy, 'synod: one change at a time');
    assert(!this.#isOver, 'synod: an epoch ends with one change');
    assert(
      value.epoch === this.#options.current.epoch + 1,
      'synod: a change leads to the next epoch',
    );
    this.#asked = { value, deadlineMs, tell, isProposed: false };
    this.#prepare(turn);
  }

  onMessage(peer: number, message: Message, turn: Turn): void {
    const { current } = this.#options;
    if (this.#isOver || message.epoch !== current.epoch) return;
    if (message.proposal !== undefined && !isOneStep(current, message.proposal.value)) return;
    switch (message.step) {
      case 'prepare':
        return this.#onPrepare(peer, message.ballot, turn);
      case 'promise':
        return this.#onPromise(peer, message, turn);
      case 'accept':
        return this.#onAccept(peer, message, turn);
      case 'accepted':
        return this.#onAccepted(peer, message.ballot, turn);
      case 'refused':
        return this.#onRefused(message.ballot, turn.now);
      case 'chosen':
        if (message.proposal !== undefined)
          this.#options.onTold(peer, message.proposal.value, turn);
        return;
      default:
        return unreachable(message.step);
    }
  }

  onDurable(lsn: Lsn, turn: Turn): void {
    const attempt = this.#attempt;
    if (attempt === undefined || attempt.ownLsn === 0 || attempt.ownLsn > lsn) return;
    attempt.ownLsn = 0;
    const { self } = this.#options;
    assert(
      this.#vote !== undefined,
      'synod (2): what counts of this replica is a vote that it has',
    );
    if (attempt.step === 'preparing') this.#count(attempt, self, turn);
    else this.#onAccepted(self, attempt.ballot, turn);
  }

  /** With every heartbeat. */
  onBeat(turn: Turn): void {
    if (this.#isOver) return;
    if (this.#attempt !== undefined && turn.now.monoMs >= this.#attempt.untilMs)
      this.#giveUp(turn.now);
    const asked = this.#asked;
    if (asked !== undefined && turn.now.monoMs >= asked.deadlineMs) {
      this.#asked = undefined;
      asked.tell({ kind: 'timeout', indefinite: asked.isProposed }, turn);
    }
    if (
      this.#attempt === undefined &&
      turn.now.monoMs >= this.#pauseUntilMs &&
      this.#hasWork(turn.now)
    )
      this.#prepare(turn);
  }

  /** This incarnation ends while the change requested here is undecided. */
  abandon(out: Outbox): void {
    const asked = this.#asked;
    this.#asked = undefined;
    asked?.tell({ kind: 'timeout', indefinite: asked.isProposed }, out);
  }

  #hasWork(now: Now): boolean {
    if (this.#asked !== undefined) return true;
    const isAccepted = this.#vote?.accepted !== undefined;
    return isAccepted && now.monoMs - this.#acceptedAtMs >= RESUME_MS;
  }

  // ---- the proposer

  // idle -> preparing; preparing -> preparing: a request that ran out of time left that attempt,
  // which has proposed nothing, and the next request begins its own
  #prepare(turn: Turn): void {
    const vote = this.#vote;
    if (vote === undefined || !this.#options.isFit()) return;
    const round = Math.max(vote.promised?.round ?? 0, this.#roundSeen) + 1;
    const ballot = { round, by: this.#options.origin };
    assert(this.#attempt?.step !== 'accepting', 'synod: a proposal is not replaced');
    assert(round <= ROUND_MAX + 1, 'synod: a ballot that others can outbid');
    const untilMs = turn.now.monoMs + ATTEMPT_MS;
    const counting = { ballot, untilMs, answers: NO_MEMBERS, ownLsn: turn.lsn };
    this.#attempt = { ...counting, step: 'preparing', found: vote.accepted };
    this.#promise(vote, ballot, turn);
    this.#ask('prepare', ballot, undefined, turn);
  }

  #onPromise(peer: number, { ballot, proposal }: Message, turn: Turn): void {
    const attempt = this.#attempt;
    if (attempt?.step !== 'preparing' || compareBallots(attempt.ballot, ballot) !== 0) return;
    attempt.found = later(attempt.found, proposal);
    this.#count(attempt, peer, turn);
  }

  #count(attempt: Preparing, voter: number, turn: Turn): void {
    assert(this.#attempt === attempt, 'synod: what is counted is under way');
    attempt.answers = add(attempt.answers, voter);
    if (sizeOf(attempt.answers) >= this.#majority) this.#propose(attempt, turn);
  }

  // preparing -> accepting
  #propose(attempt: Preparing, turn: Turn): void {
    const value = attempt.found?.value ?? this.#asked?.value;
    const vote = this.#vote;
    const isOutbid = vote?.promised === undefined || isBelow(attempt.ballot, vote.promised);
    if (value === undefined || vote === undefined || isOutbid) return this.#giveUp(turn.now);
    const { ballot, untilMs, found } = attempt;
    assert(
      found === undefined || isEqualMembership(found.value, value),
      'synod (3): what is found accepted is proposed',
    );
    const ownLsn = turn.lsn;
    this.#attempt = { step: 'accepting', ballot, untilMs, answers: NO_MEMBERS, ownLsn, value };
    if (this.#asked !== undefined && isEqualMembership(this.#asked.value, value))
      this.#asked.isProposed = true;
    this.#accept(vote, { ballot, value }, turn);
    this.#ask('accept', ballot, { ballot, value }, turn);
  }

  // accepting -> chosen
  #onAccepted(peer: number, ballot: Ballot, out: Outbox): void {
    const attempt = this.#attempt;
    if (attempt?.step !== 'accepting' || compareBallots(attempt.ballot, ballot) !== 0) return;
    attempt.answers = add(attempt.answers, peer);
    if (sizeOf(attempt.answers) >= this.#majority) this.#finish(ballot, attempt.value, out);
  }

  #finish(ballot: Ballot, value: Membership, out: Outbox): void {
    this.#end(value, out);
    this.#ask('chosen', ballot, { ballot, value }, out);
  }

  #onRefused(ballot: Ballot, now: Now): void {
    this.#roundSeen = Math.max(this.#roundSeen, ballot.round);
    if (this.#attempt !== undefined && isBelow(this.#attempt.ballot, ballot)) this.#giveUp(now);
  }

  // preparing, accepting -> idle
  #giveUp(now: Now): void {
    assert(this.#attempt !== undefined, 'synod: what is given up was tried');
    this.#attempt = undefined;
    const doublings = Math.min(this.#failures++, PAUSE_DOUBLINGS_MAX);
    this.#pauseUntilMs = now.monoMs + PAUSE_MS * 2 ** doublings * (0.5 + this.#dice.next());
  }

  // ---- the acceptor

  #onPrepare(peer: number, ballot: Ballot, out: Outbox): void {
    const vote = this.#vote;
    if (vote === undefined || !this.#options.isFit()) return;
    if (vote.promised !== undefined && isBelow(ballot, vote.promised))
      return this.#refuse(peer, vote, vote.promised, out);
    this.#promise(vote, ballot, out);
    const { accepted } = vote;
    this.#answer(peer, 'promise', ballot, accepted, out);
  }

  #onAccept(peer: number, { ballot, proposal }: Message, turn: Turn): void {
    const vote = this.#vote;
    if (vote === undefined || !this.#options.isFit()) return;
    if (vote.promised !== undefined && isBelow(ballot, vote.promised))
      return this.#refuse(peer, vote, vote.promised, turn);
    if (proposal === undefined || !this.#options.accepts(proposal.value)) return;
    this.#accept(vote, { ballot, value: proposal.value }, turn);
    this.#answer(peer, 'accepted', ballot, undefined, turn);
  }

  #promise(vote: Vote, ballot: Ballot, out: Outbox): void {
    assert(this.#options.isFit(), 'synod (5): a replica votes once it has caught up');
    this.#store({ promised: ballot, accepted: vote.accepted }, out);
  }

  #accept(vote: Vote, proposal: Proposal, turn: Turn): void {
    const isAhead = vote.promised !== undefined && isBelow(proposal.ballot, vote.promised);
    this.#store({ promised: isAhead ? vote.promised : proposal.ballot, accepted: proposal }, turn);
    this.#acceptedAtMs = turn.now.monoMs;
  }

  /** The chosen value is reported to the client that asked here, and made durable. Once. */
  conclude(value: Membership, out: Outbox): void {
    if (!this.#isOver) this.#end(value, out);
  }

  #end(value: Membership, out: Outbox): void {
    assert(!this.#isOver, 'synod: an epoch ends once');
    this.#isOver = true;
    this.#attempt = undefined;
    const asked = this.#asked;
    this.#asked = undefined;
    this.#options.onChosen(value, out);
    const { lsn } = out;
    const isWanted = asked !== undefined && isEqualMembership(asked.value, value);
    asked?.tell(isWanted ? { kind: 'chosen', value, lsn } : { kind: 'conflict', lsn }, out);
  }

  // ---- votes

  /**
   * All others were heard in this incarnation: their votes cover what may have been forgotten here.
   */
  #recall(out: Outbox): void {
    const others = this.#options.current.seats.length - 1;
    if (this.#vote !== undefined || this.#heard.size < others) return;
    assert(this.#heard.size === others, 'synod (4): the votes of all others, and no more');
    this.#store([this.#own, ...this.#heard.values()].reduce<Vote>(unite, NO_VOTE), out);
  }

  #store(vote: Vote, out: Outbox): void {
    const { promised } = this.#vote ?? NO_VOTE;
    const isKept = promised === undefined || vote.promised === undefined;
    assert(isKept || !isBelow(vote.promised, promised), 'synod (1): a promise is not taken back');
    this.#vote = vote;
    out.put(VOTE, encodeVote(vote));
  }

  // ---- messages

  #ask(step: Message['step'], ballot: Ballot, proposal: Proposal | undefined, out: Outbox): void {
    for (const peer of this.#options.reachable()) this.#answer(peer, step, ballot, proposal, out);
  }

  /** Written again, so that there is a batch to wait for. */
  #refuse(peer: number, vote: Vote, promised: Ballot, out: Outbox): void {
    this.#store(vote, out);
    this.#answer(peer, 'refused', promised, undefined, out);
  }

  #answer(
    peer: number,
    step: Message['step'],
    ballot: Ballot,
    proposal: Proposal | undefined,
    out: Outbox,
  ): void {
    const { epoch } = this.#options.current;
    // It reports the vote, or the outcome, which the batch of this turn makes durable.
    out.send(peer, { kind: 'synod', step, epoch, ballot, proposal }, out.lsn);
  }
}

const NO_VOTE: Vote = { promised: undefined, accepted: undefined };

export function voteKey(): Uint8Array {
  return VOTE;
}

/** The vote in a new epoch of a replica with a whole memory: it has said nothing in it yet. */
export function freshVote(): Uint8Array {
  return encodeVote(NO_VOTE);
}

function encodeVote(vote: Vote): Uint8Array {
  return seal((writer) => writeVote(writer, vote));
}

function isAbstention(vote: Vote | undefined): boolean {
  return vote !== undefined && vote.accepted === undefined;
}

function isBelow(left: Ballot, right: Ballot): boolean {
  return compareBallots(left, right) < 0;
}

function later(left: Proposal | undefined, right: Proposal | undefined): Proposal | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  return isBelow(left.ballot, right.ballot) ? right : left;
}

function unite(left: Vote | undefined, right: Vote | undefined): Vote {
  const accepted = later(left?.accepted, right?.accepted);
  const ballots = [left?.promised, right?.promised, accepted?.ballot].filter(
    (ballot) => ballot !== undefined,
  );
  const promised = ballots.reduce<Ballot | undefined>(
    (highest, ballot) => (highest === undefined || isBelow(highest, ballot) ? ballot : highest),
    undefined,
  );
  return { promised, accepted };
}
