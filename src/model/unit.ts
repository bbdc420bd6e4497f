// A unit is the part of a namespace that is ordered and reported together, such as one match or one
// chat room: the keys that are equal up to their first `/`. A key without one is a unit by itself.

import type { Key } from './id.ts';

export function unitOf(key: Key): string {
  const end = key.indexOf('/');
  return end < 0 ? key : key.slice(0, end);
}
