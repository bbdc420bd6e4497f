// Watches the room on the disk and says so before it is full: behind an append that the disk refused, LevelDB cannot be
// trusted any more (RELIABILITY S4, S5).
//
//   roomy -- available below the mark --> low -- available above the mark, a quarter and the reserve --> roomy
//
// Going low frees the reserve; coming back makes it anew, and for that the way back is longer than the reserve is big.
// Room that cannot be measured changes nothing and is noted once.

import { statfs as nodeStatfs } from 'node:fs/promises';
import type { Trace } from '../model/port.ts';
import { reasonOf } from './data-error.ts';
import { makeReserve, releaseReserve } from './disk-reserve.ts';

export interface DiskRoom {
  /** What this process may still use. */
  readonly availableBytes: number;
  readonly totalBytes: number;
}

export interface DiskSpaceOptions {
  readonly folder: string;
  readonly reservePath: string;
  /** 0 keeps no reserve. */
  readonly reserveBytes?: number;
  readonly pollMs?: number;
  readonly onChange: (state: { readonly low: boolean }) => void;
  readonly note: Trace['note'];
  readonly measure?: (folder: string) => Promise<DiskRoom>;
}

const MIB = 1024 * 1024;
const MARK_SHARE = 0.05;
const MARK_BYTES_MIN = 64 * MIB;
const RESERVE_BYTES = 16 * MIB;
const POLL_MS = 1000;

/** Below this the disk counts as full. */
export function lowWaterMark(totalBytes: number): number {
  return Math.max(totalBytes * MARK_SHARE, MARK_BYTES_MIN);
}

export class DiskSpace {
  readonly #options: Required<DiskSpaceOptions>;
  #room: DiskRoom | undefined;
  #state: 'roomy' | 'low' = 'roomy';
  #isBlind = false;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: DiskSpaceOptions) {
    this.#options = {
      reserveBytes: RESERVE_BYTES,
      pollMs: POLL_MS,
      measure: measureDisk,
      ...options,
    };
  }

  get low(): boolean {
    return this.#state === 'low';
  }

  /** As last measured; `undefined` before, and while it cannot be measured. */
  get room(): DiskRoom | undefined {
    return this.#room;
  }

  /** Measures at once, then at intervals. */
  async start(): Promise<void> {
    await this.check();
    if (this.#state === 'roomy') await this.#makeReserve();
    this.#poll();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async check(): Promise<void> {
    const room = await this.#measure();
    if (room === undefined) return;
    const mark = lowWaterMark(room.totalBytes);
    const markBack = mark * 1.25 + this.#options.reserveBytes;
    if (this.#state === 'roomy' && room.availableBytes < mark) await this.#becomeLow(room);
    else if (this.#state === 'low' && room.availableBytes >= markBack) await this.#recover(room);
  }

  // roomy -> low
  async #becomeLow(room: DiskRoom): Promise<void> {
    this.#state = 'low';
    this.#options.onChange({ low: true });
    this.#options.note('error', 'disk-low', { ...room });
    await this.#attempt('reserve-kept', () => releaseReserve(this.#options.reservePath));
  }

  // low -> roomy
  async #recover(room: DiskRoom): Promise<void> {
    await this.#makeReserve();
    this.#state = 'roomy';
    this.#options.onChange({ low: false });
    this.#options.note('info', 'disk-recovered', { ...room });
  }

  async #makeReserve(): Promise<void> {
    const { reservePath, reserveBytes } = this.#options;
    if (reserveBytes === 0) return;
    await this.#attempt('reserve-missing', () => makeReserve(reservePath, reserveBytes));
  }

  async #measure(): Promise<DiskRoom | undefined> {
    const { measure, folder } = this.#options;
    let room: DiskRoom | undefined;
    const run = async (): Promise<void> => {
      room = await measure(folder);
    };
    const isMeasured = await this.#attempt('disk-not-measured', run, this.#isBlind);
    this.#isBlind = !isMeasured;
    this.#room = room;
    return room;
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
    this.#timer = setTimeout(() => {
      void this.check().then(() => this.#poll());
    }, this.#options.pollMs);
    this.#timer.unref();
  }
}

async function measureDisk(folder: string): Promise<DiskRoom> {
  const { bavail, blocks, bsize } = await nodeStatfs(folder);
  return { availableBytes: bavail * bsize, totalBytes: blocks * bsize };
}
