// The laws of the vocabulary: vectors are a lattice, the clock never goes back, and decoding a
// mutation returns what was encoded.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMutation, encodeMutation, isChained } from '../../src/model/encoding.ts';
import { createHybridClock, hlcFromMs, hlcToMs } from '../../src/model/hlc.ts';
import {
  formatDot,
  incarnationOf,
  laneIdOf,
  laneOf,
  originOf,
  parseDot,
  parseOrigin,
  parseReplicaId,
  replicaOf,
} from '../../src/model/id.ts';
import {
  compareVectors,
  dominates,
  latestIncarnation,
  meetVectors,
  mergeVector,
  missing,
  type ReadonlyVector,
  seqOf,
  type Vector,
} from '../../src/model/vector.ts';
import { origin } from '../support/build.ts';
import { anyDraft, anyReplicaId } from '../support/arbitrary.ts';

const origins = ['a.1', 'a.2', 'b.1', 'c.7'].map(origin);
const vector: fc.Arbitrary<Vector> = fc
  .array(fc.tuple(fc.constantFrom(...origins), fc.integer({ min: 1, max: 4 })), { maxLength: 4 })
  .map((entries) => new Map(entries));

function join(left: ReadonlyVector, right: ReadonlyVector): Vector {
  const joined = new Map(left);
  mergeVector(joined, right);
  return joined;
}

const isEqual = (left: ReadonlyVector, right: ReadonlyVector): boolean =>
  origins.every((of) => seqOf(left, of) === seqOf(right, of));

describe('vectors', () => {
  it('form a lattice under join and meet', () => {
    fc.assert(
      fc.property(vector, vector, vector, (a, b, c) => {
        const meet = (...vectors: Vector[]) => meetVectors(vectors);
        for (const op of [join, meet]) {
          expect(isEqual(op(a, b), op(b, a))).toBe(true);
          expect(isEqual(op(op(a, b), c), op(a, op(b, c)))).toBe(true);
          expect(isEqual(op(a, a), a)).toBe(true);
        }
        expect(isEqual(join(a, meet(a, b)), a)).toBe(true);
        expect(isEqual(meet(a, join(a, b)), a)).toBe(true);
        expect(isEqual(meet(a, b, c), meet(meet(a, b), c))).toBe(true);
      }),
    );
  });

  it('are ordered by what the join adds', () => {
    fc.assert(
      fc.property(vector, vector, (a, b) => {
        expect(dominates(a, b)).toBe(isEqual(join(a, b), a));
        const opposite = {
          equal: 'equal',
          before: 'after',
          after: 'before',
          concurrent: 'concurrent',
        };
        expect(compareVectors(b, a)).toBe(opposite[compareVectors(a, b)]);
        expect(compareVectors(a, b) === 'equal').toBe(isEqual(a, b));
      }),
    );
  });

  it('differ by exactly the entries that catching up takes', () => {
    fc.assert(
      fc.property(vector, vector, (ours, theirs) => {
        const caughtUp = new Map(ours);
        for (const { origin: of, from, to } of missing(ours, theirs)) {
          expect(from).toBe(seqOf(ours, of) + 1);
          expect(to).toBeGreaterThanOrEqual(from);
          caughtUp.set(of, to);
        }
        expect(isEqual(caughtUp, join(ours, theirs))).toBe(true);
      }),
    );
  });

  it('have the stable cut that every member holds, and none while a member is unknown', () => {
    fc.assert(
      fc.property(fc.array(vector, { minLength: 1, maxLength: 4 }), (members) => {
        const cut = meetVectors(members);
        for (const member of members) expect(dominates(member, cut)).toBe(true);
        for (const of of origins)
          expect(seqOf(cut, of)).toBe(Math.min(...members.map((member) => seqOf(member, of))));
        expect(meetVectors([...members, new Map()]).size).toBe(0);
      }),
    );
  });
});

