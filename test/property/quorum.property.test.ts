// Quorum arithmetic compared with simple models that count.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sizeOf } from '../../src/model/member-set.ts';
import {
  intersects,
  majority,
  type Member,
  parseQuorum,
  type QuorumSpec,
  type Requirement,
  requirementOf,
} from '../../src/model/quorum.ts';
import { isReachable, Tally } from '../../src/quorum/tally.ts';
import { membersOf, setOfBits } from '../support/build.ts';

const members = fc
  .array(fc.constantFrom('ap', 'eu', 'us'), { minLength: 1, maxLength: 6 })
  .map(membersOf);

const spec: fc.Arbitrary<QuorumSpec> = fc.oneof(
  fc.integer({ min: 1, max: 6 }),
  fc.constantFrom<QuorumSpec>('majority', 'all', 'local', 'each'),
);

/** A cluster, the replica that asks, and the quorum that it asks for. */
const asked = fc
  .tuple(members, fc.nat(), spec)
  .map(([of, n, quorum]) => ({ members: of, self: of[n % of.length] as Member, spec: quorum }))
  .filter(({ members: of, spec: quorum }) => typeof quorum === 'string' || quorum <= of.length);

/** The meaning of the specification, in the simplest possible code. */
function isMet(
  quorum: QuorumSpec,
  of: readonly Member[],
  self: Member,
  yes: ReadonlySet<number>,
): boolean {
  const inRegion = (region: string) => of.filter((member) => member.region === region);
  const count = (some: readonly Member[]) => some.filter(({ index }) => yes.has(index)).length;
  const hasMajority = (some: readonly Member[]) => count(some) * 2 > some.length;
  switch (quorum) {
    case 'majority':
      return hasMajority(of);
    case 'all':
      return count(of) === of.length;
    case 'local':
      return hasMajority(inRegion(self.region));
    case 'each':
      return of.every(({ region }) => hasMajority(inRegion(region)));
    default:
      return count(of) >= quorum;
  }
}

const indexesIn = (mask: number, of: readonly Member[]): Set<number> =>
  new Set(of.map(({ index }) => index).filter((index) => (mask >> index) & 1));

const requirement = ({
  members: of,
  self,
  spec: quorum,
}: {
  members: Member[];
  self: Member;
  spec: QuorumSpec;
}): Requirement => requirementOf(quorum, of, self) as Requirement;

describe('a requirement', () => {
  it('is met by exactly the sets of members that its definition names', () => {
    fc.assert(
      fc.property(asked, fc.nat(63), (question, mask) => {
        const { members: of, self, spec: quorum } = question;
        const yes = indexesIn(mask, of);
        expect(isReachable(requirement(question), setOfBits(mask))).toBe(
          isMet(quorum, of, self, yes),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('counts the smallest number of members that can meet it', () => {
    fc.assert(
      fc.property(asked, (question) => {
        const { members: of, self, spec: quorum } = question;
        const met = subsets(of.length).filter((mask) =>
          isMet(quorum, of, self, indexesIn(mask, of)),
        );
        expect(requirement(question).count).toBe(
          Math.min(...met.map((mask) => sizeOf(setOfBits(mask)))),
        );
      }),
    );
  });

  it('of more members than exist is refused', () => {
    fc.assert(
      fc.property(members, fc.integer({ min: 1, max: 99 }), (of, more) => {
        expect(requirementOf(of.length + more, of, of[0] as Member)).toBeUndefined();
        expect(requirementOf(0, of, of[0] as Member)).toBeUndefined();
      }),
    );
  });

  it('is parsed from exactly the words and numbers of the vocabulary', () => {
    const words = ['majority', 'all', 'local', 'each'];
    const text = fc.oneof(
      fc.constantFrom(...words, '0', '01', '1.5', '-1', '100', ' 1', ''),
      fc.string({ maxLength: 3 }),
    );
    fc.assert(
      fc.property(text, (written) => {
        const parsed = parseQuorum(written);
        if (parsed !== undefined) expect(String(parsed)).toBe(written);
        if (words.includes(written)) expect(parsed).toBe(written);
      }),
    );
    expect(majority(4)).toBe(3);
    expect(majority(5)).toBe(3);
  });
});

function subsets(size: number): number[] {
  return Array.from({ length: 2 ** size }, (_, mask) => mask);
}

describe('two requirements', () => {
  it('intersect exactly if no two sets that meet them are disjoint', () => {
    fc.assert(
      fc.property(asked, spec, (reading, writing) => {
        const { members: of, self } = reading;
        const [r, w] = [requirement(reading), requirementOf(writing, of, self)];
        if (w === undefined) return;
        // The complement of a write quorum is the largest set that avoids it.
        const everyone = 2 ** of.length - 1;
        const canMiss = subsets(of.length).some(
          (mask) => isReachable(w, setOfBits(mask)) && isReachable(r, setOfBits(everyone & ~mask)),
        );
        expect(intersects(r, w)).toBe(!canMiss);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('a tally', () => {
  const vote = fc.tuple(fc.nat(5), fc.boolean());

  it('agrees with a plain twin that remembers every vote and tries every continuation', () => {
    fc.assert(
      fc.property(asked, fc.array(vote, { maxLength: 12 }), (question, votes) => {
        const { members: of, self, spec: quorum } = question;
        const tally = new Tally(requirement(question));
        const said = new Map<number, boolean>();
        for (const [n, isYes] of votes) {
          const member = n % of.length;
          if (isYes) tally.accept(member);
          else tally.reject(member);
          if (!said.has(member)) said.set(member, isYes);
          const yes = new Set([...said].filter(([, answer]) => answer).map(([index]) => index));
          const open = of.map(({ index }) => index).filter((index) => !said.has(index));
          const isWon = isMet(quorum, of, self, yes);
          const canWin = isMet(quorum, of, self, new Set([...yes, ...open]));
          expect(tally.state).toBe(isWon ? 'won' : canWin ? 'pending' : 'lost');
          expect(tally.acks).toBe(yes.size);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('stays won or lost, whichever vote follows', () => {
    fc.assert(
      fc.property(asked, fc.array(vote, { maxLength: 20 }), (question, votes) => {
        const tally = new Tally(requirement(question));
        let settled: string | undefined;
        for (const [n, isYes] of votes) {
          const member = n % question.members.length;
          if (isYes) tally.accept(member);
          else tally.reject(member);
          if (settled !== undefined) expect(tally.state).toBe(settled);
          if (tally.state !== 'pending') settled = tally.state;
        }
      }),
    );
  });
});
