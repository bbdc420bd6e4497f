// How much each namespace holds: keys with a value, tombstones, and the bytes of the records of
// both. The tree reports every change (tree.ts), which costs a few additions. A recount finds the
// exact numbers. They are stored with a heartbeat: after a crash they lack the changes since the
// last one, until the next scrub.

import type { ByteReader } from '../base/bytes.ts';
import type { NamespaceName } from '../model/id.ts';
import { encodedOf, isTombstone, type Record } from '../model/record.ts';
import { seal } from './envelope.ts';

export interface Contents {
  keys: number;
  tombstones: number;
  bytes: number;
}

/**
 * The weight of a record in the counts: its bytes, negative for a tombstone; 0 for an absent
 * record.
 */
export type Weight = number;

export function weightOf(record: Record | undefined): Weight {
  if (record === undefined) return 0;
  return isTombstone(record) ? -encodedOf(record).length : encodedOf(record).length;
}

const NAME_BYTES_MAX = 63;

export class Census {
  readonly #namespaces = new Map<NamespaceName, Contents>();
  // Nearly every change is in the same namespace as the one before it.
  #lastName: NamespaceName | undefined = undefined;
  #last: Contents | undefined = undefined;
  #isStored = false;

  /** The stored counts; `undefined` if they cannot be read. */
  static restore(reader: ByteReader): Census | undefined {
    const census = new Census();
    for (let count = reader.u32(); count > 0 && !reader.finished; count--) {
      const contents = census.#of(reader.text(NAME_BYTES_MAX) as NamespaceName);
      contents.keys = reader.u64();
      contents.tombstones = reader.u64();
      contents.bytes = reader.u64();
    }
    census.#isStored = true;
    return reader.finished ? census : undefined;
  }

  /** `after` replaces `before`; `undefined` is an absent record. */
  change(before: Record | undefined, after: Record | undefined): void {
    this.#isStored = false;
    if (before !== undefined) weigh(this.#of(before.namespace), weightOf(before), -1);
    if (after !== undefined) weigh(this.#of(after.namespace), weightOf(after), 1);
  }

  /** The same for a record whose predecessor is not known. */
  shift(namespace: NamespaceName, before: Weight, after: Weight): void {
    this.#isStored = false;
    const contents = this.#of(namespace);
    if (before !== 0) weigh(contents, before, -1);
    if (after !== 0) weigh(contents, after, 1);
  }

  clone(): Census {
    const clone = new Census();
    for (const [name, contents] of this.#namespaces) clone.#namespaces.set(name, { ...contents });
    clone.#isStored = this.#isStored;
    return clone;
  }

  /** By namespace; empty ones are omitted. */
  entries(): [NamespaceName, Contents][] {
    return [...this.#namespaces].filter(
      ([, { keys, tombstones }]) => keys !== 0 || tombstones !== 0,
    );
  }

  /** The counts to store, or `undefined` if they are stored already. */
  seal(): Uint8Array | undefined {
    if (this.#isStored) return undefined;
    this.#isStored = true;
    return seal((into) => {
      const entries = this.entries();
      into.u32(entries.length);
      for (const [name, { keys, tombstones, bytes }] of entries) {
        into.text(name);
        // After a crash the stored counts may lack records that are removed now.
        for (const number of [keys, tombstones, bytes]) into.u64(Math.max(0, number));
      }
    });
  }

  #of(namespace: NamespaceName): Contents {
    if (namespace === this.#lastName && this.#last !== undefined) return this.#last;
    let contents = this.#namespaces.get(namespace);
    if (contents === undefined) {
      contents = { keys: 0, tombstones: 0, bytes: 0 };
      this.#namespaces.set(namespace, contents);
    }
    this.#lastName = namespace;
    this.#last = contents;
    return contents;
  }
}

function weigh(contents: Contents, weight: Weight, sign: 1 | -1): void {
  if (weight < 0) contents.tombstones += sign;
  else contents.keys += sign;
  contents.bytes += sign * Math.abs(weight);
}
