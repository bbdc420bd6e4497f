import { beforeEach, describe, expect, it } from 'vitest';
import { LagStates, type Limits, missingMs, type Reading } from '../../../src/lag/lag-state.ts';
import { namespace } from '../../support/build.ts';

const NS = namespace('ns');
const BEAT_MS = 200;
const times = { beatMs: BEAT_MS, untoldMs: 3000 };
const limits: Limits = {
  namespace: NS,
  staleAfter: { timeMs: 2000, entries: 100 },
  pauseLagMs: 400,
};
const fresh: Reading = {
  unheardMs: 50,
  isProved: true,
  isCaughtUp: true,
  lagMs: 50,
  excessMs: 0,
  entries: 0,
  ownMs: 0,
};

let health: LagStates;
let nowMs = 0;

/** Checks at every heartbeat, and returns the states that it saw. */
function looks(count: number, changes: Partial<Reading> = {}): string[] {
  return Array.from({ length: count }, () => {
    nowMs += BEAT_MS;
    health.judge({ ...fresh, ...changes }, nowMs);
    return state();
  });
}

function state(): string {
  const watched = health.of(NS);
  return watched?.rule === undefined ? `${watched?.state}` : `${watched.state} by ${watched.rule}`;
}

function begin(changes: Partial<Limits> = {}): void {
  nowMs = 0;
  health = new LagStates([{ ...limits, ...changes }], times);
}

/** In its normal state. */
function serving(changes: Partial<Limits> = {}): void {
  begin(changes);
  looks(1);
  expect(state()).toBe('serving');
}

beforeEach(() => serving());

describe('the watched namespaces', () => {
  it('are those that a policy bounds', () => {
    const unbounded = { namespace: NS, staleAfter: undefined, pauseLagMs: undefined };
    expect(new LagStates([unbounded], times).isIdle).toBe(true);
    expect(new LagStates([unbounded, limits], times).all()).toHaveLength(1);
    expect(new LagStates([unbounded], times).of(NS)).toBeUndefined();
  });
});

describe('unknown', () => {
  it('stays while no majority is measured, whatever the numbers are', () => {
    begin();
    expect(state()).toBe('unknown');
    expect(looks(3, { unheardMs: undefined })).toEqual(['unknown', 'unknown', 'unknown']);
  });

  it('becomes catching-up with the first measurement, and serving with proof', () => {
    begin();
    expect(looks(1, { isProved: false })).toEqual(['catching-up']);
    expect(looks(1)).toEqual(['serving']);
  });
});

describe('catching-up', () => {
  it.each([
    ['not caught up', { isCaughtUp: false }],
    ['not proved', { isProved: false }],
    ['beyond a limit of time', { lagMs: 2001 }],
    ['beyond a limit of entries', { entries: 101 }],
    ['beyond the pause', { excessMs: 401 }],
    ['of unknown lag', { unheardMs: undefined }],
  ])('stays while the replica is %s', (_what, changes) => {
    begin();
    looks(1, { isProved: false });
    expect(new Set(looks(20, changes))).toEqual(new Set(['catching-up']));
    expect(looks(1)).toEqual(['serving']);
  });
});

describe('serving', () => {
  it('stays at every limit itself', () => {
    const at = { lagMs: 2000, excessMs: 400, entries: 100 };
    expect(new Set(looks(20, at))).toEqual(new Set(['serving']));
  });

  it('becomes catching-up if what it held is gone or being copied', () => {
    expect(looks(1, { isCaughtUp: false })).toEqual(['catching-up']);
  });

  it.each([
    ['time', { lagMs: 2001 }, 'stale'],
    ['entries', { entries: 101 }, 'stale'],
    ['pause', { excessMs: 401 }, 'paused'],
  ])('becomes suspect by %s, then what follows at the third measurement', (rule, changes, then) => {
    const suspect = `suspect by ${rule}`;
    expect(looks(3, changes)).toEqual([suspect, suspect, `${then} by ${rule}`]);
  });

  it('ends at once if the lag exceeds the limit by a heartbeat', () => {
    expect(looks(1, { lagMs: 2199 })).toEqual(['suspect by time']);
    expect(looks(1, { lagMs: 2200 })).toEqual(['stale by time']);
    serving();
    expect(looks(1, { excessMs: 600 })).toEqual(['paused by pause']);
  });

  it('names the disk as the rule if most of the lag is a local commit, and else the limit', () => {
    expect(looks(1, { lagMs: 2300, ownMs: 1150 })).toEqual(['stale by disk']);
    serving();
    expect(looks(1, { lagMs: 2300, ownMs: 1149 })).toEqual(['stale by time']);
    serving();
    expect(looks(1, { excessMs: 600, ownMs: 600, entries: 101 })).toEqual(['paused by disk']);
    expect(looks(2, { excessMs: 900, ownMs: 900, lagMs: 2300 })).toContain('stale by time');
    serving();
    expect(looks(3, { entries: 101, ownMs: 300 }).at(-1)).toBe('stale by entries');
  });

  it('becomes unknown if only entries are bounded and no peer has reported any for long', () => {
    serving({ pauseLagMs: undefined, staleAfter: { timeMs: undefined, entries: 100 } });
    expect(looks(1, { unheardMs: 3000 })).toEqual(['serving']);
    expect(looks(2, { unheardMs: 3001 })).toEqual(['unknown', 'unknown']);
    expect(looks(1)).toEqual(['serving']);
  });
});

