// Writes that ask the read quorum before they are decided: those whose conditions must hold for
// more than this replica's own record, and those that request it. Each key is read like a client's
// read; the quorum's answer is merged here by then, so the write is decided against this replica's
// records, in one step with its mint.
//
// Bound: a look counts as a waiting write, and its reads as waiting reads.

import { assert } from '../base/assert.ts';
import type { ReadCommand } from '../model/command.ts';
import type { AnswerOwner, Asker, Turn } from '../model/effect.ts';
import type { Fault } from '../model/fault.ts';
import type { Reply } from '../model/reply.ts';
import type { Terms } from '../model/terms.ts';

/**
 * Continues: everything requested is merged, or `failed` is the reason why it could not be read.
 */
export type Resume = (failed: Fault | undefined, turn: Turn) => void;
type Read = (command: ReadCommand<Asker>, terms: Terms, turn: Turn) => void;
type Asked = Pick<ReadCommand, 'namespace' | 'key' | 'r'>;

type Answered = (look: Look, failed: Fault | undefined, turn: Turn) => void;

class Look implements AnswerOwner {
  readonly resume: Resume;
  readonly #onAnswered: Answered;
  #failed: Fault | undefined;
  #unanswered: number;

  constructor(reads: number, resume: Resume, onAnswered: Answered) {
    assert(reads > 0, 'look: it reads a key at least');
    this.#unanswered = reads;
    this.resume = resume;
    this.#onAnswered = onAnswered;
  }

  onAnswer(reply: Reply, turn: Turn): void {
    this.#unanswered--;
    assert(this.#unanswered >= 0, 'look: each read answers once');
    if (reply.kind === 'failed') this.#failed ??= reply.fault;
    if (this.#unanswered === 0) this.#onAnswered(this, this.#failed, turn);
  }
}

export class Looks {
  readonly #read: Read;
  readonly #open = new Set<Look>();

  constructor(read: Read) {
    this.#read = read;
  }

  /** Writes that wait for what they asked. */
  get waiting(): number {
    return this.#open.size;
  }

  /** `terms` are those of the reads. */
  begin(asked: readonly Asked[], terms: Terms, resume: Resume, turn: Turn): void {
    const look = new Look(asked.length, resume, (...answered) => this.#end(...answered));
    this.#open.add(look);
    const read = {
      kind: 'read',
      client: look,
      onUnmet: 'fail',
      session: undefined,
      timeoutMs: undefined,
    } as const;
    for (const each of asked) this.#read({ ...read, ...each }, terms, turn);
  }

  /** The replica stops before anything was minted. */
  failAll(stopped: Fault, turn: Turn): void {
    for (const look of this.#open) this.#end(look, stopped, turn);
  }

  #end(look: Look, failed: Fault | undefined, turn: Turn): void {
    if (this.#open.delete(look)) look.resume(failed, turn);
  }
}
