import { describe, expect, it } from 'vitest';
import { type Membership, without, withPlace } from '../../../src/model/membership.ts';
import { Claims, type Ground } from '../../../src/membership/claims.ts';
import { membershipOf } from '../../support/build.ts';

const CURRENT = membershipOf(['ap', 'eu', 'us']);
const [AP, EU, US] = CURRENT.seats.map(({ id }) => id) as [never, never, never];
const WITHOUT_US = without(CURRENT, US);
const WITHOUT_AP = without(CURRENT, AP);
const FURTHER: Membership = { ...WITHOUT_US, epoch: 9 };
const WAIT_MS = 100;

/**
 * This replica is ap-1, which knows that this many members, itself included, have accepted nothing.
 */
const ground = (abstaining: number, more: Partial<Ground> = {}): Ground => ({
  self: AP,
  current: CURRENT,
  hasAccepted: () => false,
  abstaining: () => abstaining,
  waitMs: WAIT_MS,
  ...more,
});

function claimed(...said: readonly (readonly [number, Membership])[]): Claims {
  const claims = new Claims();
  for (const [peer, membership] of said) claims.hear(peer, membership, 0);
  return claims;
}

describe('the claim of one peer about a later membership', () => {
  it('is not believed while a majority is connected that has accepted nothing', () => {
    for (const membership of [WITHOUT_US, WITHOUT_AP, FURTHER]) {
      const claims = claimed([1, membership]);
      expect(claims.verdict(1, ground(2), 1e9)).toBe('refuted');
      expect(claims.believed(ground(2), 1e9)).toBeUndefined();
    }
  });

  it('is not refused before those who chose it had the time to leave', () => {
    const claims = claimed([1, WITHOUT_US]);
    expect(claims.verdict(1, ground(2), WAIT_MS - 1)).toBe('waiting');
    expect(claims.believed(ground(2), WAIT_MS - 1)).toBeUndefined();
    expect(claims.verdict(1, ground(2), WAIT_MS)).toBe('refuted');
  });

  it('is believed at once if it is one step away and this replica keeps its seat', () => {
    const moved = withPlace(CURRENT, {
      ...(CURRENT.seats[1] as never as { id: never }),
      peerAddress: 'new:1',
    } as never);
    for (const membership of [WITHOUT_US, moved])
      expect(claimed([1, membership]).believed(ground(1), 0)).toBe(membership);
  });

  it('ends this replica for good only after a wait', () => {
    const claims = claimed([1, WITHOUT_AP]);
    expect(claims.believed(ground(1), WAIT_MS - 1)).toBeUndefined();
    expect(claims.believed(ground(1), WAIT_MS)).toBe(WITHOUT_AP);
  });

  it('is believed after a longer wait if it is further away', () => {
    const claims = claimed([1, FURTHER]);
    expect(claims.believed(ground(1), 10 * WAIT_MS - 1)).toBeUndefined();
    expect(claims.believed(ground(1), 10 * WAIT_MS)).toBe(FURTHER);
  });

  it('is believed at once if this replica has accepted it', () => {
    const accepted = { hasAccepted: (membership: Membership) => membership === WITHOUT_AP };
    expect(claimed([1, WITHOUT_AP]).believed(ground(2, accepted), 0)).toBe(WITHOUT_AP);
  });

  it('is dropped if the peer turns out to be in the present epoch', () => {
    const claims = claimed([1, FURTHER]);
    claims.withdraw(1);
    expect(claims.believed(ground(1), 1e9)).toBeUndefined();
  });

  it('waits from the first time that it was made', () => {
    const claims = claimed([1, FURTHER]);
    claims.hear(1, { ...FURTHER }, 10 * WAIT_MS);
    expect(claims.believed(ground(1), 10 * WAIT_MS)).toBeDefined();
  });
});

describe('the same claim of two peers', () => {
  it('is believed at once, however far away', () => {
    const claims = claimed([1, FURTHER], [2, FURTHER]);
    expect(claims.believed(ground(2), 0)).toBe(FURTHER);
  });

  it('confirms nothing if the two differ', () => {
    const claims = claimed([1, FURTHER], [2, { ...FURTHER, epoch: 8 }]);
    expect(claims.believed(ground(1), 0)).toBeUndefined();
  });

  it('excludes the claiming peers from the count of those that have accepted nothing', () => {
    const asked: number[][] = [];
    const abstaining = (claimants: ReadonlySet<number>): number => asked.push([...claimants]);
    claimed([1, FURTHER], [2, WITHOUT_US]).verdict(1, ground(0, { abstaining }), 0);
    expect(asked).toEqual([[1, 2]]);
    expect(EU).toBeDefined();
  });
});
