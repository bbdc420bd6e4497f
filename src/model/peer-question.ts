// A read that a peer asks instead of its client (src/forward). The answer returns to the peer as a
// message, over the connection on which the question came, and like every message it waits until
// everything it depends on is durable.

import { assert } from '../base/assert.ts';
import type { Reply } from './command.ts';
import type { Lsn, Outbox } from './effect.ts';
import type { FaultCode } from './fault.ts';
import type { ForwardAnswer } from './message.ts';

export class PeerQuestion {
  readonly peer: number;
  readonly id: number;
  readonly #open: Set<PeerQuestion>;

  /** `open`: the unanswered questions whose connections still exist; this one is added. */
  constructor(peer: number, id: number, open: Set<PeerQuestion>) {
    this.peer = peer;
    this.id = id;
    this.#open = open;
    open.add(this);
  }

  /**
   * Called once. If the batch of `lsn` is not durable at `deadlineMs`, the peer gets a refusal
   * instead.
   */
  answer(reply: Reply, lsn: Lsn, deadlineMs: number, out: Outbox): void {
    if (!this.#open.delete(this)) return;
    const late = { atMs: deadlineMs, message: () => refusalOf(this.id, 'timeout') } as const;
    out.send(this.peer, { kind: 'forward-reply', id: this.id, answer: answerOf(reply) }, lsn, late);
  }
}

export function refusalOf(id: number, code: FaultCode) {
  return { kind: 'forward-reply', id, answer: { kind: 'refused', code } } as const;
}

function answerOf(reply: Reply): ForwardAnswer {
  if (reply.kind === 'found' || reply.kind === 'absent' || reply.kind === 'listed') {
    const { heldBy: _, ...answer } = reply;
    return answer;
  }
  assert(reply.kind === 'failed', 'peer question: an answer to another command');
  return { kind: 'refused', code: reply.fault.code };
}
