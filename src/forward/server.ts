// The answering side of client.ts: a peer that may not answer asks instead of its client. The
// question is handled like a client's: by the same policy, the same limits, the same lag state of
// this replica, and the answer is sent once everything it depends on is durable. It is never
// forwarded again: a replica that gets such a question answers or refuses.
//
// Bound: as many questions as reads may wait; a further one is refused.

import { assert } from '../base/assert.ts';
import type { ListCommand, ReadCommand } from '../model/command.ts';
import type { Turn } from '../model/effect.ts';
import type { ForwardRequest } from '../model/message.ts';
import type { Namespaces } from '../model/namespaces.ts';
import { PeerQuestion, refusalOf } from '../model/peer-question.ts';
import type { Settings } from '../model/settings.ts';

/** Runs a read as if a client had sent it. */
export type Run = (
  command: ReadCommand<PeerQuestion> | ListCommand<PeerQuestion>,
  turn: Turn,
) => void;

export interface ForwardServerOptions {
  readonly namespaces: Namespaces;
  readonly settings: Settings;
}

export class ForwardServer {
  readonly #options: ForwardServerOptions;
  readonly #run: Run;
  /** Questions that are not answered, and whose connection still exists. */
  readonly #open = new Set<PeerQuestion>();

  constructor(options: ForwardServerOptions, run: Run) {
    this.#options = options;
    this.#run = run;
  }

  onRequest(peer: number, request: ForwardRequest, turn: Turn): void {
    const { namespaces, settings } = this.#options;
    const { id, level, question, timeoutMs } = request;
    const policy = namespaces.find(question.namespace)?.policy;
    if (policy?.consistency !== level) return turn.send(peer, refusalOf(id, 'namespace-not-found'));
    if (this.#open.size >= settings.readsPendingMax)
      return turn.send(peer, refusalOf(id, 'overloaded'));
    const client = new PeerQuestion(peer, id, this.#open);
    assert(this.#open.has(client), 'forward server: a question counts until it is answered');
    this.#run({ ...question, client, timeoutMs, onUnmet: 'wait' }, turn);
  }

  /**
   * A later connection, and a later incarnation of the peer, numbers its questions from the
   * beginning.
   */
  onDisconnected(peer: number): void {
    for (const question of this.#open) if (question.peer === peer) this.#open.delete(question);
  }
}
