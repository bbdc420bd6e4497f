// Directs messages of peers to the parts: one row for each kind of message, so a kind without a
// part does not compile. What a peer reports about itself (hello, acknowledgement, heartbeat)
// concerns several parts, and is split here.

import { assert } from '../base/assert.ts';
import type { Turn } from '../model/effect.ts';
import type {
  Ack,
  Entries,
  Heartbeat,
  Hello,
  Message,
  SurveyReply,
  SurveyRequest,
} from '../model/message.ts';
import type { VectorEntries } from '../model/vector.ts';
import { greetingOf } from '../peers/greeting.ts';
import { holderOf, type Peer } from '../peers/peers.ts';
import type { Core } from './core.ts';
import type { Machines } from './parts.ts';

/** The replica's reactions. */
export interface PeerDeskOptions {
  readonly policyDigest: number;
  /** A peer knows a later incarnation of this replica than the local disk does. */
  readonly haltBehind: (vector: VectorEntries, turn: Turn) => void;
  /** A peer was greeted. */
  readonly onGreeted: (turn: Turn) => void;
  /** This replica may have caught up. */
  readonly checkCaughtUp: (turn: Turn) => void;
}

type Handlers = {
  readonly [Kind in Message['kind']]: (
    peer: Peer,
    message: Extract<Message, { readonly kind: Kind }>,
    turn: Turn,
  ) => void;
};

export class PeerDesk {
  readonly #core: Core;
  readonly #machines: Machines;
  readonly #options: PeerDeskOptions;
  readonly #handlers: Handlers;

  constructor(core: Core, machines: Machines, options: PeerDeskOptions) {
    this.#core = core;
    this.#machines = machines;
    this.#options = options;
    this.#handlers = this.#table();
  }

