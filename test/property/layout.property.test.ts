// Stored keys: their byte order is the logical order, spans hold exactly what they name, and each
// name can be parsed again.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareBytes } from '../../src/base/bytes.ts';
import type { Key, NamespaceName, Origin } from '../../src/model/id.ts';
import {
  after,
  allLogs,
  allMeta,
  allOrigins,
  allRecords,
  allTombstones,
  behind,
  expired,
  expiryKey,
  fenceKey,
  idempotencyEnded,
  idempotencyEndKey,
  idempotencyKey,
  logKey,
  laneSpan,
  metaKey,
  NAMED,
  namedAfter,
  originKey,
  parseExpiryKey,
  parseIdempotencyEndKey,
  parseIdempotencyKey,
  parseLogKey,
  parseRecordKey,
  parseTombstoneKey,
  positionOf,
  positionOfNamed,
  recordKey,
  recordsBetween,
  type Span,
  tombstoneKey,
  tombstonesAfter,
} from '../../src/store/layout.ts';
import { anyNamespace, anyOrigin, anySeq, byteString } from '../support/arbitrary.ts';

const shortText = fc
  .array(fc.constantFrom(0, 1, 0x2f, 0x61, 0xfe, 0xff), { minLength: 1, maxLength: 4 })
  .map((bytes) => String.fromCharCode(...bytes));
const key = fc.oneof(shortText, byteString(1, 1024)).map((text) => text as Key);
const shortName = fc.constantFrom('a', 'a-', 'a1', 'aa', 'b').map((name) => name as NamespaceName);
const namespace = fc.oneof(shortName, anyNamespace);
const nearOrigin = fc.constantFrom('a.1', 'a.10', 'a.2', 'a-b.1', 'b.1').map((of) => of as Origin);
const origin = fc.oneof(nearOrigin, anyOrigin);
const seq = fc.oneof(anySeq, fc.integer({ min: 250, max: 260 }));

const order = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0);
const isWithin = (stored: Uint8Array, { from, to }: Span): boolean =>
  compareBytes(from, stored) <= 0 && compareBytes(stored, to) < 0;

describe('record keys', () => {
  it('are ordered by namespace, then key', () => {
    fc.assert(
      fc.property(namespace, key, namespace, key, (ns1, key1, ns2, key2) => {
        const logical = order(ns1, ns2) || order(key1, key2);
        const stored = compareBytes(recordKey(ns1, key1), recordKey(ns2, key2));
        // A name ends with a zero, which lies below every letter: `a` comes before `a-`.
        expect(Math.sign(stored)).toBe(logical);
      }),
      { numRuns: 500 },
    );
  });

  it('are parsed back into namespace and key, for any bytes of the key', () => {
    fc.assert(
      fc.property(namespace, key, (ns, name) => {
        const stored = recordKey(ns, name);
        expect(parseRecordKey(stored)).toEqual({ namespace: ns, key: name });
        expect(isWithin(stored, allRecords())).toBe(true);
        expect(parseRecordKey(idempotencyKey(ns, name))).toBeUndefined();
      }),
    );
  });
});

describe('log keys', () => {
  it('are ordered by sequence number within an origin, and origins do not mix', () => {
    fc.assert(
      fc.property(origin, seq, origin, seq, (of1, seq1, of2, seq2) => {
        const stored = Math.sign(compareBytes(logKey(0, of1, seq1), logKey(0, of2, seq2)));
        if (of1 === of2) expect(stored).toBe(Math.sign(seq1 - seq2));
        else expect(stored).toBe(Math.sign(compareBytes(logKey(0, of1, 1), logKey(0, of2, 1))));
      }),
      { numRuns: 500 },
    );
  });

  it('are parsed back into lane, origin and sequence number', () => {
    fc.assert(
      fc.property(fc.nat(255), origin, seq, (lane, of, at) => {
        expect(parseLogKey(logKey(lane, of, at))).toEqual({ lane, origin: of, seq: at });
        expect(isWithin(logKey(lane, of, at), allLogs())).toBe(true);
      }),
    );
  });

  it('are inside a span exactly if the span names them', () => {
    const near = fc.integer({ min: 1, max: 600 });
    fc.assert(
      fc.property(nearOrigin, near, near, nearOrigin, near, (of, a, b, other, at) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)];
        const isNamed = of === other && from <= at && at <= to;
        expect(isWithin(logKey(0, other, at), laneSpan(of, from, to))).toBe(isNamed);
      }),
      { numRuns: 500 },
    );
  });
});

describe('expiry keys', () => {
  const deadline = fc.integer({ min: 1, max: 2 ** 45 });

  it('count as expired exactly when their deadline has come, and are parsed back whole', () => {
    fc.assert(
      fc.property(deadline, deadline, namespace, key, (deadlineMs, now, ns, name) => {
        const stored = expiryKey(deadlineMs, ns, name);
        expect(isWithin(stored, expired(now + 0.5))).toBe(deadlineMs <= now);
        expect(parseExpiryKey(stored)).toEqual({ deadlineMs, namespace: ns, key: name });
        expect(parseExpiryKey(idempotencyEndKey(deadlineMs, ns, name))).toBeUndefined();
      }),
    );
  });
});

