import { describe, expect, it } from 'vitest';
import { ClockError } from '../../cluster/clock-error.ts';

describe('the error of a clock', () => {
  it('is what it was set to, for as long as it was', () => {
    const error = new ClockError();
    error.jump(5000, 100);
    error.jump(-6000, 200);
    error.set(0, 300);
    expect(error.mostMs(0, 50)).toBe(0);
    expect(error.mostMs(0, 150)).toBe(5000);
    expect(error.mostMs(250, 400)).toBe(1000);
    expect(error.mostMs(301, 400)).toBe(0);
  });

  it('grows while the clock runs at another rate, and then stays as it is', () => {
    const error = new ClockError();
    error.skew(-200, 1000);
    expect(error.mostMs(0, 2000)).toBe(200);
    error.jump(50, 2000);
    expect(error.mostMs(2000.5, 3000)).toBe(350);
    error.skew(0, 3000);
    expect(error.mostMs(3001, 9000)).toBe(350);
  });
});
