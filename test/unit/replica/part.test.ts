import { describe, expect, it } from 'vitest';
import { ORDER, type PartName } from '../../../src/replica/part.ts';

/** Each before the other, for the reason that part.ts gives. */
const PAIRS: readonly (readonly [first: PartName, then: PartName])[] = [
  ['intake', 'heartbeats'],
  ['admission', 'heartbeats'],
  ['heartbeats', 'exchange'],
  ['heartbeats', 'resync'],
  ['resync', 'reads'],
  ['reads', 'parked'],
  ['reads', 'writes'],
  ['lists', 'writes'],
  ['writes', 'streams'],
  ['streams', 'staleness'],
  ['staleness', 'antiEntropy'],
  ['forwards', 'antiEntropy'],
  ['antiEntropy', 'truncation'],
  ['tombstones', 'scrub'],
];

describe('the order of the parts', () => {
  it.each(PAIRS)('has %s before %s', (first, then) => {
    expect(ORDER.indexOf(first)).toBeLessThan(ORDER.indexOf(then));
  });

  it('has each part once', () => {
    expect(new Set(ORDER).size).toBe(ORDER.length);
  });
});