describe('tombstone keys', () => {
  it('are ordered by sequence number, and the later ones follow behind an origin', () => {
    fc.assert(
      fc.property(origin, seq, origin, seq, (of1, seq1, of2, seq2) => {
        const [one, two] = [
          { origin: of1, seq: seq1 },
          { origin: of2, seq: seq2 },
        ];
        const sign = Math.sign(compareBytes(tombstoneKey(one), tombstoneKey(two)));
        expect(parseTombstoneKey(tombstoneKey(one))).toEqual(one);
        expect(isWithin(tombstoneKey(one), allTombstones())).toBe(true);
        if (of1 === of2) expect(sign).toBe(Math.sign(seq1 - seq2));
        expect(isWithin(tombstoneKey(two), tombstonesAfter(of1))).toBe(of1 !== of2 && sign < 0);
      }),
      { numRuns: 500 },
    );
  });
});

describe('positions', () => {
  const place = fc.record({ namespace, key });

  it('select the records behind one position up to another, and their text has the order of bytes', () => {
    fc.assert(
      fc.property(place, place, place, (first, last, at) => {
        const [from, to, of] = [first, last, at].map(positionOf) as [string, string, string];
        const stored = recordKey(at.namespace, at.key);
        expect(isWithin(stored, recordsBetween(from, to))).toBe(from < of && of <= to);
        expect(isWithin(stored, recordsBetween(from, undefined))).toBe(from < of);
        expect(of < NAMED).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('of idempotency keys follow all records, in the order of the keys', () => {
    fc.assert(
      fc.property(place, place, (first, at) => {
        const stored = idempotencyKey(at.namespace, at.key);
        const [from, of] = [positionOfNamed(first), positionOfNamed(at)];
        expect(isWithin(stored, namedAfter(NAMED))).toBe(true);
        expect(isWithin(stored, namedAfter(from))).toBe(from < of);
        expect(parseIdempotencyKey(stored)).toEqual(at);
      }),
    );
  });
});

describe('idempotency keys', () => {
  const endMs = fc.integer({ min: 0, max: 2 ** 45 });

  it('have ended exactly if their end is before the time', () => {
    fc.assert(
      fc.property(endMs, endMs, namespace, key, (end, now, ns, name) => {
        const stored = idempotencyEndKey(end, ns, name);
        expect(isWithin(stored, idempotencyEnded(now))).toBe(end < now);
      }),
    );
  });

  it('come before the fence, which never ends and comes before every log', () => {
    fc.assert(
      fc.property(endMs, namespace, key, (end, ns, name) => {
        expect(compareBytes(idempotencyEndKey(end, ns, name), fenceKey())).toBeLessThan(0);
        expect(isWithin(fenceKey(), idempotencyEnded(end))).toBe(false);
      }),
    );
    expect(compareBytes(fenceKey(), logKey(0, '0' as Origin, 1))).toBeLessThan(0);
    expect(parseIdempotencyEndKey(fenceKey())).toBeUndefined();
  });

  it('are found from the key of their end', () => {
    fc.assert(
      fc.property(endMs, namespace, key, (end, ns, name) => {
        const stored = idempotencyEndKey(end, ns, name);
        expect(parseIdempotencyEndKey(stored)).toEqual({ endMs: end, namespace: ns, key: name });
        expect(parseIdempotencyEndKey(expiryKey(end, ns, name))).toBeUndefined();
      }),
    );
  });
});

describe('the next key', () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 5 });

  it('behind a key is the next possible one', () => {
    fc.assert(
      fc.property(bytes, bytes, (stored, other) => {
        expect(compareBytes(stored, behind(stored))).toBeLessThan(0);
        const isBetween =
          compareBytes(stored, other) < 0 && compareBytes(other, behind(stored)) < 0;
        expect(isBetween).toBe(false);
      }),
    );
  });

  it('after a prefix is above every key with that prefix, and not above any other', () => {
    const prefix = bytes.filter((some) => some[0] !== 0xff);
    fc.assert(
      fc.property(prefix, bytes, fc.boolean(), (start, rest, isBuffer) => {
        const given = isBuffer ? Buffer.from(start) : start.slice();
        const end = after(given);
        expect([...given]).toEqual([...start]);
        expect(compareBytes(Uint8Array.of(...start, ...rest), end)).toBeLessThan(0);
        const begins = start.every((byte, i) => rest[i] === byte);
        if (compareBytes(start, rest) <= 0 && !begins)
          expect(compareBytes(rest, end)).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

describe('kinds of keys', () => {
  it('never overlap', () => {
    fc.assert(
      fc.property(namespace, key, origin, seq, (ns, name, of, at) => {
        const keys: [Uint8Array, Span][] = [
          [recordKey(ns, name), allRecords()],
          [logKey(0, of, at), allLogs()],
          [originKey(of), allOrigins()],
          [metaKey('incarnation'), allMeta()],
        ];
        for (const [stored] of keys)
          expect(keys.filter(([, span]) => isWithin(stored, span))).toHaveLength(1);
      }),
    );
  });
});
