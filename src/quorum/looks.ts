// Writes that ask the read quorum before they are decided: those whose conditions must hold for
// more than this replica's own record, and those that request it. Each key is read like a client's
// read; the quorum's answer is merged here by then, so the write is decided against this replica's
// records, in one step with its mint.
//
// The host hands a read's reply to its client between two steps. So finished reads are collected
// here, and a tick, which is due at once, continues with the writes.
//
// Bound: a look counts as a waiting write, and its reads as waiting reads.

import { assert } from '../base/assert.ts';
import { createRing } from '../base/ring.ts';
import type { Client, ReadCommand, Reply } from '../model/command.ts';
import type { Turn } from '../model/effect.ts';
import type { Fault } from '../model/fault.ts';
import type { Terms } from '../model/terms.ts';
import type { Timers } from '../model/timer.ts';

/**
 * Continues: everything requested is merged, or `failed` is the reason why it could not be read.
 */
export type Resume = (failed: Fault | undefined, turn: Turn) => void;
type Read = (command: ReadCommand, terms: Terms, turn: Turn) => void;
type Asked = Pick<ReadCommand, 'namespace' | 'key' | 'r'>;

class Look implements Client {
  readonly resume: Resume;
  failed: Fault | undefined;
  isOver = false;
  readonly #onEnd: (look: Look) => void;
  #open: number;

  constructor(reads: number, resume: Resume, onEnd: (look: Look) => void) {
    assert(reads > 0, 'look: it reads a key at least');
    this.#open = reads;
    this.resume = resume;
    this.#onEnd = onEnd;
  }

  onReply(reply: Reply): void {
    if (this.isOver) return;
    this.#open--;
    assert(this.#open >= 0, 'look: each read answers once');
    if (reply.kind === 'failed') this.failed ??= reply.fault;
    if (this.#open === 0) this.#onEnd(this);
  }
}

export class Looks {
  readonly #read: Read;
  readonly #timers: Timers;
  readonly #open = new Set<Look>();
  readonly #ended = createRing<Look>();

  constructor(read: Read, timers: Timers) {
    this.#read = read;
    this.#timers = timers;
  }

  /** Writes that wait for what they asked. */
  get waiting(): number {
    return this.#open.size;
  }

  /** `terms` are those of the reads. */
  begin(asked: readonly Asked[], terms: Terms, resume: Resume, turn: Turn): void {
    const look = new Look(asked.length, resume, (ended) => this.#onEnded(ended));
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

  /** Between two steps. */
  #onEnded(look: Look): void {
    this.#ended.push(look);
    this.#timers.arm('write-look', 0);
  }

  onDue(turn: Turn): void {
    if (!turn.takeDue('write-look')) return;
    for (let left = this.#ended.size; left > 0; left--) {
      const look = this.#ended.shift();
      if (look !== undefined) this.#end(look, look.failed, turn);
    }
  }

  /** The replica stops before anything was minted. */
  failAll(stopped: Fault, turn: Turn): void {
    for (const look of this.#open) this.#end(look, stopped, turn);
  }

  #end(look: Look, failed: Fault | undefined, turn: Turn): void {
    if (look.isOver) return;
    look.isOver = true;
    this.#open.delete(look);
    look.resume(failed, turn);
  }
}
