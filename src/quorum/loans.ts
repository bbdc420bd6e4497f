// The idempotency keys that this replica has lent, each to one member at a time (key-claims.ts).
//
//   firm        for LENT_MS, and once the borrower is disconnected for RETURN_MS at most: lent to nobody else
//   doubtful    afterwards, and what an earlier life may have lent: it is lent to others, who are told of the former borrowers.
//               One of them may have written under the key without having reached anybody
//   over        the write is known here, the borrower gives it back, or DOUBT_MS have passed
//
// So a borrower that is merely slow, or whose connection to this lender alone has broken, is heard before another one writes.
//
// Bound: `lentMax` keys; beyond it what is doubtful is forgotten, the oldest first, and then no more are lent.

/** A borrower writes within half of it. */
export const LENT_MS = 10_000;
/** Broken connections are made again within that time. */
const RETURN_MS = 1000;
const DOUBT_MS = 600_000;

interface Loan {
  /** To whom it is lent. */
  readonly member: number | undefined;
  readonly atMs: number;
  /** When it begins to be doubtful. */
  readonly untilMs: number;
  /** To whom it was lent before, as bits. */
  readonly former: number;
}

export class Loans {
  readonly #others: number;
  readonly #lentMax: number;
  /** By name, the oldest first. */
  readonly #loans = new Map<string, Loan>();
  /** Until when something that an earlier life has lent may still be about to be written. */
  #earlierUntilMs = Number.POSITIVE_INFINITY;

  /** `others`: the other members, as bits. */
  constructor(others: number, lentMax: number) {
    this.#others = others;
    this.#lentMax = lentMax;
  }

  /** A new life begins. */
  begin(nowMs: number): void {
    this.#earlierUntilMs = nowMs + LENT_MS;
  }

  lend(name: string, member: number, nowMs: number): 'lent' | 'taken' | 'full' {
    const loan = this.#loans.get(name);
    if (loan !== undefined && loan.member !== member && loan.untilMs > nowMs) return 'taken';
    const former = loan === undefined ? 0 : borrowersOf(loan) & ~bitOf(member);
    this.#loans.delete(name);
    if (!this.#makeRoom(nowMs)) return 'full';
    this.#loans.set(name, { member, atMs: nowMs, untilMs: nowMs + LENT_MS, former });
    return 'lent';
  }

  /** Other members, as bits, that may have written under the key without having told anybody. */
  formerOf(name: string, nowMs: number): number {
    if (nowMs < this.#earlierUntilMs) return this.#others;
    return (this.#loans.get(name)?.former ?? 0) & this.#others;
  }

  /** It has written nothing under the key. */
  giveBack(name: string, member: number): void {
    const loan = this.#loans.get(name);
    if (loan === undefined) return;
    const former = loan.former & ~bitOf(member);
    if (loan.member !== member) this.#loans.set(name, { ...loan, former });
    else if (former === 0) this.#loans.delete(name);
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

  /** What is old goes, and what is doubtful where there is no room for more. */
  #makeRoom(nowMs: number): boolean {
    for (const [name, { atMs, untilMs }] of this.#loans) {
      const isOver = nowMs >= atMs + DOUBT_MS;
      if (!isOver && (this.#loans.size < this.#lentMax || untilMs > nowMs)) break;
      this.#loans.delete(name);
    }
    return this.#loans.size < this.#lentMax;
  }
}

function borrowersOf({ member, former }: Loan): number {
  return member === undefined ? former : former | bitOf(member);
}

function bitOf(member: number): number {
  return 1 << member;
}
