// How much each namespace holds: keys with a value, tombstones, and the bytes of the records of
// both. The tree reports every change (tree.ts), which costs a few additions. A recount finds the
// exact numbers. They are stored with a heartbeat: after a crash they lack the changes since the
// last one, until the next scrub.

import { present } from '../base/assert.ts';
import type { ByteReader } from '../base/bytes.ts';
import type { NamespaceName } from '../model/id.ts';
import { encodedOf, isTombstone, type Record } from '../model/record.ts';
import { seal } from './envelope.ts';

export interface Contents {
  keys: number;
  tombstones: number;
  bytes: number;
}

const NAME_BYTES_MAX = 63;

export class Census {
  readonly #namespaces = new Map<NamespaceName, Contents>();
  // Nearly every change is in the namespace of the one before it.
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
    if (before !== undefined) this.#add(before, -1);
    if (after !== undefined) this.#add(after, 1);
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
        // After a crash the counts may be smaller than what is removed now.
        for (const number of [keys, tombstones, bytes]) into.u64(Math.max(0, number));
      }
    });
  }

  #add(record: Record, sign: 1 | -1): void {
    const contents = record.namespace === this.#lastName ? this.#last : this.#of(record.namespace);
    const known = present(contents, 'census: the last namespace is counted');
    if (isTombstone(record)) known.tombstones += sign;
    else known.keys += sign;
    known.bytes += sign * encodedOf(record).length;
  }

  #of(namespace: NamespaceName): Contents {
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
