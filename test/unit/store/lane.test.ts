import { beforeEach, describe, expect, it } from 'vitest';
import type { Mutation } from '../../../src/model/record.ts';
import { decodeLaneState, encodeLaneState, Lane, LANE_EMPTY } from '../../../src/store/lane.ts';
import { mutation, origin, run } from '../../support/build.ts';

const A1 = origin('a.1');
const entries = run(A1, 4);
const [first, second] = entries as [Mutation, Mutation];

let lane: Lane;

beforeEach(() => {
  lane = new Lane(A1, LANE_EMPTY);
});

describe('a lane', () => {
  it('accepts the next entry of its origin, and no other', () => {
    lane.append(first);
    expect(lane).toMatchObject({ received: 1, applied: 0, durable: 0, chain: first.chain });
    expect(() => lane.append(first)).toThrow('lane');
    expect(() => lane.append(entries[2] as Mutation)).toThrow('lane');
    expect(() => lane.append(mutation({ origin: origin('b.1'), seq: 2 }))).toThrow('lane');
    expect(() => lane.append(mutation({ origin: A1, seq: 2, lane: 1 }))).toThrow('lane');
    lane.append(second);
    expect(lane.received).toBe(2);
  });

  it('has the stamp of its latest entry, whatever the order of arrival', () => {
    lane.append(mutation({ origin: A1, seq: 1, hlc: 9000 }));
    lane.append(mutation({ origin: A1, seq: 2, hlc: 2000 }, lane.chain));
    expect(lane.hlc).toBe(9000);
  });

  it('shows entries in order, and only those that are stored', () => {
    lane.append(first);
    lane.append(second);
    expect(() => lane.onApplied(2)).toThrow('lane');
    lane.onApplied(1);
    lane.onApplied(2);
    expect(() => lane.onApplied(3)).toThrow('lane');
    expect(lane.applied).toBe(2);
  });

  it('keeps in memory what is not durable, and drops the rest, the oldest first', () => {
    for (const entry of entries) lane.append(entry);
    expect([lane.tailFrom, lane.dropOldest()]).toEqual([1, 0]);
    lane.durable = 2;
    expect([lane.dropOldest(), lane.dropOldest(), lane.dropOldest()]).toEqual([
      first.bytes.length,
      second.bytes.length,
      0,
    ]);
    expect([lane.tailFrom, lane.at(3), lane.at(4)]).toEqual([3, entries[2], entries[3]]);
    lane.durable = 4;
    lane.dropOldest();
    lane.dropOldest();
    expect([lane.tailFrom, lane.dropOldest()]).toEqual([5, 0]);
  });

  it('continues from what storage remembers, with nothing in memory', () => {
    for (const entry of entries.slice(0, 3)) {
      lane.append(entry);
      lane.onApplied(entry.seq);
    }
    const shown = lane.shownTo();
    if (shown !== undefined) lane.marked = shown;
    const state = decodeLaneState(encodeLaneState(lane.state()));
    if (state === undefined) throw new Error('what was written is read');
    const again = new Lane(A1, state);
    expect(again).toMatchObject({ received: 3, applied: 3, durable: 3, tailFrom: 4 });
    again.append(entries[3] as Mutation);
    expect(again.at(4)).toBe(entries[3]);
  });
});

describe('the stored state of a lane', () => {
  const state = { received: 7, chain: 2 ** 50 + 1, hlc: 2 ** 51, floor: 3, floorChain: 5 };

  it('is read as it was written', () => {
    expect(decodeLaneState(encodeLaneState(state))).toEqual(state);
  });

  it('is refused with a byte changed, missing, or added', () => {
    const bytes = encodeLaneState(state);
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice();
      changed[at] = (changed[at] as number) ^ 1;
      expect(decodeLaneState(changed)).toBeUndefined();
    }
    expect(decodeLaneState(bytes.subarray(0, -1))).toBeUndefined();
    expect(decodeLaneState(new Uint8Array([...bytes, 0]))).toBeUndefined();
    expect(decodeLaneState(new Uint8Array(0))).toBeUndefined();
  });
});
