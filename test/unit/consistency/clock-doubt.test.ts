import { describe, expect, it } from 'vitest';
import { type StampOptions, stampDoubt } from '../../../src/consistency/clock-doubt.ts';
import type { ClockState } from '../../../src/model/clock.ts';
import { hlcFromMs } from '../../../src/model/hlc.ts';
import { membersOf } from '../../support/build.ts';

const NOW = { wallMs: 10_000, monoMs: 0 };
const DRIFT_MS = 500;

interface Circumstances {
  readonly state?: ClockState;
  readonly stampedMs?: number;
  readonly regions?: readonly string[];
}

function doubt(circumstances: Circumstances = {}): unknown {
  const { state = 'agreed', stampedMs = NOW.wallMs, regions = ['eu', 'us'] } = circumstances;
  const options = {
    agreed: { state, aheadMs: 2500, isTrusted: state === 'agreed' },
    clock: { last: hlcFromMs(stampedMs) },
    settings: { clockDriftMaxMs: DRIFT_MS, members: membersOf(regions) },
  } as unknown as StampOptions;
  return stampDoubt(options, NOW);
}

describe('a replica', () => {
  it('stamps while its clock is trusted and close to what it has stamped', () => {
    expect(doubt()).toBeUndefined();
    expect(doubt({ stampedMs: NOW.wallMs + DRIFT_MS })).toBeUndefined();
  });

  it('stamps nothing while its clock is not trusted, and says why', () => {
    expect(doubt({ state: 'measuring' })).toMatchObject({ code: 'catching-up' });
    expect(doubt({ state: 'disputed' })).toMatchObject({ code: 'clock-drift' });
  });

  it('stamps nothing far ahead of the agreed clock, and says when it can', () => {
    const aheadMs = DRIFT_MS + 250;
    expect(doubt({ stampedMs: NOW.wallMs + aheadMs })).toMatchObject({
      code: 'clock-drift',
      retryAfterMs: aheadMs,
    });
  });

  it('that is the only member by its settings stamps all the same', () => {
    expect(doubt({ stampedMs: NOW.wallMs + 9000, regions: ['eu'] })).toBeUndefined();
  });
});
