// One connection's side of a protocol: it makes the bytes of a request and judges the reply. A wire
// has at most one outstanding request, so its request buffers are built once and patched in place:
// nothing can overwrite a request before its reply has arrived.

import type { KeyTable } from './keys.ts';

/** The result of a reply. `pending`: it is incomplete. `miss`: there is no such key. */
export const outcome = { pending: 0, ok: 1, miss: 2, failed: 3 } as const;
export type Outcome = (typeof outcome)[keyof typeof outcome];

export interface Wire {
  /** Sent once after connecting; its reply does not count as an operation. */
  readonly greeting: Buffer | undefined;
  put(key: number, serial: number): Buffer;
  get(key: number): Buffer;
  /** Judges the reply in data[0, end); called again with more data if it was `pending`. */
  judge(data: Buffer, end: number): Outcome;
}

/** A request whose key, and for a put the first eight characters of its value, are patched in. */
export class Template {
  readonly #bytes: Buffer;
  readonly #keys: KeyTable;
  readonly #keyAt: number;
  readonly #serialAt: number;

  constructor(keys: KeyTable, beforeKey: string, afterKey: string, value = '', afterValue = '') {
    const head = beforeKey + '-'.repeat(keys.stride) + afterKey;
    this.#bytes = Buffer.from(head + value + afterValue, 'latin1');
    this.#keys = keys;
    this.#keyAt = beforeKey.length;
    this.#serialAt = head.length;
  }

  forKey(key: number): Buffer {
    this.#keys.copyTo(this.#bytes, this.#keyAt, key);
    return this.#bytes;
  }

  /** The serial number makes every written value different. */
  forPut(key: number, serial: number): Buffer {
    let rest = serial;
    for (let at = this.#serialAt + serialDigits - 1; at >= this.#serialAt; at -= 1) {
      this.#bytes[at] = 48 + (rest % 10);
      rest = Math.trunc(rest / 10);
    }
    return this.forKey(key);
  }
}

const serialDigits = 8;
