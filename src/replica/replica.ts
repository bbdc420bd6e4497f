// The switchboard: `step` is the only door into the deterministic core. It routes an input to the parts concerned and
// holds no logic of its own beyond the replica's state:
//
//   starting     storage is read and verified (recovery.ts)
//   grace        peers are asked what they know of us; nothing is minted yet
//   catching-up  open for clients, but behind what the peers hold, or too few of them were heard to know
//   serving      caught up
//   draining     finishes what it has, takes nothing new
//   failed       the storage failed: nothing is acknowledged any more
//
// Every start is a new life (incarnation) with a log of its own, so a dot is never given twice, whatever the disk lost
// (rule S2 in docs/storage.md). Peers that know a life of ours which we do not know prove that the disk is an old copy: the replica
// notes it and halts before it has minted anything, and starts again behind it.

import { assert, unreachable } from '../base/assert.ts';
import type { Command, ReplicaState, Status } from '../model/command.ts';
import type { Input, Now, Outbox, Turn } from '../model/effect.ts';
import type { Heal } from '../model/heal.ts';
import type { Incarnation, Origin } from '../model/id.ts';
import {
  type Ack,
  type Entries,
  type Heartbeat,
  type Hello,
  isOfCopies,
  isOfTrees,
  type Message,
  type VectorEntries,
} from '../model/message.ts';
import type { Metrics } from '../model/metrics.ts';
import { policyDigest } from '../model/policy.ts';
import type { Timer, Timers } from '../model/timer.ts';
import { Exchange } from '../entropy/exchange.ts';
import type { Lane } from '../store/lane.ts';
import { PullServer } from '../stream/puller.ts';
import { AntiEntropy } from '../entropy/anti-entropy.ts';
import { type Phase, refuseClosed, stateOf } from './phase.ts';
import { type Core, type CoreOptions, createCore } from './core.ts';
import { Drain } from './drain.ts';
import { Grace } from '../peers/grace.ts';
import { greetingOf } from '../peers/greeting.ts';
import { ForwardClient } from '../forward/client.ts';
import { Housekeeping } from '../upkeep/housekeeping.ts';
import { Intake } from '../stream/intake.ts';
import { ListDesk } from './list-desk.ts';
import { Memory } from '../peers/memory.ts';
import { StaleDisk } from '../peers/stale-disk.ts';
import { incredible, PeerCheck } from '../peers/peer-check.ts';
import { holderOf, type Peer } from '../peers/peers.ts';
import { type Hasten, Reads } from './reads.ts';
import { type Park, Recovery } from '../store/recovery.ts';
import { writeIncarnation } from '../store/incarnation.ts';
import { ReadAdmission } from '../lag/read-admission.ts';
import { raiseToFloor } from '../lag/commit-age.ts';
import { Heartbeats } from '../lag/heartbeat.ts';
import { Resync } from '../entropy/resync.ts';
import { CatchUp } from '../lag/catch-up.ts';
import { statusOf, writeStatusOf } from './status.ts';
import { type Fits, Succession } from '../membership/succession.ts';
import { Writes } from './writes.ts';

export interface ReplicaOptions extends CoreOptions {
  /** Left out: any members are fit. */
  readonly fits?: Fits | undefined;
}

const RETRY_MS = 1000;
/** What may have been written keeps its deadline while the replica halts. */
const HALTING_TIMERS: readonly Timer[] = ['write', 'replay'];

export class Replica {
  readonly metrics: Metrics;
  readonly timers: Timers;
  readonly #core: Core;
  readonly #incarnation: Incarnation;
  readonly #policyDigest: number;
  readonly #recovery: Recovery;
  readonly #intake: Intake;
  readonly #exchange: Exchange;
  readonly #pulls: PullServer;
  readonly #writes: Writes;
  readonly #reads: Reads;
  readonly #lists: ListDesk;
  readonly #forwards: ForwardClient;
  readonly #housekeeping: Housekeeping;
  readonly #catchUp: CatchUp;
  readonly #resync: Resync;
  readonly #antiEntropy: AntiEntropy;
  readonly #admission: ReadAdmission;
  readonly #heartbeats: Heartbeats;
  readonly #peerCheck: PeerCheck;
  readonly #memory: Memory;
  readonly #grace: Grace;
  readonly #staleDisk: StaleDisk;
  readonly #succession: Succession;
  readonly #drain: Drain;
  #phase: Phase = 'starting';
  #drains = false;
  #isHalting = false;

