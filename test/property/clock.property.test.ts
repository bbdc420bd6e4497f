// The arithmetic of clocks: however long the two ways of an echo take, the true offset lies within
// the error of a sample, and the true median between the bounds of the measured one.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ClockSample, medianOf, sampleOf, surerOf } from '../../src/model/clock-sample.ts';

const ms = (max: number): fc.Arbitrary<number> => fc.double({ min: 0, max, noNaN: true });
const offset = fc.double({ min: -1e7, max: 1e7, noNaN: true });
const measured = fc.record({ trueMs: offset, outMs: ms(500), backMs: ms(500), keptMs: ms(300) });
const SLACK = 1e-3;

/** A ping leaves at `pingMs`; the peer keeps it and answers. */
function sample(
  { trueMs, outMs, backMs, keptMs }: typeof measured extends fc.Arbitrary<infer T> ? T : never,
  pingMs: number,
): ClockSample {
  const wallMs = pingMs + outMs + keptMs + trueMs;
  return sampleOf({ wallMs, pingMs, keptMs }, pingMs + outMs + keptMs + backMs);
}

describe('a sample', () => {
  it('contains the true offset within its error, however unlike the two directions are', () => {
    fc.assert(
      fc.property(measured, (way) => {
        const { offsetMs, errorMs } = sample(way, 1000);
        expect(Math.abs(offsetMs - way.trueMs)).toBeLessThanOrEqual(errorMs + SLACK);
      }),
    );
  });

  it('that is kept still contains the true offset, as long as no clock is set', () => {
    fc.assert(
      fc.property(offset, fc.array(measured, { minLength: 1, maxLength: 20 }), (trueMs, ways) => {
        let kept: ClockSample | undefined;
        for (const [n, way] of ways.entries())
          kept = surerOf(kept, sample({ ...way, trueMs }, 1000 + 200 * n), 1500);
        const best = kept as ClockSample;
        expect(Math.abs(best.offsetMs - trueMs)).toBeLessThanOrEqual(best.errorMs + SLACK);
      }),
    );
  });

  it('from before a clock was set is dropped by the first sample that shows the change', () => {
    const far = fc.double({ min: 2000, max: 1e7, noNaN: true });
    fc.assert(
      fc.property(measured, measured, far, (before, after, jumpMs) => {
        const set = { ...after, trueMs: before.trueMs + jumpMs };
        const kept = surerOf(sample(before, 1000), sample(set, 1200), 1500);
        expect(Math.abs(kept.offsetMs - set.trueMs)).toBeLessThanOrEqual(kept.errorMs + SLACK);
      }),
    );
  });
});

describe('the median', () => {
  const ways = fc.array(measured, { minLength: 1, maxLength: 9 });

  it('is between its bounds, and so is the true median', () => {
    fc.assert(
      fc.property(ways, (clocks) => {
        const { lowMs, highMs, offsetMs } = medianOf(clocks.map((way) => sample(way, 1000)));
        const real = clocks.map(({ trueMs }) => trueMs).sort((a, b) => a - b);
        const lower = real[(real.length - 1) >> 1] as number;
        const upper = real[real.length >> 1] as number;
        expect(lowMs).toBeLessThanOrEqual(offsetMs);
        expect(offsetMs).toBeLessThanOrEqual(highMs);
        expect(lowMs).toBeLessThanOrEqual(lower + SLACK);
        expect(upper).toBeLessThanOrEqual(highMs + SLACK);
      }),
    );
  });

  it('is near the right clocks if more than half are right, whatever the others show', () => {
    const right = fc.integer({ min: 2, max: 6 });
    fc.assert(
      fc.property(right, fc.array(offset, { maxLength: 5 }), (count, wrong) => {
        fc.pre(wrong.length < count);
        const clocks = [...new Array<number>(count).fill(0), ...wrong];
        const samples = clocks.map((offsetMs) => ({ offsetMs, errorMs: 10, atMs: 0 }));
        const { lowMs, highMs, splitMs } = medianOf(samples);
        expect(splitMs).toBe(0);
        expect(Math.max(Math.abs(lowMs), Math.abs(highMs))).toBeLessThanOrEqual(10);
      }),
    );
  });

  it('of two halves that differ reports the smallest possible difference, and which members are in neither middle', () => {
    const halves = [0, 0, 1000, 1000].map((offsetMs) => ({ offsetMs, errorMs: 10, atMs: 0 }));
    expect(medianOf(halves)).toEqual({ offsetMs: 500, lowMs: -10, highMs: 1010, splitMs: 980 });
  });
});
