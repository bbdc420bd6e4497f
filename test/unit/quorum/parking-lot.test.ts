import { beforeEach, describe, expect, it } from 'vitest';
import { HostTurn } from '../../../src/host/turn.ts';
import { ParkingLot } from '../../../src/quorum/parking-lot.ts';
import { origin } from '../../support/build.ts';

const [A, B] = [origin('a.1'), origin('b.1')];
let out: HostTurn;

let ended: string[];
let lot: ParkingLot<string>;

beforeEach(() => {
  out = new HostTurn();
  ended = [];
  lot = new ParkingLot((item, reached) => ended.push(`${item} ${reached ? 'reached' : 'expired'}`));
});

const advance = (of: typeof A, seq: number) =>
  lot.onApplied(of, seq, out.at({ wallMs: 0, monoMs: 0 }));
const expire = (monoMs: number) => lot.expire(out.at({ wallMs: 0, monoMs }));

describe('what is parked until a lane is shown up to a position', () => {
  it('ends when that is reached, each once', () => {
    lot.park('one', { origin: A, seq: 3 }, 100, out);
    lot.park('two', { origin: A, seq: 5 }, 100, out);
    lot.park('other', { origin: B, seq: 1 }, 100, out);
    expect(lot.size).toBe(3);
    advance(A, 2);
    expect(ended).toEqual([]);
    advance(A, 4);
    advance(A, 4);
    expect(ended).toEqual(['one reached']);
    advance(A, 9);
    advance(B, 1);
    expect(ended).toEqual(['one reached', 'two reached', 'other reached']);
    expect(lot.size).toBe(0);
  });

  it('ends at its deadline when it is not', () => {
    lot.park('late', { origin: A, seq: 3 }, 100, out);
    lot.park('later', { origin: A, seq: 3 }, 200, out);
    lot.park('other', { origin: B, seq: 1 }, 100, out);
    expect(out.timers.dueMs('read-order')).toBe(100);
    expire(99);
    expect(ended).toEqual([]);
    expire(100);
    expect(ended).toEqual(['late expired', 'other expired']);
    expect(out.timers.dueMs('read-order')).toBe(200);
    advance(A, 3);
    expire(300);
    expect(ended).toHaveLength(3);
    expect(out.timers.dueMs('read-order')).toBe(Number.POSITIVE_INFINITY);
  });

  it('is given back when it is abandoned, and ends no other way', () => {
    lot.park('one', { origin: A, seq: 3 }, 100, out);
    lot.park('two', { origin: B, seq: 3 }, 100, out);
    expect(lot.abandon().sort()).toEqual(['one', 'two']);
    expect(lot.size).toBe(0);
    advance(A, 9);
    expire(1000);
    expect(ended).toEqual([]);
  });
});
