// A seeded random source that can be split, so that each component draws from a stream of its own
// and an additional draw in one does not shift the others. sfc32 by Chris Doty-Humphrey
// (PractRand); seeds are spread with splitmix32.

import { FNV_OFFSET, hashText } from './mix.ts';

export interface Prng {
  /** A float in [0, 1). */
  next(): number;
  /** An integer in [0, bound). `bound` is a positive safe integer below 2^32. */
  below(bound: number): number;
  /** True with the given probability. */
  chance(probability: number): boolean;
  /** An independent stream; equal names from equal seeds give equal streams. */
  split(name: string): Prng;
}

export function createPrng(seed: number): Prng {
  return fromState(spread(seed >>> 0), Math.floor(seed / 2 ** 32) >>> 0);
}

function fromState(next: () => number, salt: number): Prng {
  let a = next() ^ salt;
  let b = next();
  let c = next();
  let counter = 1;
  const origin = a ^ Math.imul(b, 0x9e3779b1);
  const draw = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 12; i++) draw();
  return {
    next: () => draw() / 2 ** 32,
    below: (bound) => Math.floor((draw() / 2 ** 32) * bound),
    chance: (probability) => draw() / 2 ** 32 < probability,
    split: (name) => fromState(spread(hashText(name, origin ^ FNV_OFFSET)), salt),
  };
}

function spread(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return z ^ (z >>> 15);
  };
}
