import { describe, expect, it } from 'vitest';
import { lowWaterMark, roomOf } from '../../../../src/adapters/disk/mark.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const TIB = 1024 * GIB;

describe('the low-water mark', () => {
  it.each([
    ['4 TiB with 150 GB free', 4 * TIB, 150e9, 288 * MIB],
    ['100 GiB that are half full', 100 * GIB, 50 * GIB, 288 * MIB],
    ['1 GiB, empty', GIB, GIB, 64 * MIB],
    ['1 GiB, half full', GIB, GIB / 2, 288 * MIB],
    ['400 MiB, of which 100 are used', 400 * MIB, 300 * MIB, 132 * MIB],
    ['200 MiB, empty', 200 * MIB, 200 * MIB, 64 * MIB],
    ['90 MiB, empty', 90 * MIB, 90 * MIB, 30 * MIB],
    ['9 MiB, empty', 9 * MIB, 9 * MIB, 3 * MIB],
  ])('of %s covers what is written there and merged', (_what, totalBytes, availableBytes, mark) => {
    const storedBytes = totalBytes - availableBytes;
    expect(lowWaterMark({ totalBytes, availableBytes, storedBytes })).toBe(mark);
  });

  it('does not depend on what other programs store on the same disk', () => {
    const use = { totalBytes: 200 * MIB, availableBytes: 70 * MIB, storedBytes: MIB };
    expect(lowWaterMark(use)).toBe(64 * MIB);
  });

  it.each([9, 90, 200, 400, 1024, 10_000])(
    'leaves room for data on a volume of %i MiB, and room to merge all of it',
    (mib) => {
      const totalBytes = mib * MIB;
      let availableBytes = totalBytes;
      while (
        availableBytes >=
        lowWaterMark({ totalBytes, availableBytes, storedBytes: totalBytes - availableBytes })
      )
        availableBytes -= MIB;
      const usedBytes = totalBytes - availableBytes;
      expect(usedBytes).toBeGreaterThan(totalBytes * 0.3);
      expect(availableBytes).toBeGreaterThan(Math.min(usedBytes, 256 * MIB) * 0.99);
    },
  );
});

describe('the room until the next measurement', () => {
  it('ends for values at the mark, a little later for entries of peers, and last for deletes', () => {
    const totalBytes = GIB;
    const at = (availableMib: number, low = false) =>
      roomOf({ totalBytes, availableBytes: availableMib * MIB, storedBytes: GIB }, low);
    expect(at(300)).toEqual({
      low: false,
      putBytes: 12 * MIB,
      peerBytes: 28 * MIB,
      deleteBytes: 296 * MIB,
    });
    expect(at(280)).toMatchObject({ putBytes: 0, peerBytes: 8 * MIB, deleteBytes: 276 * MIB });
    expect(at(100)).toMatchObject({ putBytes: 0, peerBytes: 0, deleteBytes: 96 * MIB });
    expect(at(3)).toMatchObject({ putBytes: 0, peerBytes: 0, deleteBytes: 0 });
    expect(at(300, true)).toMatchObject({ low: true, putBytes: 0, peerBytes: 28 * MIB });
  });
});
