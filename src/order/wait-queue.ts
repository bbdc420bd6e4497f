// The entries of one lane and one scope that wait, in the order of the lane. Only the first of them
// waits for an entry of another lane; the others wait for the first, because the order of a lane is
// part of the causal order.
//
// An entry beyond the bound of bytes is kept as a position: it is read from the log again when it
// is due.

import { assert, present } from '../base/assert.ts';
import { createHeap, type Heap } from '../base/heap.ts';
import { createRing } from '../base/ring.ts';
import type { Lsn } from '../model/effect.ts';
import type { NamespaceName, Seq } from '../model/id.ts';
import type { Mutation } from '../model/record.ts';
import type { Lane } from '../store/lane.ts';
import type { Scope } from './scope.ts';

export interface WaitingEntry {
  readonly seq: Seq;
  readonly namespace: NamespaceName;
  /** The batch that makes it durable. */
  readonly lsn: Lsn;
  /** `undefined`: it is in the log only. */
  entry: Mutation | undefined;
}

export class WaitQueue {
  readonly lane: Lane;
  readonly scope: Scope;
  /** Queues of this scope whose first entry depends on an entry that waits here, by its number. */
  readonly behind: Heap<WaitQueue> = createHeap();
  readonly #entries = createRing<WaitingEntry>();

  constructor(lane: Lane, scope: Scope) {
    this.lane = lane;
    this.scope = scope;
  }

  get size(): number {
    return this.#entries.size;
  }

  get first(): WaitingEntry | undefined {
    return this.size === 0 ? undefined : this.#entries.at(0);
  }

  /** In the order of the lane. */
  *entries(): Generator<WaitingEntry> {
    for (let at = 0; at < this.size; at++) yield this.#entries.at(at);
  }

  push(waiting: WaitingEntry): void {
    const last = this.size === 0 ? 0 : this.#entries.at(this.size - 1).seq;
    assert(waiting.seq > last, 'wait queue: in the order of the lane');
    this.#entries.push(waiting);
  }

  shift(): WaitingEntry {
    return present(this.#entries.shift(), 'wait queue: an entry waits');
  }

  /** Everything of this lane and scope before this number is visible. */
  get shownBefore(): Seq {
    return this.first?.seq ?? Number.POSITIVE_INFINITY;
  }
}
