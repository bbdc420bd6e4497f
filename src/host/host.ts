// The host drives the core: the only caller of `replica.step`, and the same in production and in
// simulation.
//
// A turn starts as soon as there is input and none is running. It takes the inputs that have
// arrived, up to a bound, steps each, hands one batch to storage, and then sends and replies. One
// commit is in progress at a time; further turns run meanwhile and their writes join the next
// commit, so commits group themselves and need no timer.
//
// Invariants:
// (1) a batch is handed over before anything of its turn is sent or replied;
// (2) a reply leaves only when the batch it depends on is durable;
// (3) after a storage failure nothing is committed or acknowledged;
// (4) once the core asks for a halt it gets only storage and timer events, until earlier writes are
//     durable or lost: requests that have written nothing are refused at once, the others keep
//     their deadlines. Then every waiting client is answered, and nothing happens any more;
// (5) at most `inboxMax` commands and `messagesMax` messages of peers wait for a turn. Beyond it a
//     command is refused, and a message is dropped, as a network may drop any: its sender sends it
//     again, or asks again.
//
//   phase  recovering -> running -> halted        storage is read; the network is open; all ended
//   disk   idle -> committing -> idle, poisoned   one batch at a time; a failed one is the last

import { assert } from '../base/assert.ts';
import { createRing } from '../base/ring.ts';
import type { Command } from '../model/command.ts';
import type { DiskRoom } from '../model/disk.ts';
import type { Ending, Input, Lsn, Now } from '../model/effect.ts';
import { fault } from '../model/fault.ts';
import type { Message } from '../model/message.ts';
import type { Metrics } from '../model/metrics.ts';
import type { Policy } from '../model/policy.ts';
import type { Clock, Network, ReplicaService, Scheduler, Storage, Trace } from '../model/port.ts';
import type { SessionFacts } from '../model/session.ts';
import type { Settings } from '../model/settings.ts';
import { STOPPED } from '../model/reasons.ts';
import type { ReplicaState, Status } from '../model/status.ts';
import { Replica, type ReplicaOptions } from '../replica/replica.ts';
import { Gate } from './gate.ts';
import { bytesIn, TURN_BYTES_MAX } from './input-bytes.ts';
import { HandOver } from './hand-over.ts';
import { HostTurn } from './turn.ts';

export interface HostOptions {
  readonly settings: Settings;
  readonly policies: readonly Policy[];
  readonly incarnation: number;
  readonly storage: Storage;
  readonly network: Network;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly trace: Trace;
  /** This incarnation is over. */
  readonly onHalt: (reason: string, ending: Ending) => void;
  /** Why the policies do not allow these members, or `undefined`. */
  readonly fits?: ReplicaOptions['fits'];
}

export class Host implements ReplicaService {
  readonly #options: HostOptions;
  readonly #replica: Replica;
  readonly #inbox = createRing<Input>(1024);
  readonly #turn: HostTurn;
  readonly #hand: HandOver;
  readonly #gate: Gate;
  #scheduled = false;
  #phase: 'recovering' | 'running' | 'halted' = 'recovering';
  #disk: 'idle' | 'committing' | 'poisoned' = 'idle';
  /** Messages of peers among the inputs that wait for a turn. */
  #messages = 0;
  /** The batch that was handed over last. */
  #committed: Lsn = 0;
  #timerMs = Number.POSITIVE_INFINITY;

