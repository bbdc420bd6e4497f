// Admission under overload, on a virtual clock: a thread with one cost for serving a request, and
// another for refusing it.

import { beforeEach, describe, expect, it } from 'vitest';
import { Admission } from '../../../src/http/guard/admission.ts';

const SERVE_MS = 0.15;
/** The costs with Node's HTTP server, and on the fast path. */
const REFUSE_MS = { slow: 0.05, fast: 0.015 };
const CAPACITY = 1000 / SERVE_MS;
/** A write takes this many turns: read, written, acknowledged. */
const STAGES = 3;
const TURN_MS_MIN = 0.1;

let admission: Admission;
let nowMs: number;
let activeMs: number;
let idleMs: number;
beforeEach(() => {
  nowMs = activeMs = idleMs = 0;
  admission = new Admission(() => {
    const work = { activeMs, idleMs };
    activeMs = idleMs = 0;
    return work;
  });
});

interface Run {
  readonly doneMs: number[];
  readonly refusedMs: number[];
}

interface Step {
  readonly atMs: number;
  readonly sinceMs: number;
  readonly stage: number;
}

/**
 * `rate` requests a second arrive for this long; each waits `awayMs` in addition, which costs
 * nothing.
 */
function load(rate: number, seconds: number, awayMs = 0, refuseMs = REFUSE_MS.slow): Run {
  const run: Run = { doneMs: [], refusedMs: [] };
  const begunMs = nowMs;
  const endMs = nowMs + seconds * 1000;
  let asked = 0;
  let due: Step[] = [];
  // Until every request is answered.
  while (nowMs < endMs || due.length > 0) {
    let spentMs = 0;
    const later: Step[] = [];
    for (const step of due) {
      if (step.atMs > nowMs) {
        later.push(step);
        continue;
      }
      spentMs += SERVE_MS / STAGES;
      if (step.stage < STAGES) {
        later.push({
          atMs: nowMs + spentMs + awayMs,
          sinceMs: step.sinceMs,
          stage: step.stage + 1,
        });
        continue;
      }
      run.doneMs.push(nowMs + spentMs - step.sinceMs);
      admission.leave();
    }
    due = later;
    for (; asked < ((Math.min(nowMs, endMs) - begunMs) / 1000) * rate; asked++) {
      const sinceMs = begunMs + (asked / rate) * 1000;
      if (admission.hasRoom) {
        admission.enter();
        spentMs += SERVE_MS / STAGES;
        due.push({ atMs: nowMs + spentMs + awayMs, sinceMs, stage: 2 });
      } else {
        admission.refuse();
        spentMs += refuseMs;
        run.refusedMs.push(nowMs + spentMs - sinceMs);
      }
    }
    activeMs += spentMs;
    idleMs += Math.max(TURN_MS_MIN - spentMs, 0);
    nowMs += Math.max(spentMs, TURN_MS_MIN);
    admission.onTurn(nowMs);
  }
  for (const list of [run.doneMs, run.refusedMs]) list.sort((a, b) => a - b);
  return run;
}

const at = (list: readonly number[], share: number) => list[Math.floor(list.length * share)] ?? 0;

describe('a replica that is asked for more than it can serve', () => {
  it('changes nothing for a load that it can serve', () => {
    for (const share of [0.1, 0.5, 0.9]) {
      const { refusedMs } = load(share * CAPACITY, 2);
      expect([share, refusedMs.length]).toEqual([share, 0]);
    }
  });

  // The requests that may be before it, in a thread that also refuses.
  it.each([
    [2, 'slow', 500, 200],
    [3, 'slow', 500, 200],
    [2, 'fast', 100, 100],
    [3, 'fast', 100, 100],
    [5, 'fast', 100, 100],
  ] as const)(
    'at %i times its capacity, with %s refusals, serves what refusing leaves, in bounded time',
    (times, refusals, queueMs, moreMs) => {
      const refuseMs = REFUSE_MS[refusals];
      load(times * CAPACITY, 1, 0, refuseMs);
      const { doneMs, refusedMs } = load(times * CAPACITY, 4, 0, refuseMs);
      const possible = (1 - (times * refuseMs) / SERVE_MS) / (1 - refuseMs / SERVE_MS);
      expect(doneMs.length / 4 / CAPACITY).toBeGreaterThan(0.85 * possible);
      expect(at(doneMs, 0.99)).toBeLessThan(queueMs / Math.max(possible, 0.2) + moreMs);
      expect(refusedMs.length).toBeGreaterThan(0);
    },
  );

  it('is as before once the load falls', () => {
    const before = load(0.5 * CAPACITY, 2);
    load(3 * CAPACITY, 5);
    load(0.5 * CAPACITY, 1);
    const after = load(0.5 * CAPACITY, 2);
    expect(after.refusedMs).toEqual([]);
    expect(at(after.doneMs, 0.99)).toBeLessThan(2 * at(before.doneMs, 0.99) + 5);
  });

  it('accepts any number of requests that wait for a far region', () => {
    const { refusedMs } = load(0.8 * CAPACITY, 1.5, 200);
    expect(refusedMs).toEqual([]);
    expect(admission.limit).toBeGreaterThan(640);
  });

  it('measures how long a request has to wait, and nothing while it is idle at times', () => {
    load(0.5 * CAPACITY, 1);
    expect(admission.waitMs).toBe(0);
    for (let n = 0; n < 600; n++) admission.enter();
    for (let n = 0; n < 20; n++) {
      for (let done = 0; done < 600; done++) admission.leave();
      for (let done = 0; done < 600; done++) admission.enter();
      activeMs += 100;
      admission.onTurn((nowMs += 100));
    }
    // 6 in a millisecond.
    expect(admission.waitMs).toBeCloseTo(100, 0);
  });

  it('does not count the time for refusals as service time', () => {
    const interval = (answered: number, refused: number): number => {
      for (let n = 0; n < answered; n++) admission.enter();
      for (let n = 0; n < answered; n++) admission.leave();
      for (let n = 0; n < refused; n++) admission.refuse();
      activeMs += 100;
      admission.onTurn((nowMs += 100));
      return admission.limit;
    };
    for (let n = 0; n < 20; n++) interval(6000, 0);
    const before = admission.limit;
    expect(before).toBeGreaterThan(2360);
    for (let n = 0; n < 20; n++) expect(interval(3000, 10_000)).toBe(before);
    // Without refusals a slower thread is noticed.
    for (let n = 0; n < 20; n++) interval(3000, 100);
    expect(admission.limit).toBeLessThan(1280);
  });
});
