// The data set and the order in which its keys are used. Keys are 16 bytes: the set's prefix of six
// characters and ten digits. A key table holds them ready to copy, plain or in the form of a
// protocol. A plan is one seeded sequence of (key, read or write), the same for every system of a
// round: uniform, or zipfian 0.99 scrambled over the keys as in YCSB.

export const keyBytes = 16;
const planLength = 1 << 20;
const zipfianTheta = 0.99;

export interface Dataset {
  readonly prefix: string;
  readonly keys: number;
  readonly valueBytes: number;
}

export type Distribution = 'uniform' | 'zipfian';

export function keyAt(dataset: Dataset, index: number): string {
  return dataset.prefix + String(index).padStart(keyBytes - dataset.prefix.length, '0');
}

/** All keys of a set end to end, each `stride` bytes long. */
export class KeyTable {
  readonly stride: number;
  readonly #bytes: Buffer;

  constructor(dataset: Dataset, form: (key: string) => string = (key) => key) {
    this.stride = form(keyAt(dataset, 0)).length;
    this.#bytes = Buffer.alloc(dataset.keys * this.stride);
    for (let index = 0; index < dataset.keys; index += 1) {
      this.#bytes.write(form(keyAt(dataset, index)), index * this.stride, this.stride, 'latin1');
    }
  }

  copyTo(target: Buffer, at: number, index: number): void {
    this.#bytes.copy(target, at, index * this.stride, (index + 1) * this.stride);
  }
}

/** The operations of the connections, which share one plan: its end is the end of the work. */
export interface Plan {
  /** Moves to the next operation; false if there is none. */
  advance(): boolean;
  readonly key: number;
  readonly isRead: boolean;
}

/** Every key once, written in order: the preload. */
export class OncePlan implements Plan {
  readonly isRead = false;
  readonly #keys: number;
  key = -1;

  constructor(keys: number) {
    this.#keys = keys;
  }

  advance(): boolean {
    this.key += 1;
    return this.key < this.#keys;
  }
}

/** An endless mix: a fraction of reads, with keys drawn from the distribution. */
export class MixPlan implements Plan {
  readonly #keys: Uint32Array;
  readonly #reads: Uint8Array;
  #at = 0;
  key = 0;
  isRead = false;

  constructor(keys: number, reads: number, distribution: Distribution, seed: number) {
    const dice = diceFrom(seed);
    const draw = distribution === 'uniform' ? () => Math.floor(dice() * keys) : zipfian(keys, dice);
    this.#keys = Uint32Array.from({ length: planLength }, draw);
    this.#reads = Uint8Array.from({ length: planLength }, () => (dice() < reads ? 1 : 0));
  }

  advance(): boolean {
    this.#at = (this.#at + 1) % planLength;
    this.key = this.#keys[this.#at] ?? 0;
    this.isRead = this.#reads[this.#at] === 1;
    return true;
  }
}

/** The first operations of another plan. */
export class FirstOf implements Plan {
  readonly #plan: Plan;
  #left: number;

  constructor(plan: Plan, count: number) {
    this.#plan = plan;
    this.#left = count;
  }

  get key(): number {
    return this.#plan.key;
  }

  get isRead(): boolean {
    return this.#plan.isRead;
  }

  advance(): boolean {
    this.#left -= 1;
    return this.#left >= 0 && this.#plan.advance();
  }
}

/** Text of letters and digits, so that it needs no escape in any protocol and does not compress. */
export function noise(length: number, seed: number): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
  const dice = diceFrom(seed);
  let text = '';
  while (text.length < length) text += alphabet.charAt(Math.floor(dice() * alphabet.length));
  return text;
}

/** Numbers in [0, 1) from a seed (mulberry32). */
function diceFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let word = Math.imul(state ^ (state >>> 15), 1 | state);
    word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word;
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  };
}

// Gray et al., "Quickly generating billion-record synthetic databases", with YCSB's scrambling.
function zipfian(keys: number, dice: () => number): () => number {
  const zeta = harmonic(keys);
  const alpha = 1 / (1 - zipfianTheta);
  const eta = (1 - (2 / keys) ** (1 - zipfianTheta)) / (1 - harmonic(2) / zeta);
  return () => scramble(rankOf(dice()), keys);

  function rankOf(u: number): number {
    if (u * zeta < 1) return 0;
    if (u * zeta < 1 + 0.5 ** zipfianTheta) return 1;
    return Math.min(keys - 1, Math.floor(keys * (eta * u - eta + 1) ** alpha));
  }
}

function harmonic(terms: number): number {
  let sum = 0;
  for (let term = 1; term <= terms; term += 1) sum += 1 / term ** zipfianTheta;
  return sum;
}

function scramble(rank: number, keys: number): number {
  let hash = 0x811c9dc5;
  for (let shift = 0; shift < 32; shift += 8) {
    hash = Math.imul(hash ^ ((rank >>> shift) & 0xff), 0x01000193);
  }
  return (hash >>> 0) % keys;
}
