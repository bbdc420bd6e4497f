import { describe, expect, it } from 'vitest';
import {
  digestOf,
  dotsOf,
  encodedOf,
  expiryOf,
  isCoveredBy,
  isTombstone,
  latestOf,
  outlineOf,
  recordOf,
  shows,
  stampOf,
  versionsOf,
} from '../../../src/model/record.ts';
import { mutation, origin } from '../../support/build.ts';

const A = origin('a.1');
const put = mutation({ origin: A, seq: 3, hlc: 7 });
const lasting = recordOf(put);
const expiring = recordOf(mutation({ origin: A, seq: 4, expiresAtMs: 100 }));
const deleted = recordOf(mutation({ origin: A, seq: 5, operation: 'delete' }));

describe('a record of one mutation', () => {
  it('is that mutation, without a second encoding', () => {
    expect(latestOf(lasting)).toBe(put);
    expect(encodedOf(lasting)).toBe(put.bytes);
    expect(versionsOf(lasting)).toEqual([put]);
    expect(dotsOf(lasting)).toEqual([{ origin: A, seq: 3 }]);
    expect(stampOf(lasting)).toBe(7);
  });

  it('shows a value until its deadline, and none if it is a delete', () => {
    expect([shows(undefined, 0), shows(lasting, 1e15), shows(deleted, 0)]).toEqual([
      false,
      true,
      false,
    ]);
    expect([shows(expiring, 99), shows(expiring, 100)]).toEqual([true, false]);
    expect([lasting, expiring, deleted].map(expiryOf)).toEqual([0, 100, 0]);
    expect([lasting, expiring, deleted].map(isTombstone)).toEqual([false, false, true]);
  });

  it('is covered by a vector from its dot on', () => {
    expect(isCoveredBy(lasting, new Map([[A, 3]]))).toBe(true);
    expect(isCoveredBy(lasting, new Map([[A, 2]]))).toBe(false);
    expect(isCoveredBy(lasting, new Map())).toBe(false);
  });

  it('has the digest of its outline, and none if it is a tombstone', () => {
    expect(digestOf(outlineOf(lasting))).toEqual(digestOf(lasting));
    expect(digestOf(lasting)).not.toEqual(digestOf(expiring));
    expect(digestOf(deleted)).toEqual([0, 0]);
  });
});
