// The cluster's shared secret: which secrets are refused, and a holder that does not show it by
// accident. Printing, logging and serialising the holder show a mask; only `reveal` returns the
// text, to the adapters that need it.

import { inspect } from 'node:util';
import { accept, decline, type Kind, type Parsed } from './kind.ts';

export const SECRET_MASK = '(masked)';
const SECRET_BYTES_MIN = 16;
export const SECRET_BYTES_MAX = 4096;
const DISTINCT_MIN = 6;

const HOW = 'make one with: openssl rand -hex 32';
const BOUND = `${SECRET_BYTES_MIN} to ${SECRET_BYTES_MAX} bytes, not a well-known text`;

export interface Secret {
  reveal(): string;
  toString(): string;
  toJSON(): string;
}

class MaskedSecret implements Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return SECRET_MASK;
  }

  toJSON(): string {
    return SECRET_MASK;
  }

  [inspect.custom](): string {
    return SECRET_MASK;
  }
}

export const secret: Kind<Secret> = {
  placeholder: 'text',
  unit: '',
  bound: BOUND,
  schema: {},
  parse: (raw) => (typeof raw === 'string' ? parseSecret(raw) : decline('must be a string')),
  show: () => SECRET_MASK,
};

/**
 * Accepts a secret without the white space around it. The reason of a refusal never contains it.
 */
export function parseSecret(raw: string): Parsed<Secret> {
  const text = raw.trim();
  const bytes = Buffer.byteLength(text);
  if (bytes === 0) return decline(`is empty; ${HOW}`);
  if (bytes < SECRET_BYTES_MIN) {
    return decline(`is shorter than ${SECRET_BYTES_MIN} bytes; ${HOW}`);
  }
  if (bytes > SECRET_BYTES_MAX) return decline(`is longer than ${SECRET_BYTES_MAX} bytes`);
  return isWeak(text) ? decline(`is easy to guess; ${HOW}`) : accept(new MaskedSecret(text));
}

// Secrets copied from examples: only these words and digits.
const WORDS = `passphrase|development|placeholder|production|password|insecure|changeme|cluster|
  default|example|private|letmein|qwerty|replace|random|please|sample|secret|shared|string|change|
  conit|admin|fixme|enter|local|super|token|peer|demo|test|text|todo|your|with|word|some|pass|here|
  long|prod|very|this|that|top|set|put|key|dev|and|foo|bar|baz|now|not|the|my|me|is|in|of|to`;
const GUESSABLE = new RegExp(`${WORDS.replace(/\s/g, '')}|[0-9]`, 'g');
const ROWS = ['0123456789abcdefghijklmnopqrstuvwxyz', '1234567890', 'qwertyuiopasdfghjklzxcvbnm'];
const RUNS = ROWS.flatMap((row) => [row, row.split('').toReversed().join('')]);

function isWeak(text: string): boolean {
  if (new Set(text).size < DISTINCT_MIN) return true;
  const plain = text.toLowerCase().replace(/[^a-z0-9]/g, '');
  if (plain === '') return false;
  if (RUNS.some((run) => isRun(plain, run))) return true;
  return isRepeated(plain) || plain.replace(GUESSABLE, '') === '';
}

// Consecutive characters of a row, forwards or backwards: `0123456789abcdef`, `fedcba9876543210`.
function isRun(plain: string, row: string): boolean {
  const cycle = row.repeat(2 + Math.ceil(plain.length / row.length));
  return cycle.includes(plain);
}

// A short text repeated: `hunter2hunter2hunter2`.
function isRepeated(plain: string): boolean {
  return /^(.{1,32})\1+$/.test(plain);
}
