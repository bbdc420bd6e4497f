// Turns names that occur often in decoded input (origins, namespaces, content types) into one
// string each, without allocating. It is a direct-mapped cache: a collision costs a new string,
// never a wrong one.

import { byteString, bytesOf } from './bytes.ts';

export interface Interner {
  /** The byte string of `bytes[start, end)`, or `undefined` if `accept` refuses it. */
  intern(bytes: Uint8Array, start: number, end: number): string | undefined;
}

const NOTHING = new Uint8Array(0);

/** `slots` is a power of two; `accept` is called once for each string that is stored. */
export function createInterner(slots: number, accept: (text: string) => boolean): Interner {
  const texts = new Array<string>(slots).fill('');
  const forms = Array.from<unknown, Uint8Array>({ length: slots }, () => NOTHING);
  return {
    intern(bytes, start, end) {
      if (start === end) return accept('') ? '' : undefined;
      const slot = spread(bytes, start, end) & (slots - 1);
      const form = forms[slot] as Uint8Array;
      if (matches(form, bytes, start, end)) return texts[slot];
      const text = byteString(bytes, start, end);
      if (!accept(text)) return undefined;
      texts[slot] = text;
      forms[slot] = bytesOf(text);
      return text;
    },
  };
}

/** Reads a few bytes only: names that differ elsewhere share a slot, which costs only time. */
function spread(bytes: Uint8Array, start: number, end: number): number {
  const middle = (start + end) >> 1;
  let hash = Math.imul(end - start, 31) + (bytes[end - 1] as number);
  hash = Math.imul(hash, 31) + (bytes[end - 2] as number);
  hash = Math.imul(hash, 31) + (bytes[middle] as number);
  hash = Math.imul(hash, 31) + (bytes[start] as number);
  return hash ^ (hash >>> 9);
}

function matches(form: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (form.length !== end - start) return false;
  for (let i = 0; i < form.length; i++) if (form[i] !== bytes[start + i]) return false;
  return true;
}
