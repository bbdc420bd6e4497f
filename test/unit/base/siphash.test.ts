import { describe, expect, it } from 'vitest';
import { SipHash } from '../../../src/base/siphash.ts';

/** The key and the texts of the authors' test vectors: bytes that count up from 0. */
const counting = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i);

function codeOf(key: Uint8Array, text: Uint8Array): string {
  const code = Buffer.alloc(16);
  new SipHash(key).write(text, 0, text.length, code, 0);
  return code.toString('hex');
}

describe('SipHash-2-4 with 128 bits', () => {
  it.each([
    [0, 'a3817f04ba25a8e66df67214c7550293'],
    [1, 'da87c1d86b99af44347659119b22fc45'],
    [2, '8177228da4a45dc7fca38bdef60affe4'],
  ])('gives the code of the reference implementation for %i bytes', (length, expected) => {
    expect(codeOf(counting(16), counting(length))).toBe(expected);
  });

  it('gives a text of any length another code if a byte of it changes', () => {
    for (let length = 1; length <= 40; length++) {
      const codes = new Set([codeOf(counting(16), counting(length))]);
      for (let at = 0; at < length; at++) {
        const changed = counting(length);
        changed[at] = (changed[at] ?? 0) ^ 0x80;
        codes.add(codeOf(counting(16), changed));
      }
      expect([length, codes.size]).toEqual([length, length + 1]);
    }
  });

  it('depends on every byte of the key', () => {
    const codes = new Set([codeOf(counting(16), counting(15))]);
    for (let at = 0; at < 16; at++) {
      const key = counting(16);
      key[at] = (key[at] ?? 0) ^ 1;
      codes.add(codeOf(key, counting(15)));
    }
    expect(codes.size).toBe(17);
  });

  it('reads a part of its bytes, and writes its code at a place', () => {
    const bytes = Buffer.alloc(64, 7);
    bytes.set(counting(9), 5);
    new SipHash(counting(16)).write(bytes, 5, 14, bytes, 20);
    expect(bytes.subarray(20, 36).toString('hex')).toBe(codeOf(counting(16), counting(9)));
    expect(bytes.subarray(36)).toEqual(Buffer.alloc(28, 7));
  });
});
