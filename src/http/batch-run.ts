// Runs the operations of a batch in their order, in pieces. Writes that follow each other share turns and syncs. Gets run a
// few at a time, and none is begun once the answer has no room for its value: what a batch holds is bounded before it is read,
// not when all of it is there.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Reply } from '../model/command.ts';
import { type BatchOptions, commandOf } from './batch-item.ts';
import type { HttpContext } from './context.ts';
import { isFault } from './parameter.ts';
import { type Refusal, refusal } from './problem.ts';
import type { BatchItem } from './schema.ts';

/** Values of gets that are under way at the same time, and how many of them. */
const GETS_BYTES = 16 * 1024 * 1024;
const GETS_MAX = 16;
/** Bytes of values that are handed over in one turn of the event loop. */
const PIECE_BYTES = 256 * 1024;

const RESULTS_FULL = refusal('content-too-large', 'the results of this batch are full already');
const MEMORY_FULL = refusal('overloaded', 'other answers take the memory of this one; ask again');

/** Room for values in an answer, `isWhole` where it is all that the batch may have. */
export interface Room {
  readonly bytes: number;
  readonly isWhole: boolean;
}

export async function runBatch(
  context: HttpContext,
  ops: readonly BatchItem[],
  options: BatchOptions,
  room: Room,
): Promise<(Reply | Refusal)[]> {
  const run = new BatchRun(context, options, room);
  for (const [index, item] of ops.entries()) await run.take(item, index);
  return run.end();
}

/** How many bytes the values of the batch may take. */
export function valueBytesOf({ limits }: HttpContext, ops: readonly BatchItem[]): number {
  const gets = ops.filter(({ op }) => op === 'get').length;
  return Math.min(gets * limits.valueBytesMax, limits.batchBytesMax);
}

class BatchRun {
  readonly #context: HttpContext;
  readonly #options: BatchOptions;
  readonly #room: Room;
  readonly #getsMax: number;
  readonly #answers: (Reply | Refusal)[] = [];
  readonly #writes: Promise<void>[] = [];
  #gets: Promise<void>[] = [];
  #bytes = 0;
  #pieceBytes = 0;
  /** A bug in taking an answer. It is kept until the end, because nobody awaits an operation that runs beside others. */
  #broken: { readonly error: unknown } | undefined;

  constructor(context: HttpContext, options: BatchOptions, room: Room) {
    this.#context = context;
    this.#options = options;
    this.#room = room;
    const most = Math.floor(GETS_BYTES / context.limits.valueBytesMax);
    this.#getsMax = Math.min(Math.max(most, 1), GETS_MAX);
  }

  /** Begins an operation, and returns when the next may begin. */
  async take(item: BatchItem, index: number): Promise<void> {
    if (item.op === 'get') await this.#get(item, index);
    else await this.#write(item, index);
  }

  async end(): Promise<(Reply | Refusal)[]> {
    await Promise.all(this.#gets);
    await Promise.all(this.#writes);
    if (this.#broken !== undefined) throw this.#broken.error;
    return this.#answers;
  }

  async #get(item: BatchItem, index: number): Promise<void> {
    if (this.#bytes > this.#room.bytes) {
      this.#answers[index] = this.#full;
      return;
    }
    this.#gets.push(this.#submit(item, index));
    if (this.#gets.length < this.#getsMax) return;
    await Promise.all(this.#gets);
    this.#gets = [];
  }

  async #write(item: BatchItem, index: number): Promise<void> {
    this.#writes.push(this.#submit(item, index));
    this.#pieceBytes += (item.value ?? item.valueBase64 ?? '').length;
    if (this.#pieceBytes < PIECE_BYTES) return;
    this.#pieceBytes = 0;
    await nextTurn();
  }

  #submit(item: BatchItem, index: number): Promise<void> {
    const { service, limits } = this.#context;
    return new Promise((resolve) => {
      const onReply = (reply: Reply): void => {
        this.#answers[index] = this.#admit(reply);
        resolve();
      };
      const onBroken = (error: unknown): void => {
        this.#broken ??= { error };
        resolve();
      };
      try {
        const client = { onReply, onBroken };
        const command = commandOf(item, index, this.#options, client, limits.valueBytesMax);
        if (!isFault(command)) return service.submit(command);
        this.#answers[index] = command;
        resolve();
      } catch (error) {
        onBroken(error);
      }
    });
  }

  /** A value beyond the room is let go at once. */
  #admit(reply: Reply): Reply | Refusal {
    if (reply.kind !== 'found') return reply;
    this.#bytes += reply.record.size;
    return this.#bytes > this.#room.bytes ? this.#full : reply;
  }

  get #full(): Refusal {
    return this.#room.isWhole ? RESULTS_FULL : MEMORY_FULL;
  }
}