describe('suspect', () => {
  it('becomes serving after a good measurement, and its count begins again', () => {
    looks(2, { lagMs: 2001 });
    expect(looks(1)).toEqual(['serving']);
    expect(looks(2, { lagMs: 2001 })).toEqual(['suspect by time', 'suspect by time']);
  });

  it('becomes stale, not paused, beyond both limits', () => {
    expect(looks(3, { lagMs: 2001, excessMs: 401 }).at(-1)).toBe('stale by time');
  });

  it('becomes catching-up as serving does', () => {
    looks(1, { lagMs: 2001 });
    expect(looks(1, { isCaughtUp: false })).toEqual(['catching-up']);
  });
});

describe('paused', () => {
  beforeEach(() => void looks(1, { excessMs: 1000 }));

  it('becomes stale beyond the harder limit, and keeps the time of that', () => {
    looks(1, { excessMs: 2200, lagMs: 2300 });
    expect(state()).toBe('stale by time');
    expect(health.of(NS)?.sinceMs).toBe(nowMs);
  });

  it('returns after a second within half of every limit', () => {
    expect(new Set(looks(20, { excessMs: 201 }))).toEqual(new Set(['paused by pause']));
    expect(looks(6, { excessMs: 200 })).toEqual([
      ...Array<string>(5).fill('paused by pause'),
      'serving',
    ]);
  });
});

describe('stale', () => {
  beforeEach(() => void looks(1, { lagMs: 5000 }));

  it('returns after a second within half of every limit, and not with the first good measurement', () => {
    expect(looks(5, { lagMs: 1000, entries: 50 })).not.toContain('serving');
    expect(looks(1, { lagMs: 1000, entries: 51 })).toEqual(['stale by time']);
    expect(looks(5)).not.toContain('serving');
    expect(looks(1)).toEqual(['serving']);
  });

  it('returns over a link so long that half of the limit is never reached', () => {
    expect(new Set(looks(20, { lagMs: 1900, excessMs: 700 }))).toEqual(new Set(['stale by time']));
    expect(looks(6, { lagMs: 1300, excessMs: 100 }).at(-1)).toBe('serving');
  });

  it.each([
    ['proof', { isProved: false }],
    ['all that others hold', { isCaughtUp: false }],
    ['a majority', { unheardMs: undefined }],
  ])('does not return without %s', (_what, changes) => {
    expect(new Set(looks(20, changes))).toEqual(new Set(['stale by time']));
    expect(looks(6).at(-1)).toBe('serving');
  });
});

describe('what is missing to return', () => {
  it('is the largest excess over half of a limit', () => {
    expect(missingMs(limits, fresh)).toBe(0);
    expect(missingMs(limits, { ...fresh, lagMs: 1500, excessMs: 900 })).toBe(700);
    const late = { ...fresh, lagMs: 1500, excessMs: 1500 };
    expect(missingMs({ ...limits, pauseLagMs: undefined }, late)).toBe(500);
  });

  it('is the excess over the midpoint of normal latency and limit, if the link is long', () => {
    const far = { ...limits, pauseLagMs: undefined };
    expect(missingMs(far, { ...fresh, lagMs: 1200, excessMs: 0 })).toBe(0);
    expect(missingMs(far, { ...fresh, lagMs: 1900, excessMs: 700 })).toBe(300);
    expect(missingMs(far, { ...fresh, lagMs: 5000, excessMs: 0 })).toBe(3000);
  });
});
