// The other end of client.ts: a peer that is not fit to answer asks in the place of its client. The question is taken as a
// client's: by the same policy, the same limits, the same judgement of what this replica is fit to answer, and nothing
// leaves before what it rests on is durable. It is never passed on: a replica that is asked in the place of another one
// answers or refuses.
//
// Bound: as many questions as reads may wait; a further one is refused.

import type { ListCommand, ReadCommand } from '../model/command.ts';
import type { Turn } from '../model/effect.ts';
import type { ForwardRequest } from '../model/message.ts';
import type { Namespaces } from '../model/namespaces.ts';
import { PeerQuestion, refusalOf } from '../model/peer-question.ts';
import type { Settings } from '../model/settings.ts';

/** Takes a read as if a client had sent it. */
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
  /** Not answered yet, and asked over a connection that still exists. */
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
    this.#run({ ...question, client, timeoutMs, onUnmet: 'fail' }, turn);
  }

  /** A later connection, and a later incarnation of the peer, begins the numbers of its questions again. */
  onDisconnected(peer: number): void {
    for (const question of this.#open) if (question.peer === peer) this.#open.delete(question);
  }
}
