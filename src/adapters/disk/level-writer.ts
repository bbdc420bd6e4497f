// The only writer of a LevelDB database: one write at a time, and none after a failure.
//
//  free -> writing -> free | poisoned
//
// (1) A batch is one chained LevelDB batch and one synced write: all of it is durable or none.
// (2) After a failed write every later one fails with the same reason. LevelDB itself would
//     continue: after an append that the disk refused it acknowledges writes that are gone after a
//     restart (docs/storage.md).
// (3) Clears alternate with commits and never run beside them, so a failed clear is known before
//     the next commit. The pieces of a clear are small and not synced: no record refers to a
//     cleared key.

import { assert } from '../../base/assert.ts';
import { createRing } from '../../base/ring.ts';
import type { Batch } from '../../model/port.ts';
import { reasonOf } from './data-error.ts';
import type { Database } from './level-database.ts';

export type Done = (failure: string | undefined) => void;

/** Keys deleted in one piece of a clear, between two commits. */
const CLEAR_KEYS = 512;

interface Job {
  readonly write: () => Promise<void>;
  readonly done: Done;
}

export class LevelWriter {
  readonly #database: Database;
  readonly #writeOptions: { readonly sync: boolean };
  /** The commit that waits or is in progress; there is at most one. */
  #commit: Job | undefined;
  /** Pieces of clears that wait; at most one for each clear. */
  readonly #clears = createRing<Job>(4);
  #isWriting = false;
  #failure: string | undefined;

  constructor(database: Database, sync: boolean) {
    this.#database = database;
    this.#writeOptions = { sync };
  }

  /** Why the storage accepts no more writes; `undefined` while it does. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Copies the batch before it returns. */
  commit({ keys, values }: Batch, done: Done): void {
    assert(this.#commit === undefined, 'storage: one commit at a time');
    assert(keys.length === values.length, 'storage: a value or undefined for each key');
    if (this.#failure !== undefined) {
      this.#refuse(done);
      return;
    }
    const batch = this.#database.batch();
    for (let i = 0; i < keys.length; i++) {
      const value = values[i];
      if (value === undefined) batch.del(keys[i] as Uint8Array);
      else batch.put(keys[i] as Uint8Array, value);
    }
    this.#commit = { write: () => batch.write(this.#writeOptions), done };
    this.#next();
  }

  /** Deletes up to CLEAR_KEYS keys of [from, to). */
  clearPiece(from: Uint8Array, to: Uint8Array, done: Done): void {
    if (this.#failure !== undefined) {
      this.#refuse(done);
      return;
    }
    const range = { gte: from, lt: to, limit: CLEAR_KEYS };
    this.#clears.push({ write: () => this.#database.clear(range), done });
    this.#next();
  }

  /** Accepts no more writes; the write in progress ends normally. */
  close(): void {
    this.#failure ??= 'the storage is closed';
  }

  // free -> writing
  #next(): void {
    if (this.#isWriting || this.#failure !== undefined) return;
    const job = this.#commit ?? this.#clears.shift();
    if (job === undefined) return;
    this.#isWriting = true;
    job.write().then(
      () => this.#finish(job, undefined),
      (error: unknown) => this.#finish(job, reasonOf(error)),
    );
  }

  // writing -> free | poisoned
  #finish(job: Job, failure: string | undefined): void {
    assert(this.#isWriting, 'storage: finished a write that had not begun');
    this.#isWriting = false;
    this.#failure ??= failure;
    if (job === this.#commit) this.#commit = undefined;
    // Starts the next write before the owner can commit again, so that a waiting clear is not
    // passed over.
    this.#next();
    job.done(failure);
    if (this.#failure !== undefined) this.#refuseAll();
  }

  #refuseAll(): void {
    const commit = this.#commit;
    this.#commit = undefined;
    if (commit !== undefined) this.#refuse(commit.done);
    for (let job = this.#clears.shift(); job !== undefined; job = this.#clears.shift()) {
      this.#refuse(job.done);
    }
  }

  #refuse(done: Done): void {
    const failure = this.#failure;
    setImmediate(() => done(failure));
  }
}
