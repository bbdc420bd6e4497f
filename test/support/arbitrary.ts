// Arbitrary values of the domain for property tests: everything that the model allows, edges
// included.

import fc from 'fast-check';
import type { Draft } from '../../src/model/encoding.ts';
import {
  type Dot,
  INCARNATION_MAX,
  type Key,
  type NamespaceName,
  type Origin,
  originOf,
  type ReplicaId,
} from '../../src/model/id.ts';
import type { Idempotency } from '../../src/model/record.ts';

const NAME_REST = 'abcdefghijklmnopqrstuvwxyz0123456789-';

const name = fc
  .tuple(
    fc.constantFrom('a', 'm', 'z'),
    fc.string({ unit: fc.constantFrom(...NAME_REST.split('')), maxLength: 62, size: 'medium' }),
  )
  .map(([first, rest]) => first + rest);

/** A byte string: every character is one byte, any byte. */
export function byteString(minLength: number, maxLength: number): fc.Arbitrary<string> {
  return fc
    .uint8Array({ minLength, maxLength, size: 'medium' })
    .map((bytes) => String.fromCharCode(...bytes));
}

export const anyReplicaId = name.map((text) => text as ReplicaId);
export const anyNamespace = name.map((text) => text as NamespaceName);
export const anyKey = byteString(1, 1024).map((text) => text as Key);
export const anySeq = fc.oneof(
  fc.integer({ min: 1, max: 300 }),
  fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
);
export const anyOrigin: fc.Arbitrary<Origin> = fc
  .tuple(anyReplicaId, fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constant(INCARNATION_MAX)))
  .map(([id, incarnation]) => originOf(id, incarnation));

const dot: fc.Arbitrary<Dot> = fc.record({ origin: anyOrigin, seq: anySeq });
const idempotency: fc.Arbitrary<Idempotency> = fc.record({
  key: byteString(0, 255),
  digest: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
});

export const anyDraft: fc.Arbitrary<Draft> = fc.record({
  origin: anyOrigin,
  seq: anySeq,
  hlc: fc.maxSafeNat(),
  lane: fc.nat(300),
  group: byteString(0, 80),
  namespace: anyNamespace,
  key: anyKey,
  operation: fc.constantFrom('put', 'delete'),
  created: fc.boolean(),
  dependencies: fc.array(dot, { maxLength: 4 }),
  expiresAtMs: fc.oneof(fc.constant(0), fc.maxSafeNat()),
  tags: fc.array(byteString(0, 128), { maxLength: 16 }),
  weight: fc.oneof(
    fc.constant(0),
    fc.double({ noNaN: true }).map((weight) => weight + 0),
  ),
  idempotency: fc.option(idempotency, { nil: undefined }),
  contentType: byteString(0, 255),
  value: fc.uint8Array({ maxLength: 5000 }),
});
