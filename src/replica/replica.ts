// The switchboard: `step` is the only entry into the deterministic core. It routes an input to the
// parts concerned, in their order (part.ts), and contains no logic of its own. lifecycle.ts has the
// phase of the replica in its incarnation.
//
// Every start is a new incarnation with a log of its own, so a dot is never issued twice, whatever
// the disk lost (rule S2 in docs/storage.md). Peers that know an incarnation of ours which we do
// not know prove that the disk is an old copy: the replica notes it, halts before it has minted
// anything, and starts again with a later number.

import { assert, unreachable } from '../base/assert.ts';
import type { Command } from '../model/command.ts';
import type { Asker, Input, Lsn, Now, Outbox, Turn } from '../model/effect.ts';
import type { Incarnation } from '../model/id.ts';
import type { Metrics } from '../model/metrics.ts';
import { policyDigest } from '../model/policy.ts';
import type { ReplicaState, Status } from '../model/status.ts';
import type { ClusterCommand } from '../model/terms.ts';
import type { Timer, Timers } from '../model/timer.ts';
import { raiseToFloor } from '../lag/commit-age.ts';
import type { Fits } from '../membership/succession.ts';
import { writeIncarnation } from '../store/incarnation.ts';
import type { Entrance } from './admission/entrance.ts';
import { type Core, type CoreOptions, createCore } from './core.ts';
import { Drain } from '../membership/drain.ts';
import { ORDER, type Part } from './part.ts';
import { createMachines, entranceOf, type Machines, tableOf } from './parts.ts';
import { PeerDesk } from './peer-desk.ts';
import { closedFault, Lifecycle, stateOf } from './lifecycle.ts';
import { statusOf, writeStatusOf } from './status.ts';

export interface ReplicaOptions extends CoreOptions {
  /** If it is omitted, any members are accepted. */
  readonly fits?: Fits | undefined;
}

/** Writes that may have happened keep their deadlines while the replica halts. */
const HALTING_TIMERS: readonly Timer[] = ['write', 'replay'];

export class Replica {
  readonly metrics: Metrics;
  readonly sessions: Core['sessions'];
  readonly timers: Timers;
  readonly #core: Core;
  readonly #machines: Machines;
  readonly #entrance: Entrance;
  readonly #parts: readonly Part[];
  readonly #peerDesk: PeerDesk;
  readonly #drain: Drain;
  readonly #incarnation: Incarnation;
  readonly #lifecycle = new Lifecycle();