  onConnected(index: number, turn: Turn): void {
    const isGreeted = this.#core.peers.get(index)?.greeted === true;
    assert(!isGreeted, 'peer desk: each connection begins with a greeting');
    const { memory, succession } = this.#machines;
    const says = { ...succession.greeting(), remembers: memory.of(index) };
    turn.send(index, greetingOf(this.#core, index, this.#options.policyDigest, says));
  }

  onMessage(index: number, said: Message, turn: Turn): void {
    const peer = this.#core.peers.get(index);
    // A former member is notified of its removal; its messages do not count.
    if (peer === undefined) return;
    peer.onHeard(turn.now.monoMs);
    const message = this.#machines.peerCheck.admit(peer.member, said, turn);
    if (message === undefined || (message.kind !== 'hello' && !peer.greeted)) return;
    this.#handle(peer, message, turn);
  }

  #handle<Kind extends Message['kind']>(
    peer: Peer,
    message: Extract<Message, { readonly kind: Kind }>,
    turn: Turn,
  ): void {
    const { kind }: { readonly kind: Kind } = message;
    this.#handlers[kind](peer, message, turn);
  }

  #table(): Handlers {
    const {
      antiEntropy,
      forwards,
      lists,
      peerReads,
      pulls,
      reads,
      repair,
      resync,
      succession,
      writes,
    } = this.#machines;
    const trees = antiEntropy.onMessage.bind(antiEntropy);
    const ofTrees = (peer: Peer, message: Parameters<typeof trees>[1], turn: Turn): void =>
      trees(peer.member.index, message, turn);
    const ofCopies = (peer: Peer, message: Parameters<typeof resync.onMessage>[1], turn: Turn) => {
      resync.onMessage(peer, message, turn);
      this.#options.checkCaughtUp(turn);
    };
    const ofForwards = (
      { member }: Peer,
      message: Parameters<typeof forwards.onMessage>[1],
      turn: Turn,
    ): void => forwards.onMessage(member.index, message, turn);
    const ofLists = (
      { member }: Peer,
      message: Parameters<typeof lists.onMessage>[1],
      turn: Turn,
    ): void => lists.onMessage(member.index, message, this.#mayLackIn(message), turn);
    const ofClaims = (
      { member }: Peer,
      message: Parameters<typeof writes.claims.onMessage>[1],
      turn: Turn,
    ): void => writes.claims.onMessage(member.index, message, this.#mayLack, turn);
    return {
      hello: (peer, message, turn) => this.#onHello(peer, message, turn),
      entries: (peer, message, turn) => this.#onEntries(peer, message, turn),
      ack: (peer, message, turn) => this.#onAck(peer, message, turn),
      heartbeat: (peer, message, turn) => this.#onHeartbeat(peer, message, turn),
      pull: (peer, message, turn) =>
        this.#core.own.isOwn(message.origin)
          ? peer.onPull(message, turn)
          : pulls.onPull(peer.member.index, message, turn),
      'read-request': ({ member }, message, turn) =>
        peerReads.onRequest(member.index, message, this.#mayLack, turn),
      'read-reply': ({ member }, message, turn) => reads.onReply(member.index, message, turn),
      repair: (_, message, turn) => repair.onRepair(message, turn),
      'forward-request': ofForwards,
      'forward-reply': ofForwards,
      'survey-request': ofLists,
      'survey-reply': ofLists,
      claim: ofClaims,
      'claim-reply': ofClaims,
      synod: ({ member }, message, turn) => succession.onMessage(member.index, message, turn),
      behind: ofCopies,
      'snapshot-request': ofCopies,
      'snapshot-credit': ofCopies,
      'snapshot-chunk': ofCopies,
      'tree-cut-request': ofTrees,
      'tree-cut': ofTrees,
      'tree-request': ofTrees,
      'tree-reply': ofTrees,
      'tree-keys-request': ofTrees,
      'tree-keys': ofTrees,
      'tree-records-request': ofTrees,
      'tree-records': ofTrees,
    };
  }

  /** Acknowledged writes may be missing here: it counts in no read. */
  get #mayLack(): boolean {
    return this.#machines.catchUp.isReturning || !this.#machines.grace.hasEnded;
  }

  /** The same, or entries of the namespace wait: what its table shows is not all that it holds. */
  #mayLackIn(message: SurveyRequest | SurveyReply): boolean {
    if (this.#mayLack || message.kind === 'survey-reply') return this.#mayLack;
    return this.#machines.delivery.order.counts.has(message.namespace);
  }

  #onHello(peer: Peer, hello: Hello, turn: Turn): void {
    const { antiEntropy, catchUp, exchange, heartbeats, reads, staleDisk } = this.#machines;
    const { succession, writes } = this.#machines;
    const { clock, staleness, peers, reports } = this.#core;
    const { index } = peer.member;
    if (!succession.onHello(index, hello, turn)) return;
    const { remembers = [] } = hello;
    for (const told of [hello.vector, remembers])
      if (staleDisk.isProvedBy(told)) return this.#options.haltBehind(told, turn);
    if (hello.policyDigest !== this.#options.policyDigest)
      turn.note('warn', 'policies-differ', { peer: peer.member.id });
    if (peer.life !== hello.origin) staleness.onNewLife(index);
    peers.onHello(peer, hello);
    reports.onHello(index);
    exchange.onHello(holderOf(peer));
    clock.witness(hello.hlc, turn.now.wallMs);
    if (catchUp.onRemembered(remembers, turn)) succession.onLoss(turn);
    writes.onSuperseded(hello.superseded);
    this.#onLearned(peer, hello.vector, turn);
    reads.onConnected(turn);
    antiEntropy.onConnected(index);
    peer.sender.pump(turn);
    heartbeats.tell(peer, turn);
    this.#options.onGreeted(turn);
  }

  #onEntries(peer: Peer, message: Entries, turn: Turn): void {
    const { intake, staleDisk, streams } = this.#machines;
    const { log, origin: current, own } = this.#core;
    const { origin } = message;
    if (origin === current) return;
    if (staleDisk.isLaterLife(origin)) return this.#options.haltBehind([[origin, 1]], turn);
    if (own.isOwn(origin)) streams.relearn(log.open(origin));
    intake.onEntries(peer, message, turn);
  }

  #onAck(peer: Peer, { superseded, vector, windowBytes }: Ack, turn: Turn): void {
    this.#machines.writes.onSuperseded(superseded);
    peer.sender.onWindow(windowBytes);
    this.#onLearned(peer, vector, turn);
    peer.sender.pump(turn);
  }

  #onHeartbeat(peer: Peer, heartbeat: Heartbeat, turn: Turn): void {
    this.#onLearned(peer, heartbeat.vector, turn);
    peer.onShown(heartbeat.waiting ?? []);
    peer.sender.pump(turn);
    this.#core.stability.onHeartbeat(peer.member.index);
    this.#machines.heartbeats.onHeartbeat(peer, heartbeat, turn);
    this.#machines.lot.onEcho(turn);
    this.#options.checkCaughtUp(turn);
  }

  /** The durable vector of a peer. */
  #onLearned(peer: Peer, vector: VectorEntries, turn: Turn): void {
    const { catchUp, memory, reads, staleDisk, succession, writes } = this.#machines;
    const { origin, own } = this.#core;
    if (staleDisk.isProvedBy(vector)) return this.#options.haltBehind(vector, turn);
    if (catchUp.onLearned(vector, (of) => own.isOwn(of), turn)) succession.onLoss(turn);
    peer.learn(vector);
    memory.learn(peer.member.index, vector);
    for (const [of, seq] of vector)
      if (of === origin) writes.onCursor(peer.member.index, seq, turn);
    writes.onProgress(turn);
    reads.onProgress(turn);
  }
}
