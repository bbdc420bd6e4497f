import { beforeEach, describe, expect, it } from 'vitest';
import { Comparisons } from '../../../src/entropy/comparisons.ts';
import type { RoundEnd } from '../../../src/entropy/tree-walk.ts';
import { EU, US } from '../../support/machine-room.ts';

const EVERY_MS = 30_000;
const UNKNOWN_AGAIN_MS = 5000;
const HASTE_MS = 2000;
const END_MS = 100_000;

let comparisons: Comparisons;
/** Later with each round. */
let wallMs = 7_000_000;

beforeEach(() => {
  comparisons = new Comparisons(EVERY_MS);
});

/** A round with eu-1 has ended. */
function end(result: RoundEnd['result'], says: Partial<RoundEnd> = {}, monoMs = END_MS): void {
  wallMs += 1000;
  const now = { wallMs, monoMs };
  comparisons.onEnd({ peer: EU, result, keys: 0, mended: 0, ...says }, now);
}

/** How long after the end of the round the peer is due. */
function dueAfterMs(peer = EU): number {
  for (const ms of [0, HASTE_MS, UNKNOWN_AGAIN_MS, EVERY_MS])
    if (comparisons.isDue(peer, END_MS + ms)) {
      expect(ms > 0 && comparisons.isDue(peer, END_MS + ms - 1)).toBe(false);
      return ms;
    }
  return Number.POSITIVE_INFINITY;
}

describe('a peer', () => {
  it('is due first, and when it connects', () => {
    expect(comparisons.isDue(EU, 0)).toBe(true);
    end('equal');
    expect(dueAfterMs()).toBe(EVERY_MS);
    comparisons.onConnected(EU);
    expect(dueAfterMs()).toBe(0);
  });

  it('is due sooner after a round without a result, within the usual interval', () => {
    end('unknown');
    expect(dueAfterMs()).toBe(UNKNOWN_AGAIN_MS);
    comparisons = new Comparisons(HASTE_MS);
    end('unknown');
    expect(dueAfterMs()).toBe(HASTE_MS);
  });

  it('is due at once after a round that repaired something, so that both are seen to be equal', () => {
    end('different', { keys: 3, mended: 2 });
    expect(dueAfterMs()).toBe(0);
    end('different', { keys: 3 });
    expect(dueAfterMs()).toBe(EVERY_MS);
  });

  it('is due soon after it reported a change from equal to different, or back', () => {
    end('equal');
    comparisons.onAsked(EU, true);
    expect(dueAfterMs()).toBe(EVERY_MS);
    comparisons.onAsked(EU, false);
    expect(dueAfterMs()).toBe(HASTE_MS);
    end('different');
    comparisons.onAsked(EU, false);
    expect(dueAfterMs()).toBe(EVERY_MS);
    comparisons.onAsked(EU, true);
    expect(dueAfterMs()).toBe(HASTE_MS);
  });

  it('is not due later because it asked', () => {
    end('different', { mended: 1 });
    comparisons.onAsked(EU, true);
    expect(dueAfterMs()).toBe(0);
  });

  it('is due on its own schedule', () => {
    end('equal');
    expect([dueAfterMs(), dueAfterMs(US)]).toEqual([EVERY_MS, 0]);
  });
});

describe('the result of the last round with a peer', () => {
  it('is unknown before the first', () => {
    expect(comparisons.with(EU)).toEqual({ result: 'unknown', equalAtMs: undefined });
    expect(comparisons.divergentKeys).toBeUndefined();
  });

  it('says when both were equal last', () => {
    end('equal');
    const equalAtMs = wallMs;
    expect(comparisons.with(EU)).toEqual({ result: 'equal', equalAtMs });
    end('different', { keys: 3 });
    expect(comparisons.with(EU)).toEqual({ result: 'different', equalAtMs });
    end('unknown');
    expect(comparisons.with(EU)).toEqual({ result: 'unknown', equalAtMs });
  });

  it('keeps the number of differing keys if it was unknown', () => {
    end('different', { keys: 3 });
    end('unknown');
    expect(comparisons.divergentKeys).toBe(3);
    end('equal');
    expect(comparisons.divergentKeys).toBe(0);
  });

  it('counts for the peer from which this replica differs most', () => {
    end('different', { keys: 3 });
    end('different', { keys: 5, peer: US });
    expect(comparisons.divergentKeys).toBe(5);
    end('equal', { peer: US });
    expect(comparisons.divergentKeys).toBe(3);
  });
});
