// The idempotency keys that this replica has lent, each to one member at a time (key-claims.ts).
//
//   firm        for LENT_MS, and for RETURN_MS at most once the borrower is disconnected: lent to
//               no other member
//   doubtful    afterwards, and what an earlier incarnation may have lent: lent to others, with the
//               names of the former borrowers. One of them may have written under the key without
//               having reached another replica
//   over        the write is known here, the borrower returns it, or DOUBT_MS have passed
//
// So a borrower that is merely slow, or disconnected from this lender only, is asked before another
// one writes.
//
// Bound: `lentMax` keys; beyond it doubtful loans are forgotten, the oldest first, and then no more
// are lent.

import { assert } from '../base/assert.ts';
import {
  add,
  has,
  intersection,
  isEmpty,
  type MemberSet,
  NO_MEMBERS,
  remove,
} from '../model/member-set.ts';

/** A borrower writes within half of this time. */
export const LENT_MS = 10_000;
/** Broken connections are restored within this time. */
const RETURN_MS = 1000;
const DOUBT_MS = 600_000;

interface Loan {
  /** The borrower. */
  readonly member: number | undefined;
  readonly atMs: number;
  /** When the loan becomes doubtful. */
  readonly untilMs: number;
  /** Former borrowers. */
  readonly former: MemberSet;
}

export class Loans {
  readonly #others: MemberSet;
  readonly #lentMax: number;
  /** By name, the oldest first. */
  readonly #loans = new Map<string, Loan>();
  /** Until then a borrower of an earlier incarnation may still be about to write. */
  #earlierUntilMs = Number.POSITIVE_INFINITY;

  /** `others`: the other members. */
  constructor(others: MemberSet, lentMax: number) {
    this.#others = others;
    this.#lentMax = lentMax;
  }

  /** A new incarnation begins. */
  begin(nowMs: number): void {
    assert(this.#loans.size === 0, 'loans: an incarnation begins without any');
    this.#earlierUntilMs = nowMs + LENT_MS;
  }

  lend(name: string, member: number, nowMs: number): 'lent' | 'taken' | 'full' {
    const loan = this.#loans.get(name);
    if (loan !== undefined && loan.member !== member && loan.untilMs > nowMs) return 'taken';
    const former = loan === undefined ? NO_MEMBERS : remove(borrowersOf(loan), member);
    this.#loans.delete(name);
    if (!this.#makeRoom(nowMs)) return 'full';
    assert(!has(former, member), 'loans: a borrower is not its own former one');
    this.#loans.set(name, { member, atMs: nowMs, untilMs: nowMs + LENT_MS, former });
    assert(this.#loans.size <= this.#lentMax, 'loans: their number has a bound');
    return 'lent';
  }

  /** Other members that may have written under the key without having told another. */
  formerOf(name: string, nowMs: number): MemberSet {
    if (nowMs < this.#earlierUntilMs) return this.#others;
    return intersection(this.#loans.get(name)?.former ?? NO_MEMBERS, this.#others);
  }

  /** The borrower has written nothing under the key. */
  giveBack(name: string, member: number): void {
    const loan = this.#loans.get(name);
    if (loan === undefined) return;
    const former = remove(loan.former, member);
    if (loan.member !== member) this.#loans.set(name, { ...loan, former });
    else if (isEmpty(former)) this.#loans.delete(name);
    else this.#loans.set(name, { ...loan, former, member: undefined, untilMs: 0 });
  }

  /** The write under the key is known here. */
  end(name: string): void {
    this.#loans.delete(name);
  }

  onDisconnected(member: number, nowMs: number): void {
    const untilMs = nowMs + RETURN_MS;
    for (const [name, loan] of this.#loans)
      if (loan.member === member && loan.untilMs > untilMs)
        this.#loans.set(name, { ...loan, untilMs });
  }

  /** Drops old loans, and doubtful ones if there is no room for more. */
  #makeRoom(nowMs: number): boolean {
    for (const [name, { atMs, untilMs }] of this.#loans) {
      const isOver = nowMs >= atMs + DOUBT_MS;
      if (!isOver && (this.#loans.size < this.#lentMax || untilMs > nowMs)) break;
      this.#loans.delete(name);
    }
    return this.#loans.size < this.#lentMax;
  }
}

function borrowersOf({ member, former }: Loan): MemberSet {
  return member === undefined ? former : add(former, member);
}
