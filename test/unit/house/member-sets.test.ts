import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readTree, type SourceFile, tokenize } from './source.ts';

const HOME = 'model/member-set.ts';
const files = readTree(join(import.meta.dirname, '..', '..', '..', 'src'));

/**
 * The compiler refuses operators on a `MemberSet`. It accepts a set that is kept as a plain number,
 * with a bit made from a variable (`1 << member`), and a number that a cast declares to be a set.
 */
function bitsIn({ path, text }: SourceFile): string[] {
  const tokens = tokenize(text);
  return tokens.flatMap(({ text: word, line }, at) => {
    const [next, second, third] = tokens.slice(at + 1, at + 4);
    const isBit =
      word === '1' && next?.text === '<' && second?.text === '<' && third?.kind !== 'number';
    const isCast = word === 'as' && next?.text === 'MemberSet';
    return isBit || isCast ? [`${path}:${line}`] : [];
  });
}

describe('sets of members', () => {
  it('are made of bits in one file only', () => {
    expect(files.length).toBeGreaterThan(200);
    expect(files.filter(({ path }) => path !== HOME).flatMap(bitsIn)).toEqual([]);
    expect(files.filter(({ path }) => path === HOME).flatMap(bitsIn)).toHaveLength(2);
  });

  it.each([
    ['let mask = 1 << member;', 1],
    ['mask |= 1 << (peer.index);', 1],
    ['return bits as unknown as MemberSet;', 1],
    ['const DELETE = 1 << 0;', 0],
    ['// 1 << member', 0],
    ['let set: MemberSet = single(member);', 0],
  ])('are found: %s', (text, count) => {
    expect(bitsIn({ path: 'a.ts', text })).toHaveLength(count);
  });
});
