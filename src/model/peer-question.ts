// A read that a peer asks instead of its client (src/forward). The answer returns to the peer as a
// message, over the connection on which the question came, and like every message it waits until
// everything it depends on is durable.

import { assert } from '../base/assert.ts';
import type { FaultCode } from './fault.ts';
import type { ForwardAnswer, ForwardReply } from './message.ts';
import type { Reply } from './reply.ts';

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

  /** The message to the peer; `undefined` if the connection has ended, or after the first call. */
  answer(reply: Reply): ForwardReply | undefined {
    if (!this.#open.delete(this)) return undefined;
    return { kind: 'forward-reply', id: this.id, answer: answerOf(reply) };
  }
}

export function refusalOf(id: number, code: FaultCode): ForwardReply {
  return { kind: 'forward-reply', id, answer: { kind: 'refused', code } };
}

function answerOf(reply: Reply): ForwardAnswer {
  if (reply.kind === 'found' || reply.kind === 'absent' || reply.kind === 'listed') {
    const { heldBy: _, ...answer } = reply;
    return answer;
  }
  assert(reply.kind === 'failed', 'peer question: an answer to another command');
  return { kind: 'refused', code: reply.fault.code };
}
