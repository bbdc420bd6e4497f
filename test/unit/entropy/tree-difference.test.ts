import { describe, expect, it } from 'vitest';
import {
  type Difference,
  differenceOf,
  isAccountedFor,
  isConfirmed,
} from '../../../src/entropy/tree-difference.ts';
import type { StoredKey } from '../../../src/model/message.ts';
import { key, namespace, origin } from '../../support/build.ts';

const A1 = origin('a.1');
const NAME = { namespace: namespace('ns'), key: key('k') };
/** Entries up to the fifth. */
const CUT = new Map([[A1, 5]]);

/** The version of an entry; a later one is newer. */
const at = (seq: number, state: StoredKey['state'] = 'live'): StoredKey => {
  return { ...NAME, state, hlc: seq * 1024, origin: A1, seq };
};
const damaged: StoredKey = { ...NAME, state: 'damaged', hlc: 0, origin: '', seq: 0 };

const between = (ours: StoredKey | undefined, theirs: StoredKey | undefined): unknown => {
  const difference = differenceOf(ours, theirs, CUT);
  return difference && [difference.lacks, difference.isCovered];
};

describe('two versions of a key', () => {
  it.each([
    ['the same', at(3), at(3), undefined],
    ['nothing', undefined, undefined, undefined],
    ['an older one here', at(2), at(3), ['here', true]],
    ['an older one there', at(3), at(2), ['there', true]],
    ['nothing here', undefined, at(3), ['here', true]],
    ['nothing there', at(3), undefined, ['there', true]],
    ['nothing here, of what may be on its way', undefined, at(6), ['here', false]],
    ['the very last that the cut covers', undefined, at(5), ['here', true]],
    ['an older one here, of what may be on its way', at(3), at(6), ['here', false]],
    ['a delete that is newer there', at(3), at(4, 'deleted'), ['here', true]],
    ['a delete here, and nothing there: it was dropped', at(3, 'deleted'), undefined, undefined],
    ['a delete there, and nothing here: it was dropped', undefined, at(3, 'deleted'), undefined],
    ['a value that is newer than a delete', at(4), at(3, 'deleted'), ['there', true]],
    ['damage here', damaged, at(3), undefined],
    ['damage there', at(3), damaged, undefined],
  ] as const)('%s', (_, ours, theirs, expected) => {
    expect(between(ours, theirs)).toEqual(expected);
  });
});

describe('a difference', () => {
  const look = (ours: StoredKey | undefined, theirs: StoredKey | undefined): Difference =>
    differenceOf(ours, theirs, CUT) as Difference;
  const lost = look(undefined, at(3));

  it('is confirmed by the same two versions in a second comparison', () => {
    expect(isConfirmed(lost, look(undefined, at(3)))).toBe(true);
  });

  it('is not confirmed if either side shows another version by then', () => {
    expect(isConfirmed(lost, look(undefined, at(4)))).toBe(false);
    expect(isConfirmed(lost, look(at(2), at(3)))).toBe(false);
  });

  it('is not confirmed if the cut did not cover it in both comparisons', () => {
    const early = { ...lost, isCovered: false };
    expect([isConfirmed(early, lost), isConfirmed(lost, early)]).toEqual([false, false]);
  });

  it('explains its leaf if a version was lost, in either comparison', () => {
    const found = new Map([['k', lost]]);
    expect(isAccountedFor(new Map(), found)).toBe(true);
    expect(isAccountedFor(found, new Map())).toBe(true);
  });

  it('explains its leaf if both comparisons show it: it is in no log', () => {
    const none = look(undefined, at(6));
    const other = look(undefined, at(7));
    expect(isAccountedFor(new Map([['k', none]]), new Map([['k', none]]))).toBe(true);
    expect(isAccountedFor(new Map([['k', none]]), new Map([['k', other]]))).toBe(false);
    expect(isAccountedFor(new Map([['k', none]]), new Map([['l', none]]))).toBe(false);
    expect(isAccountedFor(new Map(), new Map())).toBe(false);
  });
});
