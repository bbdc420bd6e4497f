// Retries under an idempotency key whose write is known: they wait for their copies of a mutation
// that may be old and of any origin. They are few and rare, so each is checked again whenever a
// member's vector has changed.

import { assert } from '../base/assert.ts';
import type { Turn } from '../model/effect.ts';
import type { Dot } from '../model/id.ts';
import { type MemberSet, union } from '../model/member-set.ts';
import type { Metrics } from '../model/metrics.ts';
import { type PendingWrite, unknownOutcome, written } from './put.ts';

/** Members that hold a dot durably. */
export type Holders = (dot: Dot) => MemberSet;

export class Replays {
  readonly #replicas: number;
  readonly #metrics: Metrics;
  #waiting: PendingWrite[] = [];

  constructor(replicas: number, metrics: Metrics) {
    this.#replicas = replicas;
    this.#metrics = metrics;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  begin(write: PendingWrite, turn: Turn): void {
    assert(write.replayed, 'replay: a retry of a write that is known');
    this.#waiting.push(write);
    turn.arm('replay', write.deadlineMs);
  }

  /** A member's vector may have changed, or time has passed. */
  decide(holders: Holders, turn: Turn): void {
    if (this.#waiting.length === 0) return;
    this.#waiting = this.#waiting.filter((write) => !this.#isAnswered(write, holders, turn));
    turn.disarm('replay');
    for (const { deadlineMs } of this.#waiting) turn.arm('replay', deadlineMs);
  }

  failAll(turn: Turn): void {
    for (const write of this.#waiting) {
      turn.reply(write.client, { kind: 'failed', fault: unknownOutcome(write, 'stopped') }, 0);
    }
    this.#waiting = [];
    turn.disarm('replay');
  }

  #isAnswered(write: PendingWrite, holders: Holders, turn: Turn): boolean {
    write.tally.yes = union(write.tally.yes, holders(write));
    const settled = write.tally.state === 'won';
    if (settled || (write.respondAsync && write.tally.acks > 0)) {
      this.#metrics.idempotentReplays++;
      turn.reply(write.client, written(write, settled, this.#replicas), 0);
      return true;
    }
    if (write.deadlineMs > turn.now.monoMs) return false;
    this.#metrics.writesIndeterminate++;
    turn.reply(write.client, { kind: 'failed', fault: unknownOutcome(write, 'expired') }, 0);
    return true;
  }
}