  constructor(options: ReplicaOptions) {
    const core = createCore(options);
    this.#core = core;
    this.metrics = core.metrics;
    this.sessions = core.sessions;
    this.timers = core.timers;
    this.#incarnation = options.incarnation;
    this.#drain = new Drain(core);
    this.#machines = createMachines(core, {
      fits: options.fits,
      admits: (command, terms, turn) => this.#entrance.admits(command, terms, turn),
      run: (command, turn) => this.#onCommand(command, turn),
      onRecovered: (turn) => this.#onRecovered(turn),
    });
    this.#entrance = entranceOf(core, this.#machines, {
      drain: this.#drain,
      closed: () => closedFault(this.#lifecycle.phase, this.#machines.catchUp, core.peers),
      serve: (command, turn) => this.#serve(command, turn),
    });
    const table = tableOf(core, this.#machines, this);
    this.#parts = ORDER.map((name) => table[name]);
    this.#peerDesk = new PeerDesk(core, this.#machines, {
      policyDigest: policyDigest(options.policies),
      haltBehind: (vector, turn) => {
        this.#lifecycle.fail();
        this.#machines.staleDisk.haltBehind(vector, turn);
      },
      onGreeted: (turn) => {
        this.#checkCaughtUp(turn);
        if (this.#machines.grace.isOver(turn)) this.#open(turn);
      },
      checkCaughtUp: (turn) => this.#checkCaughtUp(turn),
    });
  }

  get state(): ReplicaState {
    const isMeasuring = this.#core.agreed.state === 'measuring';
    return stateOf(
      this.#lifecycle.phase,
      this.#machines.catchUp,
      this.#drain.isDrained,
      isMeasuring,
    );
  }

  get isOpen(): boolean {
    return this.#lifecycle.isOpen;
  }

  get isServing(): boolean {
    return this.state === 'serving';
  }

  /** Storage is read and verified: connections may open. */
  get recovered(): boolean {
    return this.#lifecycle.phase !== 'starting';
  }

  /** The next start will replay nothing, once everything that was written is durable. */
  get isStored(): boolean {
    return !this.recovered || this.#core.checkpoint.isComplete;
  }

  /** Accepted requests that are not answered yet. */
  get waiting(): number {
    return this.#parts.reduce((sum, { waiting = 0 }) => sum + waiting, 0);
  }

  /** Begins recovery. Once, before the first step. */
  begin(out: Outbox): void {
    assert(!this.recovered, 'replica: storage is read once');
    this.#machines.recovery.begin(out);
  }

  step(input: Input, turn: Turn): void {
    turn.now = this.#core.agreed.read(turn.now, turn);
    switch (input.kind) {
      case 'command':
        return this.#onCommand(input.command, turn);
      case 'message':
        return this.#peerDesk.onMessage(input.peer, input.message, turn);
      case 'connected':
        this.#onDisconnected(input.peer, turn);
        return this.#peerDesk.onConnected(input.peer, turn);
      case 'disconnected':
        return this.#onDisconnected(input.peer, turn);
      case 'seal':
        this.#core.commitAge.onSeal(turn.now.monoMs);
        this.#core.checkpoint.onSeal(turn);
        return this.#core.log.seal(turn);
      case 'durable':
        return this.#onDurable(input.lsn, turn);
      case 'read':
        return input.owner.onRead(input.result, turn);
      case 'answer':
        return input.owner.onAnswer(input.reply, turn);
      case 'storage-failed':
        return this.#onStorageFailed(input.reason, turn);
      case 'disk':
        this.#core.commitAge.isDiskLow = input.room.low;
        return this.#core.room.onLook(input.room);
      case 'shut-down':
        return this.#lifecycle.shutDown();
      case 'checkpoint':
        return this.#core.checkpoint.requestLast(turn);
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

  #onCommand(command: Command<Asker>, turn: Turn): void {
    if (command.kind === 'status') return this.#serve(command, turn);
    if (command.kind === 'drain' && this.#lifecycle.isRunning) return this.#serve(command, turn);
    this.#entrance.enter(command, turn);
  }

  #serve(command: ClusterCommand, turn: Turn): void {
    switch (command.kind) {
      case 'status':
        return turn.reply(command.client, this.status(turn.now), 0);
      case 'write-status':
        return writeStatusOf(this.#core, command, turn);
      case 'membership':
        return this.#machines.succession.onCommand(command, turn);
      case 'drain':
        return this.#drain.onCommand(command, turn);
      case 'resync':
        return this.#machines.antiEntropy.onCommand(command, turn);
      default:
        return unreachable(command);
    }
  }

  status(now: Now): Status {
    return statusOf(this.#core, this.#machines, this.state, now, {
      namespaces: this.#machines.admission.report(now.monoMs),
      waiting: this.waiting,
      isDrained: this.#drain.isDrained,
      graceMs: this.#drain.graceMs(now),
    });
  }

  // ---- peers

  /** The state of the peer is dropped before a part looks for another peer to ask. */
  #onDisconnected(index: number, turn: Turn): void {
    const { agreed, staleness, peers } = this.#core;
    const peer = peers.get(index);
    if (peer === undefined) return;
    peers.onDisconnected(peer);
    staleness.onDisconnected(index);
    agreed.onDisconnected(index);
    for (const part of this.#parts) part.onDisconnected?.(index, turn);
  }

  // ---- storage

  /** The durable vector is updated before the parts are notified. */
  #onDurable(lsn: Lsn, turn: Turn): void {
    const { commitAge, log, table } = this.#core;
    commitAge.onDurable(turn.now.monoMs);
    table.cells.onDurable(lsn);
    const moved = log.onDurable(lsn, turn);
    const mutations = this.isOpen ? this.#machines.inflow.take() : 0;
    const durable = { lsn, moved, mutations };
    for (const part of this.#parts) part.onDurable?.(durable, turn);
    this.#checkCaughtUp(turn);
  }

  // starting -> grace
  #onRecovered(turn: Turn): void {
    const { log, clock, origin, own, settings } = this.#core;
    const { catchUp, grace, memory, peerCheck, recovery, succession, writes } = this.#machines;
    assert(this.#incarnation > recovery.incarnation, 'replica: every start is a new incarnation');
    this.#core.checkpoint.open(turn);
    own.begin(log, origin);
    for (const lane of log.lanes()) clock.raise(lane.hlc);
    raiseToFloor(this.#core, turn);
    writeIncarnation(this.#incarnation, turn);
    this.#lifecycle.onRecovered();
    grace.begin(turn);
    turn.arm('heartbeat', turn.now.monoMs);
    catchUp.begin(recovery.incarnation === 0, turn);
    memory.begin();
    this.#drain.begin();
    writes.claims.open(turn.now);
    succession.begin(turn);
    peerCheck.begin(succession.membership);
    if (settings.members.length === 1) this.#open(turn);
  }

  // grace -> open
  #open(turn: Turn): void {
    const { catchUp, grace } = this.#machines;
    if (!this.#lifecycle.isInGrace || catchUp.isReturning) return;
    this.#lifecycle.open();
    grace.end(turn);
    this.#checkCaughtUp(turn);
    const afterMs = Math.round(turn.now.monoMs);
    turn.note('info', 'open', { origin: this.#core.origin, afterMs });
  }

  // * -> failed
  #onStorageFailed(reason: string, out: Outbox): void {
    this.#lifecycle.fail();
    out.note('error', 'storage-failed', { reason });
    out.halt('storage failed');
  }

  #onStop(turn: Turn): void {
    this.#onHalting(turn);
    this.#lifecycle.stop();
    this.#machines.writes.failAll(turn);
  }

  /** Peers are ignored from now on, and writes that may have happened wait for the local disk. */
  #onHalting(turn: Turn): void {
    this.#lifecycle.halt();
    this.timers.keepOnly(HALTING_TIMERS);
    const isEnding = this.#lifecycle.phase === 'shutting-down' || this.#machines.succession.isOver;
    const code = isEnding ? 'draining' : 'storage-failed';
    for (const part of this.#parts) part.stop?.(code, turn);
  }

  #checkCaughtUp(turn: Turn): void {
    if (!this.#lifecycle.isRunning) return;
    const hasReturned = this.#machines.catchUp.check(this.isOpen, turn);
    if (hasReturned && !this.#machines.grace.isRunning) this.#open(turn);
  }

  #onTick(turn: Turn): void {
    if (this.#lifecycle.isHalting) return this.#machines.writes.expireLate(turn);
    if (turn.takeDue('grace') && this.#machines.grace.isOver(turn)) this.#open(turn);
    for (const part of this.#parts) part.onDue?.(turn);
    if (!turn.takeDue('heartbeat')) return;
    turn.arm('heartbeat', turn.now.monoMs + this.#core.settings.heartbeatMs);
    for (const part of this.#parts) part.onBeat?.(turn);
  }
}