  constructor(options: HostOptions) {
    const { settings, policies, incarnation, storage, fits } = options;
    this.#options = options;
    this.#replica = new Replica({
      settings,
      policies,
      incarnation,
      get: (key) => storage.get(key),
      fits,
    });
    this.#turn = new HostTurn(this.#replica.timers);
    this.#hand = new HandOver(this.#replica.metrics, options.trace);
    this.#gate = new Gate();
  }

  get state(): ReplicaState {
    return this.#replica.state;
  }

  get metrics(): Metrics {
    return this.#replica.metrics;
  }

  get sessions(): SessionFacts {
    return this.#replica.sessions;
  }

  /** Accepted requests that are not answered yet. */
  get waiting(): number {
    return this.#replica.waiting + this.#inbox.size + this.#gate.waiting;
  }

  status(): Status {
    return this.#replica.status(this.#now());
  }

  /** Recovers from storage, then opens the network. Once. */
  start(): void {
    assert(this.#phase === 'recovering', 'host: started once');
    this.#replica.begin(this.#turn);
    this.#drain(this.#now());
  }

  submit(command: Command): void {
    if (this.#phase === 'halted') {
      this.#turnAway(command);
    } else if (this.#inbox.size >= this.#options.settings.inboxMax) {
      const reason = fault('overloaded', INBOX_FULL, { retryAfterMs: 1000 });
      this.#hand.give(command.client, { kind: 'failed', fault: reason });
    } else {
      this.#take({ kind: 'command', command });
    }
  }

  /** Accepts no more requests; accepted ones are finished. */
  shutDown(): void {
    this.#take({ kind: 'shut-down' });
  }

  /**
   * Waiting clients are answered: for a begun write, that its outcome is unknown. After `shutDown`.
   */
  giveUp(): void {
    this.#take({ kind: 'stop' });
  }

  /** No input arrives any more: what is only in memory is written to disk, until `isStored`. */
  checkpoint(): void {
    this.#take({ kind: 'checkpoint' });
  }

  /** The table on disk has everything, or nothing more can be written. */
  get isStored(): boolean {
    return this.#phase === 'halted' || (this.#replica.isStored && this.#isSettled());
  }

  /** The disk was measured. */
  disk(room: DiskRoom): void {
    this.#take({ kind: 'disk', room });
  }

  #takeMessage(peer: number, message: Message): void {
    if (this.#messages >= this.#options.settings.messagesMax) {
      this.#replica.metrics.peerMessagesDropped++;
      return;
    }
    this.#messages++;
    assert(this.#messages <= this.#options.settings.messagesMax, 'host (5): messages are bounded');
    this.#take({ kind: 'message', peer, message });
  }

  #take(input: Input): void {
    if (this.#phase === 'halted') return;
    this.#inbox.push(input);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#options.scheduler.soon(() => this.#runTurn());
  }

  #runTurn(): void {
    this.#scheduled = false;
    if (this.#phase === 'halted') return;
    const now = this.#now();
    const { turnInputsMax } = this.#options.settings;
    for (let taken = 0, bytes = 0; taken < turnInputsMax && bytes < TURN_BYTES_MAX; taken++) {
      const input = this.#inbox.shift();
      if (input === undefined) break;
      if (input.kind === 'message') this.#messages--;
      assert(this.#messages >= 0, 'host (5): the messages that wait are counted');
      bytes += bytesIn(input);
      this.#step(input, now);
    }
    if (this.#replica.timers.nextMs <= now.monoMs) this.#step(TICK, now);
    if (this.#gate.timerMs <= now.monoMs) this.#gate.expire(this.#turn.at(now));
    this.#commit(now);
    this.#drain(now);
    if (this.#inbox.size > 0) this.#schedule();
    this.#arm(now);
  }

  #step(input: Input, now: Now): void {
    assert(this.#phase !== 'halted', 'host (4): nothing happens any more');
    const isHalting = this.#turn.haltReason !== undefined;
    if (isHalting && !outlivesHalt(input)) return this.#ignore(input);
    this.#guard(input, now);
    this.#replica.step(input, this.#turn.at(now));
    if (!isHalting && this.#turn.haltReason !== undefined)
      this.#replica.step({ kind: 'halting' }, this.#turn.at(now));
  }

  /**
   * What the gate must know of an input before the core handles it, such as what this turn has sent
   * so far.
   */
  #guard(input: Input, now: Now): void {
    const { kind } = input;
    const isTurned = kind === 'connected' || kind === 'disconnected';
    if (!isTurned && kind !== 'durable' && kind !== 'storage-failed') return;
    this.#hold();
    if (isTurned) this.#gate.forget(input.peer);
    else if (kind === 'durable') this.#gate.open(input.lsn, this.#turn.at(now));
    else this.#gate.failAll(this.#turn.at(now));
  }

  #hold(): void {
    const turn = this.#turn;
    for (const outgoing of turn.gated) this.#gate.hold(outgoing, turn);
    turn.gated.length = 0;
  }

  #commit(now: Now): void {
    if (this.#disk !== 'idle' || !this.#turn.hasWrites) return;
    this.#replica.step({ kind: 'seal' }, this.#turn.at(now));
    const { lsn } = this.#turn;
    assert(lsn > this.#committed, 'host (2): batches are numbered in the order of their commits');
    const batch = this.#turn.takeBatch();
    this.#disk = 'committing';
    this.#committed = lsn;
    this.#options.storage.commit(batch, (failure) =>
      this.#onCommitted(lsn, batch.keys.length, now, failure),
    );
  }

  #onCommitted(lsn: Lsn, operations: number, began: Now, failure: string | undefined): void {
    assert(
      this.#disk === 'committing',
      'host (3): a commit ends once, and none ends after a failure',
    );
    if (failure !== undefined) {
      this.#disk = 'poisoned';
      this.#take({ kind: 'storage-failed', reason: failure });
      return;
    }
    this.#disk = 'idle';
    this.#options.trace.committed(lsn, operations, this.#options.clock.monoMs() - began.monoMs);
    this.#take({ kind: 'durable', lsn });
  }

  /** Everything that the turn requested, in the order of the contract: sends, then replies. */
  #drain(now: Now): void {
    const { network, storage, trace } = this.#options;
    const turn = this.#turn;
    assert(
      !turn.hasWrites || this.#disk !== 'idle',
      'host (1): what a turn has written is handed over before anything of it leaves',
    );
    for (const { level, event, fields } of turn.notes) trace.note(level, event, fields);
    this.#hold();
    for (let i = 0; i < turn.messages.length; i++) {
      network.send(turn.peers[i] as number, turn.messages[i] as (typeof turn.messages)[number]);
    }
    if (turn.messages.length > 0) network.flush();
    this.#reply();
    for (const { request, owner } of turn.reads) {
      storage.range(request, (result) => this.#take({ kind: 'read', owner, result }));
    }
    for (const { from, to } of turn.clears) {
      storage.clear(from, to, (failure) => {
        if (failure !== undefined) this.#take({ kind: 'storage-failed', reason: failure });
      });
    }
    turn.notes.length = 0;
    turn.peers.length = 0;
    turn.messages.length = 0;
    turn.reads.length = 0;
    turn.clears.length = 0;
    if (turn.haltReason !== undefined) {
      if (this.#isSettled()) this.#halt(turn.haltReason, now);
    } else if (this.#replica.recovered && this.#phase === 'recovering') {
      this.#startNetwork();
    }
  }

  #reply(): void {
    const { answers, replies } = this.#turn;
    const ageMs = replies.length > 0 ? this.#options.clock.monoMs() - this.#turn.now.monoMs : 0;
    for (const { client, reply } of replies) this.#hand.give(client, reply, ageMs);
    for (const { owner, reply } of answers) this.#take({ kind: 'answer', owner, reply });
    replies.length = 0;
    answers.length = 0;
  }

  /** What was written is durable, and the answers to it are sent; or they never will be. */
  #isSettled(): boolean {
    if (this.#disk !== 'idle') return this.#disk === 'poisoned';
    return !this.#turn.hasWrites && this.#turn.durable === this.#committed;
  }

  // recovering -> running
  #startNetwork(): void {
    assert(this.#phase === 'recovering', 'host: the network opens once');
    this.#phase = 'running';
    this.#options.network.start({
      onConnected: (peer) => this.#take({ kind: 'connected', peer }),
      onMessage: (peer, message) => this.#takeMessage(peer, message),
      onDisconnected: (peer) => this.#take({ kind: 'disconnected', peer }),
    });
  }

  // recovering, running -> halted
  #halt(reason: string, now: Now): void {
    if (this.#phase === 'halted') return;
    assert(this.#isSettled(), 'host (4): what was written before a halt is durable or lost');
    this.#phase = 'halted';
    this.#replica.step({ kind: 'stop' }, this.#turn.at(now));
    this.#hold();
    this.#gate.failAll(this.#turn);
    this.#reply();
    for (let input = this.#inbox.shift(); input !== undefined; input = this.#inbox.shift()) {
      this.#ignore(input);
    }
    this.#options.onHalt(reason, this.#turn.ending);
  }

  #arm(now: Now): void {
    const dueMs = Math.min(this.#replica.timers.nextMs, this.#gate.timerMs);
    if (dueMs === this.#timerMs || dueMs === Number.POSITIVE_INFINITY) return;
    this.#timerMs = dueMs;
    const delayMs = Math.max(dueMs - now.monoMs, 0);
    this.#options.scheduler.arm(delayMs, () => {
      this.#timerMs = Number.POSITIVE_INFINITY;
      this.#take(TICK);
    });
  }

  /** Requests after the end have no effect; their client gets a refusal. */
  #ignore(input: Input): void {
    if (input.kind === 'command') this.#turnAway(input.command);
  }

  #turnAway({ client }: Command): void {
    const { ending } = this.#turn;
    const isBroken = ending === 'restart' || ending === 'damaged';
    const code = isBroken ? 'storage-failed' : 'draining';
    const reason = fault(code, STOPPED);
    this.#hand.give(client, { kind: 'failed', fault: reason });
  }

  #now(): Now {
    const { clock } = this.#options;
    return { wallMs: clock.wallMs(), monoMs: clock.monoMs() };
  }
}

const TICK: Input = { kind: 'tick' };
const INBOX_FULL = 'too many requests wait for this replica; nothing happened. Try again later';

/** Once a halt is requested, only storage and deadlines are handled. */
function outlivesHalt({ kind }: Input): boolean {
  return kind === 'durable' || kind === 'storage-failed' || kind === 'tick';
}

export function createHost(options: HostOptions): Host {
  return new Host(options);
}
