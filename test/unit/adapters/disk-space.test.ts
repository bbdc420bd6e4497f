import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  DiskSpace,
  type DiskSpaceOptions,
  lowWaterMark,
} from '../../../src/adapters/disk-space.ts';
import { temporaryFolder } from './temporary-folder.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const TOTAL = 10 * GIB;
const MARK = lowWaterMark(TOTAL);
const RESERVE = 3 * MIB + 5;

describe('the low-water mark', () => {
  it('is a twentieth of the disk, and never less than 64 MiB', () => {
    expect(lowWaterMark(100 * GIB)).toBe(5 * GIB);
    expect(lowWaterMark(100 * MIB)).toBe(64 * MIB);
  });
});

describe('the watch on the disk', () => {
  it('says nothing while there is room, and keeps a reserve', async () => {
    const { disk, said, reservePath } = setUp(MARK);
    await disk.start();
    expect(said).toEqual([]);
    expect(disk.low).toBe(false);
    expect(disk.room).toEqual({ availableBytes: MARK, totalBytes: TOTAL });
    const { size, blocks, mode } = statSync(reservePath);
    expect(size).toBe(RESERVE);
    expect(blocks * 512).toBeGreaterThanOrEqual(RESERVE);
    expect(mode & 0o777).toBe(0o600);
  });

  it('says it at the start when the disk is low already, and keeps no reserve', async () => {
    const { disk, said, reservePath } = setUp(MARK - 1);
    writeFileSync(reservePath, 'of an earlier life');
    await disk.start();
    expect(said).toEqual(['low']);
    expect(existsSync(reservePath)).toBe(false);
  });

  it('frees the reserve when the mark is crossed, once', async () => {
    const { disk, said, room, reservePath } = setUp(MARK);
    await disk.start();
    room.availableBytes = MARK - 1;
    await disk.check();
    await disk.check();
    expect(said).toEqual(['low']);
    expect(disk.low).toBe(true);
    expect(existsSync(reservePath)).toBe(false);
  });

  it('does not take the freed reserve, or a little room, for the end of the trouble', async () => {
    const { disk, said, room } = setUp(MARK - 1);
    await disk.start();
    for (const availableBytes of [MARK + RESERVE, MARK * 1.25 + RESERVE - 1]) {
      room.availableBytes = availableBytes;
      await disk.check();
    }
    expect(said).toEqual(['low']);
  });

  it('comes back with enough room, with a reserve', async () => {
    const { disk, said, room, reservePath } = setUp(MARK - 1);
    await disk.start();
    room.availableBytes = MARK * 1.25 + RESERVE;
    await disk.check();
    expect(said).toEqual(['low', 'roomy']);
    expect(statSync(reservePath).size).toBe(RESERVE);
  });

  it('makes a reserve anew that is not of the right size', async () => {
    const { disk, reservePath } = setUp(MARK);
    writeFileSync(reservePath, 'too small');
    await disk.start();
    expect(statSync(reservePath).size).toBe(RESERVE);
  });

  it('keeps none when it is told so', async () => {
    const { disk, reservePath } = setUp(MARK, { reserveBytes: 0 });
    await disk.start();
    expect(existsSync(reservePath)).toBe(false);
  });

  it('keeps its opinion while it cannot measure, and notes that once', async () => {
    const failing = { error: undefined as Error | undefined };
    const room = { availableBytes: MARK - 1, totalBytes: TOTAL };
    const measure = () =>
      failing.error === undefined ? Promise.resolve(room) : Promise.reject(failing.error);
    const { disk, said, notes } = setUp(MARK, { measure });
    await disk.start();
    failing.error = new Error('EIO');
    await disk.check();
    await disk.check();
    expect(disk.low).toBe(true);
    expect(disk.room).toBe(undefined);
    expect(said).toEqual(['low']);
    expect(notes).toEqual(['disk-low', 'disk-not-measured']);
    failing.error = undefined;
    await disk.check();
    failing.error = new Error('EIO');
    await disk.check();
    expect(notes).toEqual(['disk-low', 'disk-not-measured', 'disk-not-measured']);
  });

  it('goes on without a reserve where none can be made', async () => {
    const folder = temporaryFolder();
    const reservePath = join(folder, 'missing', 'reserve');
    const { disk, notes } = setUp(MARK, { reservePath });
    await disk.start();
    expect(notes).toEqual(['reserve-missing']);
    expect(disk.low).toBe(false);
  });

  it('measures the real disk', async () => {
    const folder = temporaryFolder();
    const reservePath = join(folder, 'reserve');
    const disk = new DiskSpace({
      folder,
      reservePath,
      reserveBytes: 0,
      onChange: () => {},
      note: () => {},
    });
    await disk.check();
    expect(disk.room?.availableBytes).toBeGreaterThan(0);
    expect(disk.room?.totalBytes).toBeGreaterThanOrEqual(disk.room?.availableBytes ?? Infinity);
  });
});

function setUp(availableBytes: number, options: Partial<DiskSpaceOptions> = {}) {
  const folder = temporaryFolder();
  const reservePath = join(folder, 'reserve');
  const room = { availableBytes, totalBytes: TOTAL };
  const said: string[] = [];
  const notes: string[] = [];
  const disk = new DiskSpace({
    folder,
    reservePath,
    reserveBytes: RESERVE,
    onChange: ({ low }) => said.push(low ? 'low' : 'roomy'),
    note: (_level, event) => notes.push(event),
    measure: () => Promise.resolve({ ...room }),
    ...options,
  });
  onTestFinished(() => disk.stop());
  return { disk, reservePath, room, said, notes };
}
