// Which write used an idempotency key. The key is part of the mutation, so every replica that has
// the mutation knows it, and it is written in the mutation's batch, so a crash forgets both or
// neither. Entries are kept for a configured window that begins at the mutation's stamp and are
// then swept.
//
// Two replicas may accept the same key before either hears of the other. Both mutations replicate;
// the one with the smaller version is remembered, so every later retry is answered with the same
// dot everywhere. A write that was stamped after the window of the other had ended is another use
// of the key, and is remembered instead.

import { assert } from '../base/assert.ts';
import type { Outbox, RangeEntry } from '../model/effect.ts';
import { type Hlc, hlcToMs } from '../model/hlc.ts';
import { formatDot, type NamespaceName, parseDot } from '../model/id.ts';
import type { NamedWrite } from '../model/message.ts';
import { type PointRead, UNREADABLE } from '../model/port.ts';
import type { Mutation, Version } from '../model/record.ts';
import { compareVersions } from '../conflict/version-order.ts';
import { seal, unseal } from './envelope.ts';
import {
  idempotencyEndKey,
  idempotencyKey,
  parseIdempotencyEndKey,
  parseIdempotencyKey,
} from './layout.ts';

type IdempotencyEnd = NonNullable<ReturnType<typeof parseIdempotencyEndKey>>;

export interface KnownWrite extends Version {
  readonly digest: number;
  readonly created: boolean;
}

const RECENT_MAX = 65_536;

export class IdempotencyTable {
  readonly #get: (key: Uint8Array) => PointRead;
  readonly #windowMs: number;
  /** Recent entries by namespace and key; storage has all durable ones. */
  #recent = new Map<string, KnownWrite>();
  #older = new Map<string, KnownWrite>();

  constructor(get: (key: Uint8Array) => PointRead, windowMs: number) {
    this.#get = get;
    this.#windowMs = windowMs;
  }

  /**
   * `undefined`: not used within the window. `'unreadable'`: it cannot be read, so it is unknown.
   */
  find(namespace: NamespaceName, key: string): KnownWrite | 'unreadable' | undefined {
    const name = `${namespace}\0${key}`;
    const known = this.#recent.get(name) ?? this.#older.get(name);
    if (known !== undefined) return known;
    const bytes = this.#get(idempotencyKey(namespace, key));
    if (bytes === undefined) return undefined;
    return bytes === UNREADABLE ? 'unreadable' : (decodeKnown(bytes) ?? 'unreadable');
  }

  remember(mutation: Mutation, out: Outbox): void {
    if (mutation.idempotency === undefined) return;
    const { namespace, origin, seq, hlc, created } = mutation;
    const { key, digest } = mutation.idempotency;
    this.learn({ namespace, key, origin, seq, hlc, digest, created }, out);
  }

  /** Remembers an entry that came from another replica, or with a mutation. */
  learn({ namespace, key, ...write }: NamedWrite, out: Outbox): void {
    const known = this.find(namespace, key);
    if (known !== undefined && known !== 'unreadable' && this.#stays(known, write)) return;
    this.#keep(`${namespace}\0${key}`, write);
    out.put(idempotencyKey(namespace, key), encodeKnown(write));
    out.put(idempotencyEndKey(this.#endMs(write.hlc), namespace, key), EMPTY);
  }

  /** Forgets keys whose window has ended; `ended` has the keys of their ends. */
  sweep(ended: readonly RangeEntry[], out: Outbox): void {
    for (const { key: at } of ended) {
      out.del(at);
      const end = parseIdempotencyEndKey(at);
      if (end !== undefined) this.#forget(end, out);
    }
  }

  /**
   * By now the key may belong to a later write, whose window has not ended: the end of that window
   * stays indexed.
   */
  #forget({ endMs, namespace, key }: IdempotencyEnd, out: Outbox): void {
    const known = this.find(namespace, key);
    const knownEndMs =
      known === undefined || known === 'unreadable' ? endMs : this.#endMs(known.hlc);
    if (knownEndMs > endMs) return out.put(idempotencyEndKey(knownEndMs, namespace, key), EMPTY);
    const name = `${namespace}\0${key}`;
    this.#recent.delete(name);
    this.#older.delete(name);
    out.del(idempotencyKey(namespace, key));
  }

  #stays(known: KnownWrite, write: Version): boolean {
    const isEarlier = compareVersions(known, write) <= 0;
    const [first, last] = isEarlier ? [known, write] : [write, known];
    return isEarlier === hlcToMs(last.hlc) <= this.#endMs(first.hlc);
  }

  #endMs(hlc: Hlc): number {
    return hlcToMs(hlc) + this.#windowMs;
  }

  #keep(name: string, write: KnownWrite): void {
    this.#recent.set(name, write);
    assert(this.#recent.size <= RECENT_MAX, 'idempotency: what is in memory is bounded');
    if (this.#recent.size < RECENT_MAX / 2) return;
    this.#older = this.#recent;
    this.#recent = new Map();
  }
}

const EMPTY = new Uint8Array(0);

/** A stored key and its write; `undefined` when it is damaged. */
export function namedWriteOf({ key: at, value }: RangeEntry): NamedWrite | undefined {
  const name = parseIdempotencyKey(at);
  const write = decodeKnown(value);
  return name === undefined || write === undefined ? undefined : { ...name, ...write };
}

function encodeKnown(write: KnownWrite): Uint8Array {
  return seal((writer) => {
    writer.text(formatDot(write.origin, write.seq));
    writer.u64(write.hlc);
    writer.u32(write.digest);
    writer.u8(write.created ? 1 : 0);
  });
}

function decodeKnown(bytes: Uint8Array): KnownWrite | undefined {
  const reader = unseal(bytes);
  if (reader === undefined) return undefined;
  const dot = parseDot(reader.text(100));
  const hlc = reader.u64();
  const digest = reader.u32();
  const created = reader.u8() === 1;
  if (dot === undefined || !reader.finished) return undefined;
  return { origin: dot.origin, seq: dot.seq, hlc, digest, created };
}
