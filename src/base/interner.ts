// Turns the few names that occur again and again in what we decode (origins, namespaces, content types) into one
// string each, without allocating. It is a direct-mapped cache: a collision costs a new string, never a wrong one.

import { byteString } from './bytes.ts';

export interface Interner {
  /** The byte string of `bytes[start, end)`, or `undefined` when it is not acceptable. */
  intern(bytes: Uint8Array, start: number, end: number): string | undefined;
}

/** `slots` is a power of two; `accept` is asked once for each string that enters. */
export function createInterner(slots: number, accept: (text: string) => boolean): Interner {
  const texts = new Array<string>(slots).fill('');
  return {
    intern(bytes, start, end) {
      let hash = end - start;
      for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + (bytes[i] as number)) | 0;
      const slot = (hash ^ (hash >>> 15)) & (slots - 1);
      const known = texts[slot] as string;
      if (known.length > 0 && matches(known, bytes, start, end)) return known;
      const text = byteString(bytes, start, end);
      if (!accept(text)) return undefined;
      texts[slot] = text;
      return text;
    },
  };
}

function matches(text: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[start + i]) return false;
  return true;
}
