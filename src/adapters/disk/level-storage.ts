// The Storage port over LevelDB. Point reads are synchronous and timed; commits go through the
// writer; ranges and clears run in libuv's pool.
//
// LevelDB verifies no checksums here, so a changed byte may lead to a wrong value or an absent key.
// The core's own checksums and chains find a wrong value; comparison with peers finds an absent
// key.

import { createHistogram } from '../../base/histogram.ts';
import type { RangeRequest, RangeResult } from '../../model/effect.ts';
import { type Batch, type PointRead, type Storage, UNREADABLE } from '../../model/port.ts';
import { reasonOf } from './data-error.ts';
import { compactAll, type Database, openDatabase } from './level-database.ts';
import { firstKey, readRange } from './level-range.ts';
import { type Done, LevelWriter } from './level-writer.ts';

export interface LevelStorageOptions {
  /** Owns a database that `createDatabase` has made. */
  readonly folder: string;
  /** False gives up durability, for a benchmark: a power cut then loses acknowledged commits. */
  readonly sync?: boolean;
}

const GET_SECONDS_BUCKETS = [
  0.000001, 0.0000025, 0.000005, 0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.001, 0.01, 0.1,
];

/** Throws a `DataError`. */
export async function openLevelStorage(options: LevelStorageOptions): Promise<LevelStorage> {
  const database = await openDatabase(options.folder);
  return new LevelStorage(database, options.sync ?? true);
}

export class LevelStorage implements Storage {
  /** Durations of point reads, in seconds. */
  readonly getSeconds = createHistogram(GET_SECONDS_BUCKETS);
  readonly #database: Database;
  readonly #writer: LevelWriter;
  #unreadable = 0;
  #commits = 0;
  #commitsReclaimed = 0;

  constructor(database: Database, sync: boolean) {
    this.#database = database;
    this.#writer = new LevelWriter(database, sync);
  }

  /**
   * Merges all tables, so that the space of deleted entries becomes free; false if nothing was
   * written since the last merge.
   */
  async reclaim(): Promise<boolean> {
    if (this.#commits === this.#commitsReclaimed || this.failure !== undefined) return false;
    this.#commitsReclaimed = this.#commits;
    await compactAll(this.#database);
    return true;
  }

  /** Point reads that failed. */
  get unreadable(): number {
    return this.#unreadable;
  }

  /** Why the storage accepts no more writes; `undefined` while it does. */
  get failure(): string | undefined {
    return this.#writer.failure;
  }

  get(key: Uint8Array): PointRead {
    const began = performance.now();
    const value = this.#read(key);
    this.getSeconds.observe((performance.now() - began) / 1000);
    return value;
  }

  commit(batch: Batch, done: Done): void {
    this.#commits++;
    this.#writer.commit(batch, done);
  }

  range(request: RangeRequest, done: (result: RangeResult) => void): void {
    void this.#range(request, done);
  }

  clear(from: Uint8Array, to: Uint8Array, done: Done): void {
    void this.#clear(from, to, done);
  }

  /** Waits for the write in progress. Later reads report `UNREADABLE`, later commits fail. */
  async close(): Promise<void> {
    this.#writer.close();
    await this.#database.close();
  }

  #read(key: Uint8Array): PointRead {
    try {
      return this.#database.getSync(key);
    } catch {
      this.#unreadable++;
      return UNREADABLE;
    }
  }

  // An exception from `done` is a bug and is not caught here: the process ends.
  async #range(request: RangeRequest, done: (result: RangeResult) => void): Promise<void> {
    done(await readRange(this.#database, request));
  }

  async #clear(from: Uint8Array, to: Uint8Array, done: Done): Promise<void> {
    done(await this.#clearAll(from, to));
  }

  // Each piece starts at the first key that the one before found, so none scans all deleted
  // entries.
  async #clearAll(from: Uint8Array, to: Uint8Array): Promise<string | undefined> {
    try {
      let first = await firstKey(this.#database, from, to);
      while (first !== undefined) {
        const failure = await this.#clearPiece(first, to);
        if (failure !== undefined) return failure;
        first = await firstKey(this.#database, first, to);
      }
      return this.failure;
    } catch (error) {
      return reasonOf(error);
    }
  }

  #clearPiece(from: Uint8Array, to: Uint8Array): Promise<string | undefined> {
    return new Promise((resolve) => this.#writer.clearPiece(from, to, resolve));
  }
}
