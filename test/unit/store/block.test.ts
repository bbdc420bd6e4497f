import { describe, expect, it } from 'vitest';
import type { Mutation } from '../../../src/model/record.ts';
import { lastOfRun, runName } from '../../../src/model/run.ts';
import {
  BLOCK_BYTES_MAX,
  BLOCK_ENTRIES_MAX,
  blocksOf,
  countOf,
  decodeBlock,
  encodeBlock,
  entriesIn,
  entriesOf,
  isWholeBlock,
} from '../../../src/store/block.ts';
import { logKey } from '../../../src/store/layout.ts';
import { origin, run } from '../../support/build.ts';

const A = origin('a.1');
const entries = run(A, 30);
const at = (seq: number): Uint8Array => logKey(0, A, seq);
const seqsOf = (block: Uint8Array) => [...decodeBlock(block)].map((entry) => entry?.seq);

/** Entries of which those in each of `runs` are a run. */
function withRuns(
  count: number,
  runs: readonly { from: number; count: number }[],
  size = 0,
): Mutation[] {
  return run(A, count, (seq) => {
    const of = runs.find(({ from, count: length }) => seq >= from && seq < from + length);
    return {
      hlc: (of?.from ?? seq) * 1024,
      group: of === undefined ? '' : runName(seq - of.from, of.count),
      value: new Uint8Array(size),
    };
  });
}

describe('a block', () => {
  it('of one entry is that entry', () => {
    const [first] = entries as [Mutation];
    expect(encodeBlock([first])).toBe(first.bytes);
    expect(countOf(first.bytes)).toBe(1);
    expect(seqsOf(first.bytes)).toEqual([1]);
  });

  it('of several entries gives them back, byte for byte, as views on it', () => {
    const block = encodeBlock(entries);
    expect(countOf(block)).toBe(30);
    expect(entriesOf(block)).toEqual(entries.map(({ bytes }) => bytes));
    for (const entry of decodeBlock(block)) expect(entry?.bytes.buffer).toBe(block.buffer);
  });

  it('is whole if its entries follow each other up to the number under which it is stored', () => {
    const value = encodeBlock(entries);
    expect(isWholeBlock({ key: at(30), value })).toBe(true);
    expect(isWholeBlock({ key: at(31), value })).toBe(false);
    expect(isWholeBlock({ key: logKey(0, origin('b.1'), 30), value })).toBe(false);
    const gap = [...entries.slice(0, 10), ...entries.slice(11)];
    expect(isWholeBlock({ key: at(30), value: encodeBlock(gap) })).toBe(false);
    const other = run(A, 30, () => ({ contentType: 'text/plain' }));
    const mixed = [...entries.slice(0, 10), ...other.slice(10)];
    expect(isWholeBlock({ key: at(30), value: encodeBlock(mixed) })).toBe(false);
  });

  it('with any byte changed, or cut short, is not whole, and returns no wrong entry', () => {
    const some = entries.slice(0, 3);
    const value = encodeBlock(some);
    for (let i = 0; i < value.length; i++) {
      const changed = value.slice();
      changed[i] = (changed[i] as number) ^ 0x41;
      expect(isWholeBlock({ key: at(3), value: changed })).toBe(false);
      expect(isWholeBlock({ key: at(3), value: value.slice(0, i) })).toBe(false);
      for (const entry of decodeBlock(changed))
        if (entry !== undefined) expect(some.map(({ bytes }) => bytes)).toContainEqual(entry.bytes);
    }
  });

  it('that claims more entries than any block has is damaged', () => {
    const many = Uint8Array.of(0xb0, 0xff, 0xff, 0x7f, ...new Uint8Array(100));
    expect(entriesOf(many)).toBeUndefined();
    expect([...decodeBlock(many)]).toEqual([undefined]);
  });

  it('that is damaged between others is reported at its place', () => {
    const blocks = [entries.slice(0, 2), entries.slice(2, 4)].map((part) => {
      return { key: at(part.at(-1)?.seq ?? 0), value: encodeBlock(part) };
    });
    blocks.splice(1, 0, { key: at(2), value: Uint8Array.of(0xb0) });
    expect([...entriesIn(blocks)].map((entry) => entry?.seq)).toEqual([1, 2, undefined, 3, 4]);
  });
});

describe('the entries of one commit', () => {
  it('are one block within the bounds', () => {
    expect(blocksOf(entries)).toEqual([entries]);
    expect(blocksOf([])).toEqual([]);
  });

  it('are split at the bounds', () => {
    const many = run(A, 2 * BLOCK_ENTRIES_MAX + 1);
    expect(blocksOf(many).map(({ length }) => length)).toEqual([
      BLOCK_ENTRIES_MAX,
      BLOCK_ENTRIES_MAX,
      1,
    ]);
    const large = withRuns(10, [], BLOCK_BYTES_MAX / 4);
    expect(blocksOf(large).map(({ length }) => length)).toEqual([3, 3, 3, 1]);
  });

  it('are split between runs, and a run that is larger than a block is one block', () => {
    const runs = [
      { from: 2, count: 3 },
      { from: 5, count: 9 },
    ];
    const mixed = withRuns(20, runs, BLOCK_BYTES_MAX / 4);
    const blocks = blocksOf(mixed);
    expect(blocks.flat()).toEqual(mixed);
    for (const block of blocks) {
      const last = block.at(-1) as Mutation;
      expect(lastOfRun(last)).toBe(last.seq);
    }
    expect(blocks.some((block) => block.length === 9)).toBe(true);
  });
});
