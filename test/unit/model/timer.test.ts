import { beforeEach, describe, expect, it } from 'vitest';
import { Timers } from '../../../src/model/timer.ts';

let timers: Timers;
beforeEach(() => {
  timers = new Timers();
});

describe('the timers', () => {
  it('are due with the first of them, each at its earliest time', () => {
    expect(timers.nextMs).toBe(Number.POSITIVE_INFINITY);
    timers.arm('read', 30);
    timers.arm('read', 50);
    timers.arm('write', 40);
    expect(timers.nextMs).toBe(30);
    expect(timers.dueMs('read')).toBe(30);
  });

  it('are due once, and have to be armed again', () => {
    timers.arm('read', 30);
    expect(timers.takeDue('read', 29)).toBe(false);
    expect(timers.takeDue('read', 30)).toBe(true);
    expect(timers.takeDue('read', 30)).toBe(false);
    timers.arm('read', 60);
    expect(timers.nextMs).toBe(60);
  });

  it('can be disarmed, and then armed for a later time', () => {
    timers.arm('grace', 30);
    timers.disarm('grace');
    timers.arm('grace', 90);
    expect(timers.nextMs).toBe(90);
  });

  it('have no effect once only others are due', () => {
    timers.arm('read', 10);
    timers.arm('write', 40);
    timers.keepOnly(['write', 'replay']);
    expect(timers.nextMs).toBe(40);
    timers.arm('heartbeat', 20);
    expect(timers.nextMs).toBe(40);
  });
});
