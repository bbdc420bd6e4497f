// Runs the operations of a batch in their order, in pieces. Consecutive writes share turns and
// syncs. A few gets run at a time; each reserves room for its value before the value is read, and
// waits while other answers use the room (memory.ts). So the memory of a batch is bounded before it
// is read.
//
// An operation that is decided later, because it asks a read quorum, keeps its place among the
// operations on its key: a get shows the value before it, and a condition compares with that value.
// Puts and deletes keep their order anyway.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { latestOf } from '../../model/record.ts';
import type { Found, Reply } from '../../model/reply.ts';
import { type BatchOptions, commandOf } from './batch-item.ts';
import type { HttpContext } from '../context.ts';
import type { AnswerRoom } from '../guard/memory.ts';
import { isFault, type Refusal, refusal } from '../problem.ts';
import type { BatchItem } from '../../api/shapes.ts';

/** Values of gets in progress, and the number of these gets. */
const GETS_BYTES = 16 * 1024 * 1024;
const GETS_MAX = 16;
/** The bytes of values that one turn of the event loop hands over. */
const PIECE_BYTES = 256 * 1024;

/** The answer in place of one that a bug prevented. */
const BROKEN = refusal('internal', 'a bug; the request ends');
const RESULTS_FULL = refusal('content-too-large', 'the results of this batch are full already');
const MEMORY_FULL = refusal(
  'overloaded',
  'other answers used the memory that this value needs until the timeout of the request; ask again',
);

export async function runBatch(
  context: HttpContext,
  ops: readonly BatchItem[],
  options: BatchOptions,
  room: AnswerRoom,
): Promise<(Reply | Refusal)[]> {
  const run = new BatchRun(context, options, room);
  for (const [index, item] of ops.entries()) await run.take(item, index);
  return run.end();
}

/** The room for the values of an answer, and for one value that turns out to exceed it. */
export function roomFor({ limits, memory }: HttpContext): AnswerRoom {
  const { valueBytesMax, batchBytesMax, replyBytesMax } = limits;
  return memory.open(Math.min(batchBytesMax + valueBytesMax, replyBytesMax / 2));
}

interface Begun {
  readonly done: Promise<void>;
  readonly isDecidedLater: boolean;
}

class BatchRun {
  readonly #context: HttpContext;
  readonly #options: BatchOptions;
  readonly #room: AnswerRoom;
  /** A value that gets no room within this time is refused. */
  readonly #deadlineMs: number;
  readonly #getsMax: number;
  readonly #answers: (Reply | Refusal)[] = [];
  readonly #writes: Promise<void>[] = [];
  #gets: Promise<void>[] = [];
  /** The last operation on each key. */
  readonly #onKey = new Map<string, Begun>();
  #bytes = 0;
  #isFull = false;
  #pieceBytes = 0;
  /**
   * A bug in the handling of an answer. It is kept until the end, because no caller awaits the
   * operations that run beside others.
   */
  #broken: { readonly error: unknown } | undefined;

  constructor(context: HttpContext, options: BatchOptions, room: AnswerRoom) {
    this.#context = context;
    this.#options = options;
    this.#room = room;
    this.#deadlineMs = performance.now() + (options.timeoutMs ?? options.policy.timeoutMs);
    const most = Math.floor(GETS_BYTES / context.limits.valueBytesMax);
    this.#getsMax = Math.min(Math.max(most, 1), GETS_MAX);
  }

  /** Begins an operation, and resolves when the next may begin. */
  async take(item: BatchItem, index: number): Promise<void> {
    const before = this.#onKey.get(keyNameOf(item));
    if (before !== undefined && (before.isDecidedLater || isDecidedLater(item))) await before.done;
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
    const refused = await this.#roomForValue();
    if (refused !== undefined) {
      this.#answers[index] = refused;
      return;
    }
    this.#gets.push(this.#submit(item, index));
    if (this.#gets.length >= this.#getsMax) await this.#landed();
  }

  /** Reserves room for one more value, or returns why there is none. */
  async #roomForValue(): Promise<Refusal | undefined> {
    const room = this.#room;
    const { valueBytesMax } = this.#context.limits;
    if (room.bytes + valueBytesMax > room.wholeBytes) await this.#landed();
    if (this.#isFull || room.bytes + valueBytesMax > room.wholeBytes) return RESULTS_FULL;
    const isTaken = await room.take(valueBytesMax, this.#deadlineMs - performance.now());
    return isTaken ? undefined : MEMORY_FULL;
  }

  /** All gets that were begun are answered. */
  async #landed(): Promise<void> {
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
    const done = this.#ask(item, index);
    this.#onKey.set(keyNameOf(item), { done, isDecidedLater: isDecidedLater(item) });
    return done;
  }

  #ask(item: BatchItem, index: number): Promise<void> {
    const { service, limits } = this.#context;
    return new Promise((resolve) => {
      const end = (answer: Reply | Refusal): void => {
        this.#answers[index] = item.op === 'get' ? this.#admit(answer) : answer;
        resolve();
      };
      const onBroken = (error: unknown): void => {
        this.#broken ??= { error };
        end(BROKEN);
      };
      try {
        const client = { onReply: end, onBroken };
        const command = commandOf(item, index, this.#options, client, limits.valueBytesMax);
        if (isFault(command)) end(command);
        else service.submit(command);
      } catch (error) {
        onBroken(error);
      }
    });
  }

  /**
   * Returns the room that the answer does not need. A value beyond the bound of all values is
   * dropped at once.
   */
  #admit(answer: Reply | Refusal): Reply | Refusal {
    const { valueBytesMax, batchBytesMax } = this.#context.limits;
    const bytes = isFound(answer) ? latestOf(answer.record).size : 0;
    const isKept = this.#bytes + bytes <= batchBytesMax;
    const kept = isKept ? Math.min(bytes, valueBytesMax) : 0;
    this.#room.giveBack(valueBytesMax - kept);
    if (!isKept) this.#isFull = true;
    else this.#bytes += bytes;
    return isKept ? answer : RESULTS_FULL;
  }
}

/** Two keys may share a slot; then the later one waits for the earlier one. */
function keyNameOf({ key, keyBase64 = '' }: BatchItem): string {
  return key ?? Buffer.from(keyBase64, 'base64').toString('utf8');
}

function isDecidedLater({ op, ifMatch, ifNoneMatch }: BatchItem): boolean {
  return op === 'get' || ifMatch !== undefined || ifNoneMatch !== undefined;
}

function isFound(answer: Reply | Refusal): answer is Found {
  return 'kind' in answer && answer.kind === 'found';
}
