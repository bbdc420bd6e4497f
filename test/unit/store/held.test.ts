import { beforeEach, describe, expect, it } from 'vitest';
import type { LaneId, Seq } from '../../../src/model/id.ts';
import type { Mutation } from '../../../src/model/record.ts';
import { Held } from '../../../src/store/held.ts';
import { heldKey } from '../../../src/store/layout.ts';
import { origin, run } from '../../support/build.ts';
import { MachineRoom } from '../../support/machine-room.ts';

const A1 = origin('aa-1.1');
const A2 = origin('aa-1.2');
const B1 = origin('bb-1.1');

let room: MachineRoom;
let held: Held;
const entries = run(A1, 5);
const bytes = (kept: readonly Mutation[]): number =>
  kept.reduce((sum, entry) => sum + entry.bytes.length, 0);

beforeEach(() => {
  room = new MachineRoom();
  held = new Held(bytes(entries));
});

function keep(...kept: readonly Mutation[]): boolean[] {
  return kept.map((entry) => held.keep([entry], room.turn));
}

/** Entries stamped up to this time are due; the log accepts this many of each lane. */
function release(dueMs: number, takes = Number.POSITIVE_INFINITY): [LaneId, Seq[], Seq][] {
  const taken: [LaneId, Seq[], Seq][] = [];
  held.release(
    ({ hlc }) => hlc > dueMs * 1024,
    (of, due, last) => {
      taken.push([of, due.map(({ seq }) => seq), last]);
      return Math.min(due.at(-1)?.seq ?? 0, takes);
    },
    room.turn,
  );
  return taken;
}

const stored = (): number[] => {
  room.commit();
  return [1, 2, 3, 4, 5].filter((seq) => room.disk.get(heldKey(A1, seq)) !== undefined);
};

describe('entries that wait for their time', () => {
  it('are stored on the disk, and make their lane and its replica silent', () => {
    expect([held.isEmpty, held.isSilent(A1), held.isReplicaSilent('aa-1' as never)]).toEqual([
      true,
      false,
      false,
    ]);
    keep(...entries.slice(0, 2));
    expect([held.count, held.upTo(A1), held.upTo(B1), held.isEmpty]).toEqual([2, 2, 0, false]);
    expect([held.isSilent(A1), held.isSilent(A2), held.isReplicaSilent('aa-1' as never)]).toEqual([
      true,
      false,
      true,
    ]);
    expect(stored()).toEqual([1, 2]);
  });

  it('are bounded over all lanes: a further one is refused, and its lane is silent', () => {
    keep(...entries);
    expect(keep(...run(B1, 1))).toEqual([false]);
    expect([held.isSilent(B1), held.upTo(B1), held.isReplicaSilent('bb-1' as never)]).toEqual([
      true,
      0,
      true,
    ]);
    held.onTaken(B1);
    expect(held.isSilent(B1)).toBe(false);
    release(9);
    expect(keep(...run(B1, 1))).toEqual([true]);
  });

  it('are kept in whole runs', () => {
    held = new Held(bytes(entries) - 1);
    expect(held.keep(entries, room.turn)).toBe(false);
    expect([held.count, room.turn.hasWrites]).toEqual([0, false]);
  });
});

describe('entries whose time has come', () => {
  it('are handed over in the order of their lane, and are removed', () => {
    keep(...entries.slice(0, 2));
    expect(release(9)).toEqual([[A1, [1, 2], 2]]);
    expect([held.isEmpty, held.count, stored()]).toEqual([true, 0, []]);
  });

  it('include none behind one that still waits', () => {
    const late = run(A1, 3, (seq) => ({ hlc: (seq === 2 ? 9 : 1) * 1024 }));
    keep(...late);
    expect(release(1)).toEqual([[A1, [1], 3]]);
    expect([held.upTo(A1), held.isSilent(A1), stored()]).toEqual([3, true, [2, 3]]);
    expect(release(1)).toEqual([]);
    expect(release(9)).toEqual([[A1, [2, 3], 3]]);
  });

  it('that the log refuses are dropped with what waits behind them: they are sent again', () => {
    keep(...entries);
    expect(release(3, 2)).toEqual([[A1, [1, 2, 3], 5]]);
    expect([held.upTo(A1), held.isSilent(A1), stored()]).toEqual([0, true, []]);
    held.onTaken(A1);
    expect(held.isEmpty).toBe(true);
  });

  it('do not depend on another lane', () => {
    keep(entries[0] as Mutation, ...run(B1, 1, () => ({ hlc: 9 * 1024 })));
    expect(release(1)).toEqual([[A1, [1], 1]]);
    expect(held.upTo(B1)).toBe(1);
  });
});

describe('a restart', () => {
  const restore = (...found: readonly Mutation[]): void => {
    for (const entry of found)
      held.restore({ key: heldKey(entry.origin, entry.seq), value: entry.bytes }, room.turn);
    held.restored(room.turn);
  };

  it('finds what waited, in its order', () => {
    restore(...entries.slice(1, 4));
    expect([held.count, held.upTo(A1)]).toEqual([3, 4]);
  });

  it('drops an entry that does not follow, by its number or its chain', () => {
    const [first, , third] = entries as [Mutation, Mutation, Mutation];
    restore(first, third);
    expect(held.upTo(A1)).toBe(1);
    held = new Held(1e6);
    const [, other] = run(A1, 2, (seq) => ({ hlc: seq * 7 * 1024 })) as [Mutation, Mutation];
    restore(first, other);
    expect(held.upTo(A1)).toBe(1);
  });
});
