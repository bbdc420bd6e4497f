// The Storage port in virtual time: one incarnation of a replica on a disk that outlives it.
//
// It behaves like LevelDB where the port leaves a choice: a batch becomes visible with its
// completion, a failed batch is not visible but may be on the disk after a restart, a failure
// poisons every later commit, and a range shows the moment of its call. Faults and durations are
// set from outside, so a run depends on nothing but its seed.

import { assert } from '../../src/base/assert.ts';
import type { RangeRequest, RangeResult } from '../../src/model/effect.ts';
import { type Batch, type PointRead, type Storage, UNREADABLE } from '../../src/model/port.ts';
import type { MemoryDisk } from './memory-disk.ts';
import type { World } from './world.ts';

export interface MemoryStorageOptions {
  readonly world: Pick<World, 'after'>;
  readonly disk: MemoryDisk;
  /** From the call to `done`. */
  readonly commitMs?: number;
  readonly rangeMs?: number;
  /** If false, a power cut loses acknowledged commits. */
  readonly sync?: boolean;
  /** There is no room for a commit. */
  readonly isFull?: () => boolean;
}

/** The fate of a batch that was in progress when the process died. */
export type Outcome = 'kept' | 'lost';

type Done = (failure: string | undefined) => void;

const NO_SPACE = { reason: 'ENOSPC', outcome: 'lost' } as const;
const COMMIT_MS = 0.5;
const RANGE_MS = 0.1;

export class MemoryStorage implements Storage {
  /** How long a commit takes from now on: a slow disk. */
  commitMs: number;
  rangeMs: number;
  readonly #usualMs: number;
  readonly #isFull: () => boolean;
  readonly #world: Pick<World, 'after'>;
  readonly #disk: MemoryDisk;
  readonly #sync: boolean;
  /** While the disk hangs: the commits that would have completed by now. */
  #held: (() => void)[] | undefined;
  #state: 'open' | 'poisoned' | 'dead' = 'open';
  #failure: string | undefined;
  #planned: { readonly reason: string; readonly outcome: Outcome } | undefined;
  #inFlight: Batch | undefined;
  /** Failed, but on the disk: seen by the next incarnation. */
  #left: Batch | undefined;

  constructor({ world, disk, commitMs, rangeMs, sync, isFull }: MemoryStorageOptions) {
    this.#usualMs = commitMs ?? COMMIT_MS;
    this.#isFull = isFull ?? (() => false);
    this.#world = world;
    this.#disk = disk;
    this.#sync = sync ?? true;
    this.commitMs = this.#usualMs;
    this.rangeMs = rangeMs ?? RANGE_MS;
  }

  get isCommitting(): boolean {
    return this.#inFlight !== undefined;
  }

  get isHanging(): boolean {
    return this.#held !== undefined;
  }

  get(key: Uint8Array): PointRead {
    return this.#state === 'dead' ? UNREADABLE : this.#disk.get(key);
  }

  commit(batch: Batch, done: Done): void {
    assert(this.#inFlight === undefined, 'storage: one commit at a time');
    assert(batch.keys.length === batch.values.length, 'storage: a value or undefined for each key');
    if (this.#state === 'poisoned') {
      const failure = this.#failure;
      this.#later(0, () => done(failure));
      return;
    }
    this.#inFlight = copyOf(batch);
    this.#later(this.commitMs, () => this.#unlessHanging(() => this.#complete(done)));
  }

  range(request: RangeRequest, done: (result: RangeResult) => void): void {
    assert(request.limit >= 1, 'storage: a range needs a limit');
    const result = this.#disk.range(request);
    this.#later(this.rangeMs, () => done(result));
  }

  clear(from: Uint8Array, to: Uint8Array, done: Done): void {
    const [first, end] = [from.slice(), to.slice()];
    const cleared = (): void => {
      if (this.#state === 'open') this.#disk.clear(first, end);
      done(this.#failure);
    };
    this.#later(this.commitMs, () => this.#unlessHanging(cleared));
  }

  /** From now on no commit ends, not even the one in progress; reads do, as from a page cache. */
  hang(): void {
    this.#held ??= [];
  }

  /** As fast as it was when it was opened. */
  resetSpeed(): void {
    this.commitMs = this.#usualMs;
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const run of held) this.#later(0, run);
  }

  /** The next commit to complete fails; its batch is on the disk afterwards, or not. */
  failNextCommit(reason: string, outcome: Outcome): void {
    this.#planned = { reason, outcome };
  }

  /** The process dies: pending requests are not answered any more. */
  kill(inFlight: Outcome = 'lost'): void {
    if (this.#state === 'dead') return;
    this.#state = 'dead';
    if (this.#left !== undefined) this.#disk.write(this.#left, true);
    if (this.#inFlight !== undefined && inFlight === 'kept') this.#disk.write(this.#inFlight, true);
  }

  /** The machine dies: unsynced changes are lost as well. */
  cutPower(inFlight: Outcome = 'lost'): void {
    if (this.#state === 'dead') return;
    this.#disk.cutPower();
    this.kill(inFlight);
  }

  // open -> open | poisoned
  #complete(done: Done): void {
    const batch = this.#inFlight;
    const planned = this.#isFull() ? NO_SPACE : this.#planned;
    assert(batch !== undefined, 'storage: completed a commit that had not begun');
    this.#inFlight = undefined;
    this.#planned = undefined;
    if (planned === undefined) {
      this.#disk.write(batch, this.#sync);
    } else {
      this.#state = 'poisoned';
      this.#failure = planned.reason;
      if (planned.outcome === 'kept') this.#left = batch;
    }
    done(this.#failure);
  }

  #unlessHanging(run: () => void): void {
    if (this.#held === undefined) run();
    else this.#held.push(run);
  }

  #later(delayMs: number, run: () => void): void {
    this.#world.after(delayMs, () => {
      if (this.#state !== 'dead') run();
    });
  }
}

function copyOf({ keys, values }: Batch): Batch {
  return { keys: keys.map((key) => key.slice()), values: values.map((value) => value?.slice()) };
}
