// The key range of a list, as bounds: byte strings, the first included and the last excluded; '' is
// open.

import type { ListCommand } from '../model/command.ts';

export interface KeyRange {
  readonly from: string;
  readonly to: string;
}

type Bounds = Pick<ListCommand, 'prefix' | 'start' | 'end' | 'after' | 'reverse' | 'delimiter'>;

/** `undefined`: the range is empty. */
export function keyRangeOf(bounds: Bounds): KeyRange | undefined {
  const { prefix, start, end, after, reverse } = bounds;
  let from = prefix > start ? prefix : start;
  let to = smallerEnd(behindPrefix(prefix), end);
  if (after !== '') {
    if (reverse) to = smallerEnd(to, after);
    else {
      const next = foldedPrefix(bounds, after) === after ? behindPrefix(after) : `${after}\0`;
      if (next === '') return undefined;
      if (next > from) from = next;
    }
  }
  return to !== '' && from >= to ? undefined : { from, to };
}

/** The rest of the range after a key, or after all keys of a prefix. */
export function restOf(range: KeyRange, at: string, isLeap: boolean, reverse: boolean) {
  const next = isLeap ? behindPrefix(at) : `${at}\0`;
  const rest = reverse ? { from: range.from, to: at } : { from: next, to: range.to };
  const isOver = reverse ? rest.from >= at : next === '' || (rest.to !== '' && next >= rest.to);
  return isOver ? undefined : rest;
}

/** The part of the key up to the delimiter, if there is one after the list's prefix. */
export function foldedPrefix(
  { delimiter, prefix }: Pick<ListCommand, 'delimiter' | 'prefix'>,
  key: string,
): string | undefined {
  if (delimiter === '') return undefined;
  const at = key.indexOf(delimiter, prefix.length);
  return at < 0 ? undefined : key.slice(0, at + delimiter.length);
}

/** The first string after all that start with the prefix; '' if there is none. */
function behindPrefix(prefix: string): string {
  let end = prefix.length;
  while (end > 0 && prefix.charCodeAt(end - 1) === 0xff) end--;
  if (end === 0) return '';
  return prefix.slice(0, end - 1) + String.fromCharCode(prefix.charCodeAt(end - 1) + 1);
}

function smallerEnd(left: string, right: string): string {
  if (left === '' || right === '') return left === '' ? right : left;
  return left < right ? left : right;
}
