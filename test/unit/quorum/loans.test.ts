import { beforeEach, describe, expect, it } from 'vitest';
import { NO_MEMBERS, setOf, single } from '../../../src/model/member-set.ts';
import { LENT_MS, Loans } from '../../../src/quorum/loans.ts';
import { setOfBits } from '../../support/build.ts';

/** This is member 0 of four. */
const OTHERS = setOfBits(0b1110);
const [A, B, C] = [1, 2, 3];
const LATER = 2 * LENT_MS;

let loans: Loans;

beforeEach(() => {
  loans = new Loans(OTHERS, 3);
  loans.begin(0);
});

describe('a key', () => {
  it('is lent to one replica at a time, and to the same one again', () => {
    expect(loans.lend('k', A, LATER)).toBe('lent');
    expect(loans.lend('k', B, LATER)).toBe('taken');
    expect(loans.lend('k', A, LATER)).toBe('lent');
  });

  it('is lent to the next once it is returned or its write is known, without a former borrower', () => {
    loans.lend('k', A, LATER);
    loans.giveBack('k', B);
    expect(loans.lend('k', B, LATER)).toBe('taken');
    loans.giveBack('k', A);
    expect(loans.lend('k', B, LATER)).toBe('lent');
    loans.end('k');
    expect(loans.lend('k', C, LATER)).toBe('lent');
    expect(loans.formerOf('k', LATER)).toBe(NO_MEMBERS);
  });

  it('that was lent for long, or to a replica that is gone for long, is lent to the next, which learns of the former', () => {
    loans.lend('long', A, LATER);
    expect(loans.lend('long', B, LATER + LENT_MS)).toBe('lent');
    expect(loans.formerOf('long', LATER + LENT_MS)).toBe(single(A));
    loans.lend('gone', A, LATER);
    loans.onDisconnected(A, LATER);
    expect(loans.lend('gone', B, LATER + 999)).toBe('taken');
    expect(loans.lend('gone', B, LATER + 1000)).toBe('lent');
    expect(loans.formerOf('gone', LATER + 1000)).toBe(single(A));
  });

  it('keeps its former borrowers until each has returned it', () => {
    for (const [n, member] of [A, B, C].entries()) loans.lend('k', member, LATER + n * LENT_MS);
    const nowMs = LATER + 2 * LENT_MS;
    expect(loans.formerOf('k', nowMs)).toBe(setOf([A, B]));
    loans.giveBack('k', C);
    loans.giveBack('k', A);
    expect(loans.lend('k', 0, nowMs)).toBe('lent');
    expect(loans.formerOf('k', nowMs)).toBe(single(B));
  });

  it('may have been lent to any replica by an earlier incarnation, for as long as loans last', () => {
    expect(loans.formerOf('k', LENT_MS - 1)).toBe(OTHERS);
    expect(loans.formerOf('k', LENT_MS)).toBe(NO_MEMBERS);
  });
});

describe('many keys', () => {
  it('are not lent beyond the bound, until doubtful loans make room', () => {
    for (const name of ['a', 'b', 'c']) expect(loans.lend(name, A, LATER)).toBe('lent');
    expect(loans.lend('d', A, LATER)).toBe('full');
    expect(loans.lend('d', A, LATER + LENT_MS)).toBe('lent');
    expect(loans.formerOf('a', LATER + LENT_MS)).toBe(NO_MEMBERS);
    expect(loans.lend('b', B, LATER + LENT_MS)).toBe('lent');
    expect(loans.formerOf('b', LATER + LENT_MS)).toBe(single(A));
  });
});