  constructor(options: ReplicaOptions) {
    const core = createCore(options);
    const { settings, log, held, own, origin, metrics } = core;
    this.#core = core;
    this.metrics = metrics;
    this.timers = core.timers;
    this.#incarnation = options.incarnation;
    this.#policyDigest = policyDigest(options.policies);
    const park: Park = (origins, now) =>
      incredible(origins, this.#succession.stored(), origin, now);
    const onDone = (turn: Turn): void => this.#onRecovered(turn);
    this.#recovery = new Recovery(log, held, core.tree, metrics, park, onDone);
    this.#catchUp = new CatchUp(core);
    this.#admission = new ReadAdmission(core, this.#catchUp);
    this.#heartbeats = new Heartbeats(core, own, this.#admission);
    this.#peerCheck = new PeerCheck(core);
    this.#memory = new Memory(core);
    this.#grace = new Grace(core);
    this.#staleDisk = new StaleDisk(log, own, origin);
    this.#succession = new Succession(core, this.#catchUp, options.fits);
    this.#drain = new Drain(core);
    const heads = { head: (of: Origin) => Math.max(log.head(of), held.head(of)) };
    this.#exchange = new Exchange(heads, metrics, settings.frameBytes, RETRY_MS);
    this.#pulls = new PullServer(log, settings.frameBytes);
    this.#writes = new Writes(core, (...read) => this.#reads.begin(...read));
    const hasten: Hasten = (peer, of, turn) => this.#hasten(peer, of, turn);
    this.#reads = new Reads(core, this.#admission, hasten);
    this.#intake = new Intake(core, this.#exchange, this.#writes.claims, (of, turn) =>
      this.#reads.onAdvance(of, turn),
    );
    const heal: Heal = (namespace, key, turn) => this.#reads.heal(namespace, key, turn);
    const parts = { admission: this.#admission, reads: this.#reads, heal, hasten };
    this.#lists = new ListDesk(core, parts);
    this.#forwards = new ForwardClient(core, this.#admission, (command, turn) =>
      this.#onCommand(command, turn),
    );
    this.#housekeeping = new Housekeeping(core, this.#writes, heal);
    const shared = { ...core, catchUp: this.#catchUp, heal };
    this.#antiEntropy = new AntiEntropy(shared);
    const onJump = (lane: Lane): void => this.#relearn(lane);
    this.#resync = new Resync({ ...shared, retryMs: RETRY_MS, onJump });
  }

  get state(): ReplicaState {
    const isMeasuring = this.#core.agreed.state === 'measuring';
    return stateOf(this.#phase, this.#catchUp, this.#drain.isDrained, isMeasuring);
  }

  /** What it acknowledged may be missing here: it counts in no read. */
  get #mayLack(): boolean {
    return this.#catchUp.isReturning || !this.#grace.hasEnded;
  }

  /** Storage is read and verified: connections may open. */
  get recovered(): boolean {
    return this.#phase !== 'starting';
  }

  /** Requests that were taken and not answered. */
  get waiting(): number {
    const others = this.#lists.waiting + this.#forwards.waiting;
    return this.#writes.waiting + this.#reads.waiting + others;
  }

  /** Begins recovery. Once, before the first step. */
  begin(out: Outbox): void {
    this.#recovery.begin(out);
  }

  step(input: Input, turn: Turn): void {
    turn.now = this.#core.agreed.read(turn.now, turn);
    switch (input.kind) {
      case 'command':
        return this.#onCommand(input.command, turn);
      case 'message':
        return this.#onMessage(input.peer, input.message, turn);
      case 'connected':
        return this.#onConnected(input.peer, turn);
      case 'disconnected':
        return this.#onDisconnected(input.peer, turn);
      case 'seal':
        this.#core.commitAge.onSeal(turn.now.monoMs);
        this.#core.tree.seal(turn);
        return this.#core.log.seal(turn);
      case 'durable':
        return this.#onDurable(input.lsn, turn);
      case 'read':
        return input.owner.onRead(input.result, turn);
      case 'storage-failed':
        return this.#onStorageFailed(input.reason, turn);
      case 'disk':
        this.#core.commitAge.isDiskLow = input.room.low;
        return this.#core.room.onLook(input.room);
      case 'drain':
        return this.#onDrain();
      case 'halting':
        return this.#onHalting(turn);
      case 'stop':
        return this.#onStop(turn);
      case 'tick':
        return this.#onTick(turn);
      default:
        return unreachable(input);
    }
  }

  // ---- clients

  #onCommand(command: Command, turn: Turn): void {
    if (command.kind === 'status') return turn.reply(command.client, this.status(turn.now), 0);
    if (command.kind === 'drain' && (this.#phase === 'grace' || this.#phase === 'open'))
      return this.#drain.onCommand(command, turn);
    if (this.#phase !== 'open' || this.#catchUp.isReturning)
      return refuseClosed(this.#core, command.client, this.#phase, this.#catchUp, turn);
    if (this.#drain.refuses(command, turn) || this.#forwards.turnsAway(command, turn)) return;
    switch (command.kind) {
      case 'write':
      case 'run':
        return this.#writes.begin(command, turn);
      case 'read':
        return this.#reads.begin(command, turn);
      case 'list':
        return this.#lists.begin(command, turn);
      case 'explain':
        return this.#reads.explain(command, turn);
      case 'write-status':
        return writeStatusOf(this.#core, command, turn);
      case 'membership':
        return this.#succession.onCommand(command, turn);
      case 'drain':
        return this.#drain.onCommand(command, turn);
      case 'resync':
        return this.#antiEntropy.onCommand(command, turn);
      default:
        return unreachable(command);
    }
  }

  status(now: Now): Status {
    return statusOf(this.#core, this.#succession, this.state, now, {
      namespaces: this.#admission.report(now.monoMs),
      copied: this.#resync.progress,
      comparisons: this.#antiEntropy.comparisons,
      waiting: this.waiting,
      graceMs: this.#drain.graceMs(now),
    });
  }

  // ---- peers

  #onConnected(index: number, turn: Turn): void {
    this.#onDisconnected(index, turn);
    const says = { ...this.#succession.greeting(), remembers: this.#memory.of(index) };
    turn.send(index, greetingOf(this.#core, index, this.#policyDigest, says));
  }

  #onDisconnected(index: number, turn: Turn): void {
    const peer = this.#core.peers.get(index);
    if (peer === undefined) return;
    this.#core.peers.onDisconnected(peer);
    this.#core.freshness.onDisconnected(index);
    this.#core.agreed.onDisconnected(index);
    this.#reads.onDisconnected(index, turn);
    this.#lists.onDisconnected(index, turn);
    this.#writes.claims.onDisconnected(index, turn);
    this.#forwards.onDisconnected(index, turn);
    this.#resync.onDisconnected(index);
    this.#antiEntropy.onDisconnected(index, turn);
  }

  #onMessage(index: number, said: Message, turn: Turn): void {
    const peer = this.#core.peers.get(index);
    // A former member is told that it is one; nothing that it says counts.
    if (peer === undefined) return;
    peer.onHeard(turn.now.monoMs);
    const message = this.#peerCheck.admit(peer.member, said, turn);
    if (message === undefined) return;
    if (message.kind === 'hello') return this.#onHello(peer, message, turn);
    if (!peer.greeted) return;
    if (isOfTrees(message)) return this.#antiEntropy.onMessage(index, message, turn);
    if (isOfCopies(message)) {
      this.#resync.onMessage(peer, message, turn);
      return this.#checkCaughtUp(turn);
    }
    switch (message.kind) {
      case 'entries':
        return this.#onEntries(peer, message, turn);
      case 'ack':
        return this.#onAck(peer, message, turn);
      case 'heartbeat':
        return this.#onHeartbeat(peer, message, turn);
      case 'pull':
        if (!this.#core.own.isOwn(message.origin)) return this.#pulls.onPull(index, message, turn);
        return peer.onPull(message, turn);
      case 'read-request':
        return this.#reads.onRequest(index, message, this.#mayLack, turn);
      case 'read-reply':
        return this.#reads.onReply(index, message, turn);
      case 'forward-request':
      case 'forward-reply':
        return this.#forwards.onMessage(index, message, turn);
      case 'survey-request':
      case 'survey-reply':
        return this.#lists.onMessage(index, message, this.#mayLack, turn);
      case 'claim':
      case 'claim-reply':
        return this.#writes.claims.onMessage(index, message, this.#mayLack, turn);
      case 'repair':
        return this.#reads.onRepair(message, turn);
      case 'synod':
        return this.#succession.onMessage(index, message, turn);
      default:
        return this.#antiEntropy.onMessage(index, message, turn);
    }
  }

  #onHello(peer: Peer, hello: Hello, turn: Turn): void {
    if (!this.#succession.onHello(peer.member.index, hello, turn)) return;
    const { remembers = [] } = hello;
    for (const told of [hello.vector, remembers])
      if (this.#staleDisk.isProvedBy(told)) return this.#haltBehind(told, turn);
    if (hello.policyDigest !== this.#policyDigest) {
      turn.note('warn', 'policies-differ', { peer: peer.member.id });
    }
    if (peer.life !== hello.origin) this.#core.freshness.onNewLife(peer.member.index);
    this.#core.peers.onHello(peer, hello);
    this.#exchange.onHello(holderOf(peer));
    this.#core.clock.witness(hello.hlc, turn.now.wallMs);
    if (this.#catchUp.onRemembered(remembers, turn)) this.#succession.onLoss(turn);
    this.#writes.onSuperseded(hello.superseded);
    this.#onLearned(peer, hello.vector, turn);
    this.#reads.onConnected(turn);
    this.#antiEntropy.onConnected(peer.member.index);
    peer.sender.pump(turn);
    this.#heartbeats.tell(peer, turn);
    this.#checkCaughtUp(turn);
    if (this.#grace.isOver(turn)) this.#open(turn);
  }

  #haltBehind(vector: VectorEntries, out: Outbox): void {
    this.#phase = 'failed';
    this.#staleDisk.haltBehind(vector, out);
  }

  #onEntries(peer: Peer, message: Entries, turn: Turn): void {
    const { origin } = message;
    if (origin === this.#core.origin) return;
    if (this.#staleDisk.isLaterLife(origin)) return this.#haltBehind([[origin, 1]], turn);
    if (this.#core.own.isOwn(origin)) this.#relearn(this.#core.log.open(origin));
    this.#intake.onEntries(peer, message, turn);
  }

  /** A life of ours that this disk lost comes back from the peers: it is ours to stream again. */
  #relearn(lane: Lane): void {
    if (!this.#core.own.isOwn(lane.origin) || !this.#core.own.take(lane)) return;
    for (const peer of this.#core.peers.all()) peer.sender.lookBack();
  }

  /** A reader here waits for entries that this peer has. */
  #hasten(index: number, origin: Origin, turn: Turn): void {
    const peer = this.#core.peers.get(index);
    if (peer?.greeted === true) this.#exchange.hasten(holderOf(peer), origin, turn);
  }

  #onAck(peer: Peer, { superseded, vector, windowBytes }: Ack, turn: Turn): void {
    this.#writes.onSuperseded(superseded);
    peer.sender.onWindow(windowBytes);
    this.#onLearned(peer, vector, turn);
    peer.sender.pump(turn);
  }

  #onLearned(peer: Peer, vector: VectorEntries, turn: Turn): void {
    if (this.#staleDisk.isProvedBy(vector)) return this.#haltBehind(vector, turn);
    if (this.#catchUp.onLearned(vector, (of) => this.#core.own.isOwn(of), turn))
      this.#succession.onLoss(turn);
    peer.learn(vector);
    this.#memory.learn(peer.member.index, vector);
    const { origin } = this.#core;
    for (const [of, seq] of vector) {
      if (of === origin) this.#writes.onCursor(peer.member.index, seq, turn);
    }
    this.#writes.onProgress(turn);
    this.#reads.onProgress(turn);
  }

  #onHeartbeat(peer: Peer, heartbeat: Heartbeat, turn: Turn): void {
    this.#onLearned(peer, heartbeat.vector, turn);
    peer.sender.pump(turn);
    this.#heartbeats.onHeartbeat(peer, heartbeat, turn);
    this.#checkCaughtUp(turn);
  }

  // ---- storage

  #onDurable(lsn: number, turn: Turn): void {
    const { settings, log, table, self, origin, commitAge, peers, freshness } = this.#core;
    commitAge.onDurable(turn.now.monoMs);
    table.onDurable(lsn);
    this.#succession.onDurable(lsn, turn);
    this.#resync.onDurable(turn);
    const moved = log.onDurable(lsn, turn);
    this.#reads.onDurable(lsn, turn);
    this.#lists.onDurable(turn);
    for (const [of, seq] of moved) {
      if (of === origin) this.#writes.onCursor(self.index, seq, turn);
      else if (this.#core.own.isOwn(of)) for (const peer of peers.all()) peer.sender.lookBack();
    }
    peers.acknowledge(moved, settings.windowBytes, this.#core, turn);
    peers.pump(turn);
    for (const peer of peers.greeted())
      freshness.onShown(peer.member.index, log.durable, turn.now.monoMs);
    this.#antiEntropy.onDurable(turn);
    this.#writes.onProgress(turn);
    if (this.#phase === 'open') this.#housekeeping.onDurable(turn);
    this.#checkCaughtUp(turn);
  }

  // starting -> grace
  #onRecovered(turn: Turn): void {
    const { log, clock, origin, settings } = this.#core;
    assert(this.#incarnation > this.#recovery.incarnation, 'every start is a new life');
    this.#core.own.begin(log, origin);
    for (const lane of log.lanes()) clock.raise(lane.hlc);
    raiseToFloor(this.#core, turn);
    writeIncarnation(this.#incarnation, turn);
    this.#phase = this.#drains ? 'draining' : 'grace';
    this.#grace.begin(turn);
    turn.arm('heartbeat', turn.now.monoMs);
    this.#catchUp.begin(this.#recovery.incarnation === 0, turn);
    this.#memory.begin();
    this.#resync.begin();
    this.#drain.begin();
    this.#writes.claims.open(turn.now);
    this.#succession.begin(turn);
    this.#peerCheck.begin(this.#succession.membership);
    if (settings.members.length === 1) this.#open(turn);
  }

  // grace -> open
  #open(turn: Turn): void {
    if (this.#phase !== 'grace' || this.#catchUp.isReturning) return;
    this.#phase = 'open';
    this.#grace.end(turn);
    this.#checkCaughtUp(turn);
    turn.note('info', 'open', {
      origin: this.#core.origin,
      afterMs: Math.round(turn.now.monoMs),
    });
  }

  // * -> failed
  #onStorageFailed(reason: string, out: Outbox): void {
    this.#phase = 'failed';
    out.note('error', 'storage-failed', { reason });
    out.halt('storage failed');
  }

  // starting -> starting, which ends in draining; grace, open -> draining
  #onDrain(): void {
    this.#drains = true;
    if (this.#phase === 'grace' || this.#phase === 'open') this.#phase = 'draining';
  }

  // draining -> draining; * -> failed
  #onStop(turn: Turn): void {
    this.#onHalting(turn);
    if (this.#phase !== 'draining') this.#phase = 'failed';
    this.#writes.failAll(turn);
  }

  /** Nobody is heard any more, and what may have been written waits for its own disk. */
  #onHalting(turn: Turn): void {
    this.#isHalting = true;
    this.timers.keepOnly(HALTING_TIMERS);
    const isEnding = this.#phase === 'draining' || this.#succession.isOver;
    const code = isEnding ? 'draining' : 'storage-failed';
    this.#writes.failUnwritten(code, turn);
    for (const each of [this.#reads, this.#lists, this.#forwards]) each.failAll(code, turn);
    this.#succession.abandon(turn);
  }

  #checkCaughtUp(turn: Turn): void {
    if (this.#phase !== 'open' && this.#phase !== 'grace') return;
    const hasReturned = this.#catchUp.check(this.#phase === 'open', turn);
    if (hasReturned && !this.#grace.isRunning) this.#open(turn);
  }

  #onTick(turn: Turn): void {
    if (this.#isHalting) return this.#writes.expireLate(turn);
    if (turn.takeDue('grace') && this.#grace.isOver(turn)) this.#open(turn);
    this.#writes.onTimer(turn);
    this.#reads.onTimer(turn);
    this.#lists.onTimer(turn);
    this.#forwards.onTimer(turn);
    if (!turn.takeDue('heartbeat')) return;
    turn.arm('heartbeat', turn.now.monoMs + this.#core.settings.heartbeatMs);
    this.#beat(turn);
  }

  #beat(turn: Turn): void {
    const { nearness, origin, peers } = this.#core;
    this.#intake.look(turn);
    if (this.#phase === 'open') this.#admission.look(turn.now);
    this.#heartbeats.beat(turn);
    this.#memory.beat(turn);
    nearness.rank();
    peers.pump(turn);
    this.#exchange.look(peers.greeted().map(holderOf), origin, turn);
    this.#resync.look(turn);
    this.#succession.look(turn);
    if (this.#phase !== 'open') return;
    this.#antiEntropy.look(turn);
    const isServing = this.state === 'serving';
    this.#housekeeping.onBeat({ isServing, isCopying: this.#resync.isCopying }, turn);
  }
}
