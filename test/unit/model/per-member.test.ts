import { beforeEach, describe, expect, it } from 'vitest';
import { PerMember } from '../../../src/model/per-member.ts';

interface Entry {
  readonly member: number;
  seen: number;
}

let made: number[];
let table: PerMember<Entry>;

beforeEach(() => {
  made = [];
  table = new PerMember((member) => {
    made.push(member);
    return { member, seen: 0 };
  });
});

describe('a table by member', () => {
  it('makes an entry on first use, once, and for no other member', () => {
    expect(made).toEqual([]);
    table.of(3).seen++;
    table.of(3).seen++;
    expect(table.of(3)).toEqual({ member: 3, seen: 2 });
    expect(made).toEqual([3]);
  });

  it('gives the entries that exist, in the order of the members', () => {
    expect([...table.values()]).toEqual([]);
    for (const member of [4, 0, 2]) table.of(member);
    expect([...table.values()].map(({ member }) => member)).toEqual([0, 2, 4]);
    expect(made).toEqual([4, 0, 2]);
  });

  it('keeps what is set, and makes no entry for it', () => {
    const entry = { member: 5, seen: 7 };
    table.set(5, entry);
    expect(table.of(5)).toBe(entry);
    expect(made).toEqual([]);
  });

  it('has plain values, also falsy ones', () => {
    const counts = new PerMember(() => 1);
    expect(counts.of(2)).toBe(1);
    counts.set(2, 0);
    expect(counts.of(2)).toBe(0);
    expect([...counts.values()]).toEqual([0]);
  });

  it('accepts only the index of a member', () => {
    for (const wrong of [-1, 0.5, Number.NaN])
      expect(() => table.of(wrong)).toThrow('not the index of a member');
  });
});
