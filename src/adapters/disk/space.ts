// Measures the free room on the disk once a second, and ten times a second when little is left.
// Each measurement decides how much may be written until the next one: after an append that the
// disk refused, LevelDB can no longer be trusted (rules S4, S5).
//
//  roomy -- available below the mark --> low
//  low   -- available above the mark, a quarter and the reserves --> roomy
//
// Two reserves are made while there is room. The first is released while the disk is low and
// another program takes the rest, so that deletes are still accepted. The second is released only
// at a start, because LevelDB cannot be opened on a full disk. Both are created again on the way
// back to `roomy`; for that reason the distance between the two thresholds is larger than the
// reserves.
//
// While the disk is low, the space of deletes and truncated logs becomes free only when LevelDB
// merges its tables, and it merges when tables are written. So `reclaim` requests a merge when
// nothing is written. If the room cannot be measured, nothing changes and one note is written.

import { readdir, stat, statfs as nodeStatfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { DiskRoom } from '../../model/disk.ts';
import type { Trace } from '../../model/port.ts';
import { reasonOf } from './data-error.ts';
import { COMPACTION_BYTES_MAX, type DiskUse, lowWaterMark, roomOf } from './mark.ts';
import { databasePath, type Reserve } from './data-place.ts';
import { makeReserve, releaseReserve } from './reserve.ts';

export interface DiskSpaceOptions {
  readonly folder: string;
  readonly reserves: readonly Reserve[];
  readonly pollMs?: number;
  readonly onLook: (room: DiskRoom) => void;
  /** Frees the space of deleted entries; false if nothing was deleted since the last call. */
  readonly reclaim?: () => Promise<boolean>;
  readonly note: Trace['note'];
  readonly measure?: (folder: string) => Promise<DiskUse>;
}

const MIB = 1024 * 1024;
const POLL_MS = 1000;
/** The interval of measurements when little may still be written. */
const HASTE = 10;
const LITTLE_BYTES = 512 * MIB;
/** With less free space than this, the first reserve is released. */
const EMERGENCY_BYTES = 8 * MIB;
const RESERVE_SHARE_MAX = 1 / 8;
/**
 * How many measurements of a low disk lie between two merges, so that LevelDB's own merges have
 * ended.
 */
const LOOKS_BETWEEN_RECLAIMS = 100;

export class DiskSpace {
  readonly #options: Required<DiskSpaceOptions>;
  #use: DiskUse | undefined;
  #state: 'roomy' | 'low' = 'roomy';
  #room: DiskRoom | undefined;
  #isBlind = false;
  #hasGivenUp = false;
  #looksWhileLow = 0;
  #isReclaiming = false;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: DiskSpaceOptions) {
    this.#options = {
      pollMs: POLL_MS,
      measure: measureDisk,
      reclaim: () => Promise.resolve(false),
      ...options,
    };
  }

  get low(): boolean {
    return this.#state === 'low';
  }

  /** The last measurement; `undefined` before the first and while the room cannot be measured. */
  get room(): DiskUse | undefined {
    return this.#use;
  }

  /** With less free space than this the disk is low, by the last measurement. */
  get markBytes(): number | undefined {
    return this.#use === undefined ? undefined : lowWaterMark(this.#use);
  }

  /** Measures at once, then at intervals. */
  async start(): Promise<void> {
    await this.check();
    if (this.#state === 'roomy') await this.#makeReserves();
    this.#poll();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async check(): Promise<void> {
    const use = await this.#measure();
    if (use === undefined) return;
    const mark = lowWaterMark(use);
    if (this.#state === 'roomy' && use.availableBytes < mark) this.#becomeLow(use);
    else if (this.#state === 'low' && use.availableBytes >= this.#markBack(use))
      await this.#recover(use);
    this.#room = roomOf(use, this.low);
    this.#options.onLook(this.#room);
    if (this.low) await this.#relieve(use);
  }

  // roomy -> low
  #becomeLow(use: DiskUse): void {
    this.#state = 'low';
    this.#looksWhileLow = 0;
    this.#options.note('error', 'disk-low', { ...use, markBytes: lowWaterMark(use) });
  }

  // low -> roomy
  async #recover(use: DiskUse): Promise<void> {
    await this.#makeReserves();
    this.#state = 'roomy';
    this.#hasGivenUp = false;
    this.#options.note('info', 'disk-recovered', { ...use });
  }

  #markBack(use: DiskUse): number {
    const missing = this.#reserves(use).reduce((sum, { bytes }) => sum + bytes, 0);
    return lowWaterMark(use) * 1.25 + missing;
  }

  async #relieve({ availableBytes }: DiskUse): Promise<void> {
    this.#looksWhileLow++;
    if (availableBytes < EMERGENCY_BYTES && !this.#hasGivenUp) {
      this.#hasGivenUp = true;
      for (const { path, isForRunning } of this.#options.reserves)
        if (isForRunning) await this.#attempt('reserve-kept', () => releaseReserve(path));
    } else if (this.#looksWhileLow % LOOKS_BETWEEN_RECLAIMS === 0 && !this.#isReclaiming) {
      this.#isReclaiming = true;
      void this.#reclaim().finally(() => (this.#isReclaiming = false));
    }
  }

  async #reclaim(): Promise<void> {
    const { reclaim, note } = this.#options;
    const run = async (): Promise<void> => {
      if (await reclaim()) note('info', 'disk-reclaimed', {});
    };
    await this.#attempt('disk-not-reclaimed', run);
  }

  #reserves({ totalBytes }: DiskUse): Reserve[] {
    const most = Math.floor(totalBytes * RESERVE_SHARE_MAX);
    return this.#options.reserves.map((reserve) => ({
      ...reserve,
      bytes: Math.min(reserve.bytes, most),
    }));
  }

  async #makeReserves(): Promise<void> {
    if (this.#use === undefined) return;
    for (const { path, bytes } of this.#reserves(this.#use))
      await this.#attempt('reserve-missing', () => makeReserve(path, bytes));
  }

  async #measure(): Promise<DiskUse | undefined> {
    const { measure, folder } = this.#options;
    let use: DiskUse | undefined;
    const run = async (): Promise<void> => {
      use = await measure(folder);
    };
    const isMeasured = await this.#attempt('disk-not-measured', run, this.#isBlind);
    this.#isBlind = !isMeasured;
    this.#use = use;
    return use;
  }

  async #attempt(event: string, run: () => Promise<void>, silently = false): Promise<boolean> {
    try {
      await run();
      return true;
    } catch (error) {
      if (!silently) this.#options.note('warn', event, { reason: reasonOf(error) });
      return false;
    }
  }

  #poll(): void {
    if (this.#isStopped) return;
    const { pollMs } = this.#options;
    const isNear = (this.#room?.putBytes ?? 0) < LITTLE_BYTES;
    this.#timer = setTimeout(
      () => {
        void this.check().then(() => this.#poll());
      },
      isNear ? pollMs / HASTE : pollMs,
    );
    this.#timer.unref();
  }
}

/** The room of the disk that holds the data directory. */
export async function measureDisk(folder: string): Promise<DiskUse> {
  const { bavail, blocks, bsize } = await nodeStatfs(folder);
  const availableBytes = bavail * bsize;
  const totalBytes = blocks * bsize;
  const usedBytes = Math.max(totalBytes - availableBytes, 0);
  const matters = availableBytes < LITTLE_BYTES && usedBytes > 0;
  const storedBytes = matters ? await sizeOf(databasePath(folder), usedBytes) : usedBytes;
  return { availableBytes, totalBytes, storedBytes };
}

/**
 * The bytes of the files in a folder; counting stops at the bound. `otherwise` if the folder cannot
 * be read.
 */
async function sizeOf(folder: string, otherwise: number): Promise<number> {
  let bytes = 0;
  try {
    for (const name of await readdir(folder)) {
      bytes += (await stat(join(folder, name)).catch(() => GONE)).size;
      if (bytes >= COMPACTION_BYTES_MAX) break;
    }
    return bytes;
  } catch {
    return otherwise;
  }
}

/** LevelDB may remove a file at any time. */
const GONE = { size: 0 };
