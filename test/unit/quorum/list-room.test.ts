import { beforeEach, describe, expect, it } from 'vitest';
import { createMetrics } from '../../../src/model/metrics.ts';
import { ListRoom, looksAt } from '../../../src/quorum/list-room.ts';

const BOUND = 100;

let metrics: ReturnType<typeof createMetrics>;
let room: ListRoom;

beforeEach(() => {
  metrics = createMetrics();
  room = new ListRoom(BOUND, metrics);
});

const holder = (): { held: number } => ({ held: 0 });

describe('the room that lists share', () => {
  it('is granted up to its bound, and what does not fit changes nothing', () => {
    const [one, other] = [holder(), holder()];
    expect([room.take(one, 60), room.take(other, 41)]).toEqual([true, false]);
    expect([one.held, other.held, metrics.listsHeldBytes]).toEqual([60, 0, 60]);
    expect([room.take(other, 40), room.isFull]).toEqual([true, true]);
  });

  it('is charged once for what a holder had already', () => {
    const one = holder();
    room.take(one, 60);
    expect([room.take(one, 100), metrics.listsHeldBytes]).toEqual([true, 100]);
    expect([room.take(one, 101), one.held]).toEqual([false, 100]);
  });

  it('is returned, and may be reduced at any time', () => {
    const [one, other] = [holder(), holder()];
    room.take(one, 50);
    room.hold(other, 80);
    expect([room.isFull, metrics.listsHeldBytes]).toEqual([true, 130]);
    expect(room.take(other, 70)).toBe(true);
    room.hold(one, 0);
    expect([room.isFull, metrics.listsHeldBytes]).toEqual([false, 70]);
  });

  it('is never negative', () => {
    expect(() => room.hold({ held: 5 }, 0)).toThrow('list room');
  });
});

describe('a page', () => {
  it('with values is smaller than one of heads, of which storage returns no values', () => {
    const [values, heads] = [looksAt(true), looksAt(false)];
    expect(values.bytesMax).toBeLessThan(heads.bytesMax);
    expect([values.headsOnly, heads.headsOnly]).toEqual([undefined, true]);
  });
});
