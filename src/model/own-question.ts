// A question that a part of this replica asks in the place of a client, such as a write that reads
// the keys of its conditions. The reply waits like any other until everything that it depends on is
// durable. Then its owner gets it, in a step of a later turn.

import type { Reply } from './command.ts';
import type { Turn } from './effect.ts';

/** What asked. An owner that has ended drops the answer. */
export interface AnswerOwner {
  onAnswer(reply: Reply, turn: Turn): void;
}

export class OwnQuestion {
  readonly owner: AnswerOwner;

  constructor(owner: AnswerOwner) {
    this.owner = owner;
  }
}
