import { describe, expect, it } from 'vitest';
import { recordOf } from '../../../src/model/record.ts';
import { withWaiting } from '../../../src/store/waiting-version.ts';
import { mutation } from '../../support/build.ts';

const older = recordOf(mutation({ hlc: 1 }));
const newer = recordOf(mutation({ hlc: 2, seq: 2 }));
const cell = (record?: typeof older, damaged = false) => ({ record, lsn: 3, damaged });

describe('what a replica holds of a key', () => {
  it('is what it shows, if no version waits', () => {
    const shown = cell(older);
    expect(withWaiting(shown, undefined)).toBe(shown);
  });

  it.each([
    ['nothing is shown', undefined, older, older],
    ['an older record is shown', older, newer, newer],
    ['a newer record is shown', newer, older, newer],
  ])('is the newest version, if %s', (_, shown, record, expected) => {
    expect(withWaiting(cell(shown), { record, lsn: 2 })?.record).toBe(expected);
  });

  it.each([
    [2, 3],
    [5, 5],
  ])('is durable with the later of both batches: %i', (lsn, expected) => {
    expect(withWaiting(cell(older), { record: newer, lsn })?.lsn).toBe(expected);
  });

  it('is not known if versions wait that memory does not have', () => {
    expect(withWaiting(cell(older), 'unknown')).toBeUndefined();
  });

  it('is damaged if the shown record is', () => {
    const damaged = cell(undefined, true);
    expect(withWaiting(damaged, { record: newer, lsn: 2 })).toBe(damaged);
  });
});
