import { describe, expect, it } from 'vitest';
import { Health } from '../../../src/entropy/health.ts';
import { namespace } from '../../support/build.ts';

const NS = namespace('ns');
const limits = { namespace: NS, staleAfter: { timeMs: 2000, entries: 100 } };
const none = { ms: 0, entries: 0 };

function looks(
  health: Health,
  lag: { ms: number; entries: number },
  fromMs: number,
  count: number,
) {
  for (let at = 0; at < count; at++) health.look(lag, fromMs + 200 * at);
}

describe('the health of a namespace', () => {
  it('is not measured where no policy asks for it', () => {
    expect(new Health([{ namespace: NS, staleAfter: undefined }]).isIdle).toBe(true);
    expect(new Health([limits]).isIdle).toBe(false);
  });

  it('breaks by the rule that is exceeded, at the third look and not before', () => {
    const health = new Health([limits]);
    looks(health, { ms: 2001, entries: 0 }, 0, 2);
    expect(health.of(NS)).toBeUndefined();
    looks(health, { ms: 2001, entries: 0 }, 400, 1);
    expect(health.of(NS)).toEqual({ namespace: NS, rule: 'time', sinceMs: 400 });
    const other = new Health([limits]);
    looks(other, { ms: 0, entries: 101 }, 0, 3);
    expect(other.all()).toMatchObject([{ rule: 'entries' }]);
  });

  it('holds at the limit itself, and starts to count again after a good look', () => {
    const health = new Health([limits]);
    looks(health, { ms: 2000, entries: 100 }, 0, 10);
    looks(health, { ms: 2001, entries: 0 }, 2000, 2);
    looks(health, none, 2400, 1);
    looks(health, { ms: 2001, entries: 0 }, 2600, 2);
    expect(health.all()).toEqual([]);
  });

  it('returns only after a second within half of every limit', () => {
    const health = new Health([limits]);
    looks(health, { ms: 5000, entries: 0 }, 0, 3);
    looks(health, { ms: 1001, entries: 0 }, 600, 20);
    expect(health.of(NS)).toBeDefined();
    looks(health, { ms: 1000, entries: 50 }, 5000, 5);
    expect(health.of(NS)).toBeDefined();
    looks(health, { ms: 1000, entries: 51 }, 6000, 1);
    looks(health, none, 6200, 5);
    expect(health.of(NS)).toBeDefined();
    looks(health, none, 7200, 1);
    expect(health.of(NS)).toBeUndefined();
  });
});
