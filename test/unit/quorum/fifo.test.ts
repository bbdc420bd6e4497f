import { beforeEach, describe, expect, it } from 'vitest';
import { HostTurn } from '../../../src/host/turn.ts';
import { FifoWaits } from '../../../src/quorum/fifo.ts';
import { origin } from '../../support/build.ts';

const [A, B] = [origin('a.1'), origin('b.1')];
let out: HostTurn;

let ended: string[];
let waits: FifoWaits<string>;

beforeEach(() => {
  out = new HostTurn();
  ended = [];
  waits = new FifoWaits((item, reached) =>
    ended.push(`${item} ${reached ? 'reached' : 'expired'}`),
  );
});

const advance = (of: typeof A, seq: number) =>
  waits.onAdvance(of, seq, out.at({ wallMs: 0, monoMs: 0 }));
const expire = (monoMs: number) => waits.expire(out.at({ wallMs: 0, monoMs }));

describe('waits for the stream', () => {
  it('end when it has come so far, each once', () => {
    waits.begin('one', { origin: A, seq: 3 }, 100, out);
    waits.begin('two', { origin: A, seq: 5 }, 100, out);
    waits.begin('other', { origin: B, seq: 1 }, 100, out);
    expect(waits.size).toBe(3);
    advance(A, 2);
    expect(ended).toEqual([]);
    advance(A, 4);
    advance(A, 4);
    expect(ended).toEqual(['one reached']);
    advance(A, 9);
    advance(B, 1);
    expect(ended).toEqual(['one reached', 'two reached', 'other reached']);
    expect(waits.size).toBe(0);
  });

  it('end at their deadline when it has not', () => {
    waits.begin('late', { origin: A, seq: 3 }, 100, out);
    waits.begin('later', { origin: A, seq: 3 }, 200, out);
    waits.begin('other', { origin: B, seq: 1 }, 100, out);
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

  it('that are abandoned give their items and end no other way', () => {
    waits.begin('one', { origin: A, seq: 3 }, 100, out);
    waits.begin('two', { origin: B, seq: 3 }, 100, out);
    expect(waits.abandon().sort()).toEqual(['one', 'two']);
    expect(waits.size).toBe(0);
    advance(A, 9);
    expire(1000);
    expect(ended).toEqual([]);
  });
});