describe('names', () => {
  it('are parsed back into their parts', () => {
    fc.assert(
      fc.property(
        anyReplicaId,
        fc.integer({ min: 1, max: 2 ** 32 - 1 }),
        fc.maxSafeNat(),
        (id, incarnation, n) => {
          const of = originOf(id, incarnation);
          const seq = n + 1 <= Number.MAX_SAFE_INTEGER ? n + 1 : n;
          expect(parseReplicaId(id)).toBe(id);
          expect(parseOrigin(of)).toBe(of);
          expect([replicaOf(of), incarnationOf(of)]).toEqual([id, incarnation]);
          expect(parseDot(formatDot(of, seq))).toEqual({ origin: of, seq });
          expect(latestIncarnation(new Map([[of, 1]]), id)).toBe(incarnation);
        },
      ),
    );
  });

  it('of lanes name their origin: an origin names its live lane, and numbers the others', () => {
    const incarnation = fc.integer({ min: 1, max: 2 ** 32 - 1 });
    fc.assert(
      fc.property(anyReplicaId, incarnation, fc.nat(255), (id, n, number) => {
        const of = originOf(id, n);
        const lane = laneIdOf(of, number);
        expect(laneOf(lane)).toEqual({ origin: of, number });
        expect([replicaOf(lane), incarnationOf(lane)]).toEqual([id, n]);
        expect(laneIdOf(of, 0)).toBe(of);
      }),
    );
  });

  it('that can be parsed have exactly one spelling', () => {
    const unit = fc.constantFrom('a', '-', '.', '0', '1', '9', 'A', ' ');
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 14 }), (text) => {
        const dot = parseDot(text);
        if (dot !== undefined) expect(formatDot(dot.origin, dot.seq)).toBe(text);
        const of = parseOrigin(text);
        if (of !== undefined) expect(originOf(replicaOf(of), incarnationOf(of))).toBe(text);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('a hybrid clock', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('tick' as const), wallMs: fc.integer({ min: 0, max: 50 }) }),
    fc.record({
      kind: fc.constant('witness' as const),
      wallMs: fc.integer({ min: 0, max: 50 }),
      aheadMs: fc.integer({ min: -20, max: 20 }),
      counter: fc.nat(3),
    }),
  );
  const DRIFT_MS = 10;

  it('follows the published rule, whatever the wall clock does', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const clock = createHybridClock(DRIFT_MS);
        // The model keeps the physical and the logical part apart, as the paper does; its stamps
        // are even.
        let [physical, logical] = [0, 0];
        for (const taken of steps) {
          const before = clock.last;
          if (taken.kind === 'tick') {
            const stamp = clock.tick(taken.wallMs);
            if (taken.wallMs > physical) [physical, logical] = [taken.wallMs, 0];
            else logical += 2 - (logical % 2);
            expect(stamp).toBeGreaterThan(before);
          } else {
            const ms = Math.max(taken.wallMs + taken.aheadMs, 0);
            const isAccepted = clock.witness(hlcFromMs(ms) + taken.counter, taken.wallMs);
            const isWithin =
              ms < taken.wallMs + DRIFT_MS ||
              (ms === taken.wallMs + DRIFT_MS && taken.counter === 0);
            expect(isAccepted).toBe(isWithin || hlcFromMs(ms) + taken.counter <= before);
            if (isAccepted && (ms > physical || (ms === physical && taken.counter > logical)))
              [physical, logical] = [ms, taken.counter];
            if (!isAccepted) expect(clock.last).toBe(before);
          }
          expect(clock.last).toBe(hlcFromMs(physical) + logical);
          expect(clock.last).toBeGreaterThanOrEqual(before);
        }
      }),
    );
  });

  it('continues above the floor that it was raised to, without bound', () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.nat(1000), (floorMs, wallMs) => {
        const clock = createHybridClock(DRIFT_MS);
        clock.raise(hlcFromMs(floorMs));
        expect(clock.tick(wallMs)).toBeGreaterThan(hlcFromMs(floorMs));
      }),
    );
  });

  it('carries a full counter over into the milliseconds', () => {
    const clock = createHybridClock(DRIFT_MS);
    for (let i = 0; i < 512; i++) clock.tick(5);
    expect(hlcToMs(clock.last)).toBe(5);
    expect(hlcToMs(clock.tick(5))).toBe(6);
    expect(clock.tick(5)).toBeLessThan(clock.tick(7));
  });
});

describe('a stamp behind a version that was seen', () => {
  it('has room behind every stamp of a clock, and before every stamp of a writer that saw it', () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.nat(1000), fc.boolean(), (seenMs, wallMs, isRaised) => {
        const seen = createHybridClock(1000).tick(seenMs);
        const clock = createHybridClock(2000);
        if (isRaised) clock.raise(seen + 1);
        else clock.witness(seen, wallMs);
        expect(clock.tick(wallMs)).toBeGreaterThan(seen + 1);
      }),
    );
  });
});

describe('an encoded mutation', () => {
  it('decodes to exactly the mutation in the memory of its origin', () => {
    fc.assert(
      fc.property(anyDraft, fc.maxSafeNat(), (fields, previousChain) => {
        const encoded = encodeMutation(fields, previousChain);
        expect(encoded).toMatchObject(fields);
        expect(decodeMutation(encoded.bytes)).toEqual(encoded);
        expect(isChained(encoded, previousChain)).toBe(true);
      }),
    );
  });

  it('depends on nothing but its predecessor', () => {
    fc.assert(
      fc.property(anyDraft, fc.maxSafeNat(), fc.maxSafeNat(), (fields, chain, other) => {
        fc.pre(chain !== other);
        expect(isChained(encodeMutation(fields, chain), other)).toBe(false);
      }),
    );
  });

  it('with any one byte changed or any end cut off is refused', () => {
    fc.assert(
      fc.property(anyDraft, fc.nat(), fc.integer({ min: 1, max: 255 }), (fields, at, mask) => {
        const { bytes } = encodeMutation(fields, 7);
        const changed = bytes.slice();
        changed[at % bytes.length] = (changed[at % bytes.length] as number) ^ mask;
        expect(decodeMutation(changed)).toBeUndefined();
        expect(decodeMutation(bytes.slice(0, at % bytes.length))).toBeUndefined();
        expect(decodeMutation(Uint8Array.of(...bytes, mask))).toBeUndefined();
      }),
    );
  });

  it('of random bytes is refused without throwing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        expect(decodeMutation(Uint8Array.of(1, ...bytes))).toBeUndefined();
      }),
    );
  });
});
