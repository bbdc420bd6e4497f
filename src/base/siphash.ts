// SipHash-2-4 with 128 bits (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012; the
// longer result is that of the authors' reference code): a code that only a holder of the key can
// compute. It authenticates short texts at a fraction of the cost of HMAC-SHA-256; it is no hash
// for passwords or files.
//
// Words of 64 bits are kept as two signed halves.

import { assert } from './assert.ts';

export const SIPHASH_KEY_BYTES = 16;
export const SIPHASH_BYTES = 16;

/** The upper (h) and lower (l) halves of the four words of the state. */
interface State {
  h0: number;
  l0: number;
  h1: number;
  l1: number;
  h2: number;
  l2: number;
  h3: number;
  l3: number;
}

/** One instance serves any number of texts under one key, one after the other. */
export class SipHash {
  readonly #key: readonly [number, number, number, number];
  readonly #state: State = { h0: 0, l0: 0, h1: 0, l1: 0, h2: 0, l2: 0, h3: 0, l3: 0 };

  /** `key` has 16 secret bytes. */
  constructor(key: Uint8Array) {
    assert(key.length === SIPHASH_KEY_BYTES, 'siphash: the key has 16 bytes');
    this.#key = [wordAt(key, 0), wordAt(key, 4), wordAt(key, 8), wordAt(key, 12)];
  }

  /** Writes the code of `bytes[from, to)` to `into`, at `at`. */
  write(bytes: Uint8Array, from: number, to: number, into: Uint8Array, at: number): void {
    const state = this.#state;
    begin(state, this.#key);
    let next = from;
    for (; next + 8 <= to; next += 8) absorb(state, wordAt(bytes, next), wordAt(bytes, next + 4));
    absorb(state, wordIn(bytes, next, to), wordIn(bytes, next + 4, to) | ((to - from) << 24));
    state.l2 ^= 0xee;
    finish(state, into, at);
    state.l1 ^= 0xdd;
    finish(state, into, at + 8);
  }
}

function begin(state: State, [k0, k1, k2, k3]: readonly [number, number, number, number]): void {
  state.l0 = k0 ^ 0x70736575;
  state.h0 = k1 ^ 0x736f6d65;
  state.l1 = k2 ^ 0x6e646f6d ^ 0xee;
  state.h1 = k3 ^ 0x646f7261;
  state.l2 = k0 ^ 0x6e657261;
  state.h2 = k1 ^ 0x6c796765;
  state.l3 = k2 ^ 0x79746573;
  state.h3 = k3 ^ 0x74656462;
}

function absorb(state: State, low: number, high: number): void {
  state.l3 ^= low;
  state.h3 ^= high;
  rounds(state, 2);
  state.l0 ^= low;
  state.h0 ^= high;
}

function finish(state: State, into: Uint8Array, at: number): void {
  rounds(state, 4);
  const { h0, l0, h1, l1, h2, l2, h3, l3 } = state;
  putWord(into, at, l0 ^ l1 ^ l2 ^ l3);
  putWord(into, at + 4, h0 ^ h1 ^ h2 ^ h3);
}

function rounds(state: State, count: number): void {
  let { h0, l0, h1, l1, h2, l2, h3, l3 } = state;
  let sum: number;
  let old: number;
  for (let round = 0; round < count; round++) {
    // v0 += v1; v1 <<<= 13; v1 ^= v0; v0 <<<= 32
    sum = (l0 >>> 0) + (l1 >>> 0);
    h0 = (h0 + h1 + (sum > 0xffffffff ? 1 : 0)) | 0;
    l0 = sum | 0;
    old = h1;
    h1 = ((h1 << 13) | (l1 >>> 19)) ^ h0;
    l1 = ((l1 << 13) | (old >>> 19)) ^ l0;
    old = h0;
    h0 = l0;
    l0 = old;
    // v2 += v3; v3 <<<= 16; v3 ^= v2
    sum = (l2 >>> 0) + (l3 >>> 0);
    h2 = (h2 + h3 + (sum > 0xffffffff ? 1 : 0)) | 0;
    l2 = sum | 0;
    old = h3;
    h3 = ((h3 << 16) | (l3 >>> 16)) ^ h2;
    l3 = ((l3 << 16) | (old >>> 16)) ^ l2;
    // v0 += v3; v3 <<<= 21; v3 ^= v0
    sum = (l0 >>> 0) + (l3 >>> 0);
    h0 = (h0 + h3 + (sum > 0xffffffff ? 1 : 0)) | 0;
    l0 = sum | 0;
    old = h3;
    h3 = ((h3 << 21) | (l3 >>> 11)) ^ h0;
    l3 = ((l3 << 21) | (old >>> 11)) ^ l0;
    // v2 += v1; v1 <<<= 17; v1 ^= v2; v2 <<<= 32
    sum = (l2 >>> 0) + (l1 >>> 0);
    h2 = (h2 + h1 + (sum > 0xffffffff ? 1 : 0)) | 0;
    l2 = sum | 0;
    old = h1;
    h1 = ((h1 << 17) | (l1 >>> 15)) ^ h2;
    l1 = ((l1 << 17) | (old >>> 15)) ^ l2;
    old = h2;
    h2 = l2;
    l2 = old;
  }
  state.h0 = h0;
  state.l0 = l0;
  state.h1 = h1;
  state.l1 = l1;
  state.h2 = h2;
  state.l2 = l2;
  state.h3 = h3;
  state.l3 = l3;
}

function wordAt(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
  return low | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24);
}

/** The word of what is left of the text, filled up with zeroes. */
function wordIn(bytes: Uint8Array, at: number, to: number): number {
  let word = 0;
  for (let i = 0; i < 4 && at + i < to; i++) word |= (bytes[at + i] as number) << (8 * i);
  return word;
}

function putWord(into: Uint8Array, at: number, word: number): void {
  into[at] = word;
  into[at + 1] = word >>> 8;
  into[at + 2] = word >>> 16;
  into[at + 3] = word >>> 24;
}
