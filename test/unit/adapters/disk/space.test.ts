import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { lowWaterMark } from '../../../../src/adapters/disk/mark.ts';
import { DiskSpace, type DiskSpaceOptions } from '../../../../src/adapters/disk/space.ts';
import type { DiskRoom } from '../../../../src/model/disk.ts';
import { temporaryFolder } from './temporary-folder.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const TOTAL = 10 * GIB;
const MARK = lowWaterMark({ totalBytes: TOTAL, availableBytes: GIB, storedBytes: GIB });
const RUNNING = 3 * MIB + 5;
const START = MIB;
const NEVER_MS = 2 ** 30;
const BACK = MARK * 1.25 + RUNNING + START;

describe('the watch on the disk', () => {
  it('reports how much may be written, and keeps its reserves', async () => {
    const { disk, looks, running, start } = setUp(MARK);
    await disk.start();
    expect(looks).toEqual([
      { low: false, putBytes: 0, peerBytes: 16 * MIB, deleteBytes: MARK - 4 * MIB },
    ]);
    expect(disk.low).toBe(false);
    expect(disk.markBytes).toBe(MARK);
    expect(disk.room).toEqual({ availableBytes: MARK, totalBytes: TOTAL, storedBytes: GIB });
    const { size, blocks, mode } = statSync(running);
    expect(size).toBe(RUNNING);
    expect(blocks * 512).toBeGreaterThanOrEqual(RUNNING);
    expect(mode & 0o777).toBe(0o600);
    expect(statSync(start).size).toBe(START);
  });

  it('takes no more than a share of a small volume for the reserves', async () => {
    const room = { availableBytes: 8 * MIB, totalBytes: 8 * MIB, storedBytes: 0 };
    const { disk, running } = setUp(0, { measure: () => Promise.resolve(room) });
    await disk.start();
    expect(statSync(running).size).toBe(MIB);
  });

  it('reports a low disk at the start, and then creates no reserves', async () => {
    const { disk, looks, notes, running } = setUp(MARK - 1);
    await disk.start();
    expect(looks).toMatchObject([{ low: true, putBytes: 0 }]);
    expect(notes).toEqual(['disk-low']);
    expect(existsSync(running)).toBe(false);
  });

  it('reports a disk below the mark once, and keeps its reserves', async () => {
    const { disk, notes, room, running } = setUp(MARK);
    await disk.start();
    room.availableBytes = MARK - 1;
    await disk.check();
    await disk.check();
    expect(notes).toEqual(['disk-low']);
    expect(disk.low).toBe(true);
    expect(existsSync(running)).toBe(true);
  });

  it('frees one reserve if another program fills the disk, and keeps the other one for a start', async () => {
    const { disk, room, running, start } = setUp(MARK);
    await disk.start();
    room.availableBytes = 8 * MIB - 1;
    await disk.check();
    expect(existsSync(running)).toBe(false);
    expect(existsSync(start)).toBe(true);
  });

  it('does not take a little free room for the end of the shortage', async () => {
    const { disk, looks, room } = setUp(MARK - 1);
    await disk.start();
    for (const availableBytes of [MARK + RUNNING, BACK - 1]) {
      room.availableBytes = availableBytes;
      await disk.check();
    }
    expect(looks.map(({ low }) => low)).toEqual([true, true, true]);
  });

  it('ends the shortage when enough room is free, and creates its reserves again', async () => {
    const { disk, looks, notes, room, running, start } = setUp(MARK - 1);
    await disk.start();
    room.availableBytes = BACK;
    await disk.check();
    expect(looks.map(({ low }) => low)).toEqual([true, false]);
    expect(notes).toEqual(['disk-low', 'disk-recovered']);
    expect(statSync(running).size).toBe(RUNNING);
    expect(statSync(start).size).toBe(START);
  });

  it('merges what was deleted from time to time while the disk is low', async () => {
    let reclaimed = 0;
    const reclaim = () => Promise.resolve(++reclaimed === 1);
    const { disk, notes } = setUp(MARK - 1, { reclaim });
    await disk.start();
    for (let look = 2; look < 100; look++) await disk.check();
    expect(reclaimed).toBe(0);
    for (let look = 100; look <= 300; look++) await disk.check();
    expect(reclaimed).toBe(3);
    expect(notes).toEqual(['disk-low', 'disk-reclaimed']);
  });

  it('creates a reserve again that has the wrong size', async () => {
    const { disk, running } = setUp(MARK);
    writeFileSync(running, 'too small');
    await disk.start();
    expect(statSync(running).size).toBe(RUNNING);
  });

  it('keeps its last result while it cannot measure, and reports that once', async () => {
    const failing = { error: undefined as Error | undefined };
    const room = { availableBytes: MARK - 1, totalBytes: TOTAL, storedBytes: GIB };
    const measure = () =>
      failing.error === undefined ? Promise.resolve(room) : Promise.reject(failing.error);
    const { disk, looks, notes } = setUp(MARK, { measure });
    await disk.start();
    failing.error = new Error('EIO');
    await disk.check();
    await disk.check();
    expect(disk.low).toBe(true);
    expect(disk.room).toBe(undefined);
    expect(looks).toHaveLength(1);
    expect(notes).toEqual(['disk-low', 'disk-not-measured']);
    failing.error = undefined;
    await disk.check();
    failing.error = new Error('EIO');
    await disk.check();
    expect(notes).toEqual(['disk-low', 'disk-not-measured', 'disk-not-measured']);
  });

  it('works without a reserve if none can be created', async () => {
    const path = join(temporaryFolder(), 'missing', 'reserve');
    const reserves = [{ path, bytes: RUNNING, isForRunning: true }];
    const { disk, notes } = setUp(MARK, { reserves });
    await disk.start();
    expect(notes).toEqual(['reserve-missing']);
    expect(disk.low).toBe(false);
  });

  it('measures the real disk', async () => {
    const disk = new DiskSpace({
      folder: temporaryFolder(),
      reserves: [],
      onLook: () => {},
      note: () => {},
    });
    await disk.check();
    expect(disk.room?.availableBytes).toBeGreaterThan(0);
    expect(disk.room?.totalBytes).toBeGreaterThanOrEqual(disk.room?.availableBytes ?? Infinity);
  });
});

function setUp(availableBytes: number, options: Partial<DiskSpaceOptions> = {}) {
  const folder = temporaryFolder();
  const running = join(folder, 'reserve');
  const start = join(folder, 'reserve-start');
  const room = { availableBytes, totalBytes: TOTAL, storedBytes: GIB };
  const looks: DiskRoom[] = [];
  const notes: string[] = [];
  const disk = new DiskSpace({
    folder,
    pollMs: NEVER_MS,
    reserves: [
      { path: running, bytes: RUNNING, isForRunning: true },
      { path: start, bytes: START, isForRunning: false },
    ],
    onLook: (look) => looks.push(look),
    note: (_level, event) => notes.push(event),
    measure: () => Promise.resolve({ ...room }),
    ...options,
  });
  onTestFinished(() => disk.stop());
  return { disk, running, start, room, looks, notes };
}
