import { beforeEach, describe, expect, it } from 'vitest';
import { PathLag } from '../../../src/lag/path-lag.ts';

const QUIET_MS = 400;
const MINUTE_MS = 60_000;

let path: PathLag;
let nowMs = 0;

/**
 * The echo of a later heartbeat: a round trip, of which `back` on the way back, to a clock that is
 * 7000 ms behind.
 */
function echo(roundMs: number, back = roundMs / 2): void {
  nowMs += 200;
  path.onEcho({ roundMs, backMs: back + 7000 }, nowMs);
  path.onShown({ roundMs, backMs: back + 7000 });
}

const excess = (): number | undefined => path.excessMs(undefined, QUIET_MS, nowMs);

beforeEach(() => {
  path = new PathLag();
  nowMs = 0;
});

describe('the excess of a path', () => {
  it('is unknown before the first echo, and zero at the usual distance', () => {
    expect(excess()).toBeUndefined();
    for (const roundMs of [310, 300, 305]) echo(roundMs);
    expect([excess(), path.baselineMs(nowMs)]).toEqual([5 / 2, 300]);
  });

  it('is the extra delay on the way back', () => {
    echo(300, 150);
    echo(700, 550);
    expect(excess()).toBe(400);
  });

  it('is zero if only the ping was slow on its way', () => {
    echo(300, 150);
    echo(700, 150);
    expect(excess()).toBe(0);
  });

  it('is that of the round trip while the way back is unknown in this incarnation', () => {
    echo(300, 150);
    path.onNewLife();
    echo(700, 550);
    echo(710, 550);
    expect(excess()).toBe(410);
    echo(300, 150);
    echo(700, 150);
    expect(excess()).toBe(0);
  });

  it('counts what waits with its age so far, and an overdue echo', () => {
    echo(300, 150);
    const waiting = { roundMs: 900, backMs: 7750 };
    expect(path.excessMs(waiting, QUIET_MS, nowMs)).toBe(600);
    expect(path.excessMs(undefined, QUIET_MS, nowMs + QUIET_MS)).toBe(0);
    expect(path.excessMs(undefined, QUIET_MS, nowMs + QUIET_MS + 250)).toBe(250);
  });

  it('is compared with the link, and not with what was shown late since the first echo', () => {
    for (const shownAfterMs of [2500, 2600, 2700]) {
      nowMs += 200;
      path.onEcho({ roundMs: 300, backMs: 7150 }, nowMs);
      path.onShown({ roundMs: 300 + shownAfterMs, backMs: 7150 + shownAfterMs });
      expect([excess(), path.baselineMs(nowMs)]).toEqual([shownAfterMs, 300]);
    }
  });

  it('is not hidden by clocks that run apart', () => {
    for (const drift of [-0.0005, 0.0005]) {
      path = new PathLag();
      nowMs = 0;
      for (let beat = 0; beat < 1500; beat++) echo(300, 150 + nowMs * drift);
      echo(700, 550 + nowMs * drift);
      expect(excess()).toBeGreaterThanOrEqual(390);
      echo(300, 150 + nowMs * drift);
      expect(excess()).toBeLessThanOrEqual(1);
    }
  });

  it('is unknown again on another connection, whose distance is known', () => {
    echo(300);
    path.onDisconnected();
    expect(excess()).toBeUndefined();
    echo(800, 650);
    expect(excess()).toBe(500);
  });

  it('is zero once the path has been slower for ten minutes', () => {
    echo(300);
    const beganMs = nowMs;
    while (nowMs < beganMs + 9 * MINUTE_MS) echo(700);
    expect(excess()).toBe(200);
    while (nowMs < beganMs + 11 * MINUTE_MS) echo(700);
    expect(excess()).toBe(0);
  });
});
