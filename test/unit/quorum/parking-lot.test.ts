import { beforeEach, describe, expect, it } from 'vitest';
import { HostTurn } from '../../../src/host/turn.ts';
import type { Dot } from '../../../src/model/id.ts';
import type { Client } from '../../../src/model/reply.ts';
import { ParkingLot } from '../../../src/quorum/parking-lot.ts';
import { origin } from '../../support/build.ts';

const [A, B] = [origin('a.1'), origin('b.1')];
let out: HostTurn;

const clients = new Map<string, Client>();
function clientOf(name: string): Client {
  const client = clients.get(name) ?? { onReply: () => {} };
  clients.set(name, client);
  return client;
}

let ended: string[];
let lot: ParkingLot;

beforeEach(() => {
  out = new HostTurn();
  ended = [];
  lot = new ParkingLot(3);
});

const park = (item: string, dot: Dot | 'echo', deadlineMs = 100): boolean => {
  const onReached = (): void => void ended.push(`${item} reached`);
  const onLate = (): void => void ended.push(`${item} late`);
  return lot.park({ client: clientOf(item), onReached, onLate }, dot, deadlineMs, out);
};
const advance = (of: typeof A, seq: number) =>
  lot.onApplied(of, seq, out.at({ wallMs: 0, monoMs: 0 }));
const expire = (monoMs: number) => lot.onDue(out.at({ wallMs: 0, monoMs }));

describe('a request that is parked until the next echo', () => {
  const echo = () => lot.onEcho(out.at({ wallMs: 0, monoMs: 0 }));

  it('ends with it, once, and may be parked again meanwhile', () => {
    const onReached = (): void => {
      ended.push('reached');
      if (ended.length < 3) again();
    };
    const again = (): boolean =>
      lot.park({ client: clientOf('one'), onReached, onLate: onReached }, 'echo', 100, out);
    again();
    for (const length of [1, 2, 3, 3]) {
      echo();
      expect(ended).toHaveLength(length);
    }
    expect(lot.size).toBe(0);
  });

  it('ends at its deadline without one', () => {
    park('late', 'echo');
    park('later', 'echo', 200);
    expire(100);
    expect([ended, lot.size, out.timers.dueMs('parked')]).toEqual([['late late'], 1, 200]);
    echo();
    expect(ended).toEqual(['late late', 'later reached']);
  });

  it('takes a place, and is abandoned with the others', () => {
    for (const item of ['a', 'b']) park(item, 'echo');
    expect(park('c', { origin: A, seq: 1 })).toBe(true);
    expect(park('d', 'echo')).toBe(false);
    expect(lot.abandon()).toHaveLength(3);
    expect(lot.size).toBe(0);
  });
});

describe('a request that is parked until a lane is shown up to a position', () => {
  it('ends when that is reached, once', () => {
    park('one', { origin: A, seq: 3 });
    park('two', { origin: A, seq: 5 });
    park('other', { origin: B, seq: 1 });
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

  it('ends at its deadline if it is not reached', () => {
    park('late', { origin: A, seq: 3 });
    park('later', { origin: A, seq: 3 }, 200);
    park('other', { origin: B, seq: 1 });
    expect(out.timers.dueMs('parked')).toBe(100);
    expire(99);
    expect(ended).toEqual([]);
    expire(100);
    expect(ended).toEqual(['late late', 'other late']);
    expect(out.timers.dueMs('parked')).toBe(200);
    advance(A, 3);
    expire(300);
    expect(ended).toHaveLength(3);
    expect(out.timers.dueMs('parked')).toBe(Number.POSITIVE_INFINITY);
  });

  it('is returned when it is abandoned, and ends in no other way', () => {
    park('one', { origin: A, seq: 3 });
    park('two', { origin: B, seq: 3 });
    expect(lot.abandon()).toEqual(['one', 'two'].map(clientOf));
    expect(lot.size).toBe(0);
    advance(A, 9);
    expire(1000);
    expect(ended).toEqual([]);
  });

  it('is one of a bounded number: a further one is refused as overloaded', () => {
    for (const item of ['one', 'two', 'three'])
      expect(park(item, { origin: A, seq: 3 })).toBe(true);
    expect(park('four', { origin: B, seq: 1 })).toBe(false);
    expect(lot.full).toMatchObject({ code: 'overloaded', retryAfterMs: 1000 });
    advance(B, 1);
    expect(ended).toEqual([]);
    advance(A, 3);
    expect(park('four', { origin: B, seq: 1 })).toBe(true);
  });

  it('may be parked again as it ends', () => {
    const again = { onReached: () => void park('again', { origin: A, seq: 5 }), onLate: () => {} };
    lot.park({ client: clientOf('one'), ...again }, { origin: A, seq: 3 }, 100, out);
    advance(A, 3);
    expect(lot.size).toBe(1);
    advance(A, 5);
    expect(ended).toEqual(['again reached']);
  });
});
