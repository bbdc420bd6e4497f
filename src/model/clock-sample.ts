// The wall clock of a replica, measured against the monotonic clock of this process: wall =
// monotonic + offset. A heartbeat brings the peer's wall clock with the echo of our ping, so the
// clock was read between the ping (plus the time for which the peer kept it) and now: the midpoint
// is the estimate, half the round trip its error, as in NTP (RFC 5905, section 8). Our own clock is
// read without an error.
//
// A sample is measured against the monotonic clock, so setting our wall clock in between does not
// falsify it.

import { assert, present } from '../base/assert.ts';

/** `offsetMs` is right to within `errorMs` either way. */
export interface ClockSample {
  readonly offsetMs: number;
  readonly errorMs: number;
  readonly atMs: number;
}

export interface ClockEcho {
  /** The peer's wall clock when it answered, in ms since 1970. */
  readonly wallMs: number;
  /** Our monotonic time when the ping was sent, and for how long the peer kept it. */
  readonly pingMs: number;
  readonly keptMs: number;
}

export interface ClockMedian {
  readonly offsetMs: number;
  /** The true median is between these. */
  readonly lowMs: number;
  readonly highMs: number;
  /** The least difference of the two in the middle, for an even number: either may be right. */
  readonly splitMs: number;
}

/**
 * Crystals differ by some 100 ppm, and NTP slews a clock by 500 ppm at most (RFC 5905, section 12).
 */
const DRIFT_RATE = 0.0005;

export function sampleOf({ wallMs, pingMs, keptMs }: ClockEcho, nowMs: number): ClockSample {
  const errorMs = Math.max(nowMs - pingMs - keptMs, 0) / 2;
  return { offsetMs: wallMs - (nowMs - errorMs), errorMs, atMs: nowMs };
}

/**
 * The better of two samples. If both can be right, the one with the smaller error; errors grow with
 * time and a sample counts for `keepMs`. If they contradict each other, the later one: a clock was
 * set in between.
 */
export function surerOf(
  kept: ClockSample | undefined,
  taken: ClockSample,
  keepMs: number,
): ClockSample {
  if (kept === undefined || taken.atMs - kept.atMs > keepMs) return taken;
  const keptErrorMs = kept.errorMs + (taken.atMs - kept.atMs) * DRIFT_RATE;
  const apartMs = Math.abs(taken.offsetMs - kept.offsetMs);
  if (apartMs > keptErrorMs + taken.errorMs) return taken;
  return taken.errorMs <= keptErrorMs ? taken : kept;
}

/** The median of one sample or more. */
export function medianOf(samples: readonly ClockSample[]): ClockMedian {
  assert(samples.length > 0, 'clock sample: the median of one or more');
  const upper = samples.length >> 1;
  const lower = (samples.length - 1) >> 1;
  const offsets = sorted(samples.map(({ offsetMs }) => offsetMs));
  const lows = sorted(samples.map(({ offsetMs, errorMs }) => offsetMs - errorMs));
  const highs = sorted(samples.map(({ offsetMs, errorMs }) => offsetMs + errorMs));
  return {
    offsetMs: (at(offsets, lower) + at(offsets, upper)) / 2,
    lowMs: at(lows, lower),
    highMs: at(highs, upper),
    splitMs: lower === upper ? 0 : Math.max(at(lows, upper) - at(highs, lower), 0),
  };
}

function sorted(values: number[]): number[] {
  return values.sort((a, b) => a - b);
}

function at(values: readonly number[], index: number): number {
  return present(values[index], 'clock sample: within the samples');
}
