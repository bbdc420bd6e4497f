import { beforeEach, describe, expect, it } from 'vitest';
import { type Doubt, stampDoubt } from '../../../src/consistency/clock-doubt.ts';
import { hlcFromMs } from '../../../src/model/hlc.ts';
import { EU, MachineRoom } from '../../support/machine-room.ts';

const DRIFT_MAX_MS = 500;

let room: MachineRoom;

beforeEach(() => {
  room = new MachineRoom({ settings: { clockDriftMaxMs: DRIFT_MAX_MS } });
});

/** Peers show how far their clocks are ahead of ours; then a step follows. */
function doubt(...aheadMs: readonly number[]): Doubt | undefined {
  const { agreed } = room.core;
  const { monoMs: pingMs, wallMs } = room.now;
  for (const [n, ms] of aheadMs.entries())
    agreed.onEcho(n + EU, { wallMs: wallMs + ms, pingMs, keptMs: 0 }, pingMs);
  return stampDoubt(room.core, agreed.read(room.now, room.turn));
}

describe('the reason to stamp nothing', () => {
  it('is absent if a majority agrees with the clock', () => {
    expect(doubt(100, -100)).toBeUndefined();
  });

  it('is that the clock was not compared yet: a retry helps', () => {
    expect(doubt()).toMatchObject({ code: 'catching-up', retryAfterMs: 1000 });
  });

  it.each([
    [2000, '2.000 s behind that of a majority'],
    [-2500, '2.500 s ahead of that of a majority'],
  ])('names the error of the clock, and what to do', (aheadMs, apart) => {
    const { code, detail = '' } = doubt(aheadMs, aheadMs) ?? {};
    expect(code).toBe('clock-drift');
    for (const part of [apart, 'nothing was written', 'set the clock right'])
      expect(detail).toContain(part);
  });

  it('names no clock if it is unknown which one is right', () => {
    room = new MachineRoom({ regions: ['ap', 'eu'] });
    doubt(9000);
    room.pass(60_000);
    const { code, detail = '' } = doubt(9000) ?? {};
    expect([code, detail.includes(' s behind')]).toEqual(['clock-drift', false]);
    expect(detail).toContain('no majority tells which is right');
  });

  it('is a stamp ahead of the clock, for as long as it is ahead', () => {
    room.core.clock.raise(hlcFromMs(room.now.wallMs + DRIFT_MAX_MS + 700));
    const { code, retryAfterMs, detail = '' } = doubt(0, 0) ?? {};
    expect([code, retryAfterMs]).toEqual(['clock-drift', DRIFT_MAX_MS + 700]);
    expect(detail).toContain(`${DRIFT_MAX_MS + 700} ms`);
    room.pass(700);
    expect(doubt(0, 0)).toBeUndefined();
  });

  it('is no such stamp if it cannot affect any peer', () => {
    room = new MachineRoom({ regions: ['ap'] });
    room.core.clock.raise(hlcFromMs(room.now.wallMs + 60_000));
    room.core.agreed.read(room.now, room.turn);
    room.pass(60_000);
    room.core.clock.raise(hlcFromMs(room.now.wallMs + 60_000));
    expect(doubt()).toBeUndefined();
  });
});
