import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createSystemScheduler, systemClock } from '../../../src/adapters/system-clock.ts';

describe('the system scheduler', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'setImmediate'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const setUp = () => {
    const runs: string[] = [];
    const scheduler = createSystemScheduler();
    const arm = (delayMs: number, name = 'run'): void =>
      scheduler.arm(delayMs, () =>
        runs.push(`${name} ${Math.round(systemClock.monoMs() - begun)}`),
      );
    const begun = systemClock.monoMs();
    return { runs, arm, scheduler };
  };

  it('runs its task once, when the time has come', () => {
    const { runs, arm } = setUp();
    arm(50);
    vi.advanceTimersByTime(49);
    expect(runs).toEqual([]);
    vi.advanceTimersByTime(100);
    expect(runs).toEqual(['run 50']);
  });

  it('replaces what was armed before: earlier, later, and never', () => {
    const { runs, arm } = setUp();
    arm(50, 'first');
    arm(20, 'earlier');
    vi.advanceTimersByTime(100);
    arm(10, 'first');
    arm(30, 'later');
    vi.advanceTimersByTime(100);
    arm(10, 'first');
    arm(Number.POSITIVE_INFINITY);
    vi.advanceTimersByTime(1e6);
    expect(runs).toEqual(['earlier 20', 'later 130']);
  });

  it('can be armed again after it was armed for never', () => {
    const { runs, arm } = setUp();
    arm(Number.POSITIVE_INFINITY);
    arm(5);
    vi.advanceTimersByTime(10);
    expect(runs).toEqual(['run 5']);
  });

  it('can be armed again by the task that it runs', () => {
    const { runs, arm, scheduler } = setUp();
    scheduler.arm(10, () => arm(10, 'second'));
    vi.advanceTimersByTime(30);
    expect(runs).toEqual(['second 20']);
  });

  it('waits for longer than a timer of Node can', () => {
    const { runs, arm } = setUp();
    const month = 31 * 24 * 3600 * 1000;
    arm(month);
    vi.advanceTimersByTime(month - 1);
    expect(runs).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(runs).toEqual([`run ${month}`]);
  });

  it('does not run early if a timer of Node does', () => {
    let nowMs = 0;
    const runs: number[] = [];
    const clock = { wallMs: () => 0, monoMs: () => nowMs };
    createSystemScheduler(clock).arm(10, () => runs.push(nowMs));
    nowMs = 9.4;
    vi.advanceTimersByTime(10);
    expect(runs).toEqual([]);
    nowMs = 10.5;
    vi.advanceTimersByTime(1);
    expect(runs).toEqual([10.5]);
  });

  it('runs a task soon, but not at once', () => {
    const { runs, scheduler } = setUp();
    scheduler.soon(() => runs.push('soon'));
    expect(runs).toEqual([]);
    vi.runAllTimers();
    expect(runs).toEqual(['soon']);
  });
});
