// The agreed clock with clocks that are wrong in the ways of real ones. Round trips take 20 ms
// unless a test says otherwise.

import { beforeEach, describe, expect, it } from 'vitest';
import { AgreedClock } from '../../../src/consistency/agreed-clock.ts';
import { HostTurn } from '../../../src/host/turn.ts';

const START = Date.UTC(2026, 0, 1);
const BOUND_MS = 500;
const SILENT_MS = 3000;
const HOUR = 3_600_000;

let out: HostTurn;
let clock: AgreedClock;
let monoMs: number;
/** How far each wall clock is ahead of the true time; the first one is our own. */
let wrong: number[];

beforeEach(() => begin(3));

function begin(replicas: number): void {
  out = new HostTurn();
  clock = new AgreedClock({ replicas, driftMaxMs: BOUND_MS, silentMs: SILENT_MS });
  monoMs = 1000;
  wrong = new Array<number>(replicas).fill(0);
}

const trueMs = (): number => START + monoMs;
const read = (): number =>
  clock.read({ wallMs: Math.floor(trueMs() + (wrong[0] as number)), monoMs }, out).wallMs;

/** A peer's echo arrives now; `backMs` of the round trip is the way back. */
function hear(peer: number, roundTripMs = 20, backMs = roundTripMs / 2): void {
  const wallMs = trueMs() - backMs + (wrong[peer] as number);
  clock.onEcho(peer, { wallMs, pingMs: monoMs - roundTripMs, keptMs: 0 }, monoMs);
}

function beat(peers: readonly number[] = [1, 2]): string {
  monoMs += 200;
  for (const peer of peers) hear(peer);
  read();
  return clock.state;
}

describe('a replica that has just started', () => {
  it('stamps nothing before its clock was compared, and reports that it starts', () => {
    read();
    expect(clock.state).toBe('measuring');
    expect(clock.isTrusted).toBe(false);
    expect(beat([1])).toBe('agreed');
    expect(out.notes).toEqual([]);
  });

  it('uses its own clock as it was at the start if no peer connects, and ignores a later jump', () => {
    wrong = [HOUR, 0, 0];
    for (let n = 0; n < 20; n++) beat([]);
    expect(clock.state).toBe('alone');
    wrong[0] = -HOUR;
    expect(Math.abs(read() - trueMs() - HOUR)).toBeLessThan(3);
  });
});

describe('a clock that is off', () => {
  for (const ms of [-HOUR, -1000, -600, 600, 1000, HOUR])
    it(`by ${ms} ms is refused, and the agreed clock is that of the others`, () => {
      wrong = [ms, 0, 0];
      expect(beat()).toBe('drifted');
      expect(Math.abs(read() - trueMs())).toBeLessThan(15);
      expect(Math.round(clock.aheadMs / 10) * 10).toBe(ms);
    });

  it('by less than the bound, or by less than the error of the measurement, is accepted', () => {
    wrong = [400, 0, 0];
    expect(beat()).toBe('agreed');
    begin(3);
    wrong = [600, 0, 0];
    monoMs += 200;
    for (const peer of [1, 2]) hear(peer, 400);
    read();
    expect(clock.state).toBe('agreed');
    expect(beat()).toBe('drifted');
  });

  it('is reported once for each period, and recovers by itself', () => {
    beat();
    for (let time = 0; time < 2; time++) {
      wrong[0] = HOUR;
      for (let n = 0; n < 5; n++) expect(beat()).toBe('drifted');
      wrong[0] = 0;
      for (let n = 0; n < 5; n++) expect(beat()).toBe('agreed');
    }
    const events = out.notes.map(({ event }) => event);
    expect(events).toEqual(['clock-drift', 'clock-agreed', 'clock-drift', 'clock-agreed']);
  });

  it('is noticed between two heartbeats', () => {
    beat();
    monoMs += 20;
    wrong[0] = 5000;
    expect(Math.abs(read() - trueMs())).toBeLessThan(15);
    expect(clock.state).toBe('drifted');
    wrong[0] = 0;
    monoMs += 20;
    read();
    expect(clock.state).toBe('agreed');
  });

  it('at a peer changes nothing here, in either direction', () => {
    beat();
    for (const ms of [HOUR, -HOUR, 0]) {
      wrong[1] = ms;
      expect(beat()).toBe('agreed');
      expect(Math.abs(read() - trueMs())).toBeLessThan(15);
    }
  });

  it('that gains ten milliseconds a second is noticed once it is beyond the bound', () => {
    for (let n = 0; n < 5 * 45; n++) {
      wrong[0] = (monoMs - 1000) / 100;
      expect(beat()).toBe('agreed');
    }
    for (let n = 0; n < 5 * 12; n++) {
      wrong[0] = (monoMs - 1000) / 100;
      beat();
    }
    expect(clock.state).toBe('drifted');
  });
});

describe('a replica that hears no majority', () => {
  it('continues from the last agreed time, whatever its own clock does', () => {
    beat();
    for (const peer of [1, 2]) clock.onDisconnected(peer);
    wrong[0] = HOUR;
    expect(beat([])).toBe('held');
    monoMs += HOUR;
    expect(Math.abs(read() - trueMs())).toBeLessThan(15);
  });

  it('stops counting a peer that is connected and silent', () => {
    beat();
    wrong[0] = HOUR;
    expect(beat([])).toBe('drifted');
    monoMs += 2 * SILENT_MS;
    read();
    expect(clock.state).toBe('held');
  });
});

describe('two replicas', () => {
  it('agree while they are near, and then hold the last agreed time', () => {
    begin(2);
    wrong = [0, 300];
    expect(beat([1])).toBe('agreed');
    wrong = [0, HOUR];
    expect(beat([1])).toBe('held');
    expect(Math.abs(read() - trueMs())).toBeLessThan(310);
    wrong = [HOUR, 0];
    expect(beat([1])).toBe('held');
    expect(Math.abs(read() - trueMs())).toBeLessThan(310);
  });

  it('that never agreed stamp nothing until they do', () => {
    begin(2);
    wrong = [0, HOUR];
    expect(beat([1])).toBe('measuring');
    for (let n = 0; n < 20; n++) beat([1]);
    expect(clock.state).toBe('disputed');
    expect(clock.isTrusted).toBe(false);
    wrong = [0, 0];
    expect(beat([1])).toBe('agreed');
  });
});

describe('a machine that slept', () => {
  it('is right again within two heartbeats, although its monotonic clock stood still', () => {
    beat();
    // By its own monotonic clock all wall clocks jump, its own first.
    wrong = [HOUR, HOUR, HOUR];
    read();
    expect(clock.state).toBe('drifted');
    beat([1]);
    expect(beat()).toBe('agreed');
    expect(Math.abs(read() - trueMs() - HOUR)).toBeLessThan(15);
  });
});

it('a replica alone agrees with itself', () => {
  begin(1);
  read();
  expect(clock.state).toBe('agreed');
  wrong[0] = -HOUR;
  expect(Math.abs(read() - trueMs() + HOUR)).toBeLessThan(3);
  expect(clock.state).toBe('agreed');
});
