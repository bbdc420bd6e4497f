// The other end of client.ts: a peer that is not fit to answer asks in the place of its client. The question is taken as a
// client's: by the same policy, the same limits, the same judgement of what this replica is fit to answer, and nothing
// leaves before what it rests on is durable. It is never passed on: who was asked in somebody's place answers or refuses.
//
// The host calls a client when its reply may leave, which is between two steps. So replies gather here, and a tick, which is
// due at once, sends them.

import { assert } from '../base/assert.ts';
import { createRing } from '../base/ring.ts';
import type { Client, Command, Reply } from '../model/command.ts';
import type { Outbox, Turn } from '../model/effect.ts';
import type { FaultCode } from '../model/fault.ts';
import type { ForwardAnswer, ForwardRequest } from '../model/message.ts';
import type { Namespaces } from '../model/namespaces.ts';
import type { Settings } from '../model/settings.ts';
import type { Timers } from '../model/timer.ts';

type Run = (command: Command, turn: Turn) => void;

/** A peer in the place of its client. */
class PeerClient implements Client {
  readonly peer: number;
  readonly id: number;
  /** The connection over which it asked still stands. */
  isThere = true;
  readonly #onReply: (client: PeerClient, reply: Reply) => void;

  constructor(peer: number, id: number, onReply: (client: PeerClient, reply: Reply) => void) {
    this.peer = peer;
    this.id = id;
    this.#onReply = onReply;
  }

  onReply(reply: Reply): void {
    this.#onReply(this, reply);
  }
}

export interface ForwardServerOptions {
  readonly namespaces: Namespaces;
  readonly settings: Settings;
  readonly timers: Timers;
}

export class ForwardServer {
  readonly #options: ForwardServerOptions;
  readonly #run: Run;
  /** Not answered yet. */
  readonly #clients = new Set<PeerClient>();
  readonly #ready = createRing<{ readonly client: PeerClient; readonly reply: Reply }>();

  constructor(options: ForwardServerOptions, run: Run) {
    this.#options = options;
    this.#run = run;
  }

  /** Answers that may leave. */
  get waiting(): number {
    return this.#ready.size;
  }

  onRequest(peer: number, request: ForwardRequest, turn: Turn): void {
    const { namespaces, settings } = this.#options;
    const { id, level, question, timeoutMs } = request;
    const policy = namespaces.find(question.namespace)?.policy;
    if (policy?.consistency !== level) return refuse(peer, id, 'namespace-not-found', turn);
    if (this.#clients.size >= settings.readsPendingMax) return refuse(peer, id, 'overloaded', turn);
    const client = new PeerClient(peer, id, (...answered) => this.#onReply(...answered));
    this.#clients.add(client);
    this.#run({ ...question, client, timeoutMs, onUnmet: 'fail' }, turn);
  }

  /** A later connection, and a later life, numbers its questions anew. */
  onDisconnected(peer: number): void {
    for (const client of this.#clients) {
      if (client.peer !== peer) continue;
      client.isThere = false;
      this.#clients.delete(client);
    }
  }

  onTimer(turn: Turn): void {
    if (!turn.takeDue('forward-answer')) return;
    for (let ready = this.#ready.shift(); ready !== undefined; ready = this.#ready.shift()) {
      const { client, reply } = ready;
      if (!this.#clients.delete(client)) continue;
      const { peer, id } = client;
      turn.send(peer, { kind: 'forward-reply', id, answer: answerOf(reply) });
    }
  }

  #onReply(client: PeerClient, reply: Reply): void {
    if (!client.isThere) return;
    this.#ready.push({ client, reply });
    this.#options.timers.arm('forward-answer', 0);
  }
}

function refuse(peer: number, id: number, code: FaultCode, out: Outbox): void {
  out.send(peer, { kind: 'forward-reply', id, answer: { kind: 'refused', code } });
}

function answerOf(reply: Reply): ForwardAnswer {
  if (reply.kind === 'found' || reply.kind === 'absent' || reply.kind === 'listed') {
    const { heldBy: _, ...answer } = reply;
    return answer;
  }
  assert(reply.kind === 'failed', 'answers: an answer to another command');
  return { kind: 'refused', code: reply.fault.code };
}
