// A whole cluster in one process and one thread: real hosts over a simulated world, network and
// disk. Every verb is one line, time passes only in a verb, and a run depends on nothing but its
// seed.
//
//  put get del list status …      ask one replica and let time pass until it answers, or until its
//                                 process dies
//  begin                          ask without waiting; the answer is entered into the call later
//  crash powerCut pause jump …    faults of a process, its clock and its disk
//  cut heal run                   the network between replicas, and time
//
// A process that halts is started again after a moment, as its supervisor would do.

import { present } from '../../src/base/assert.ts';
import { boot, storedIncarnation } from '../../src/host/boot.ts';
import { createHost, type Host } from '../../src/host/host.ts';
import type { Command, Condition } from '../../src/model/command.ts';
import type { Message } from '../../src/model/message.ts';
import type { Ending, NoteFields } from '../../src/model/effect.ts';
import {
  type Dot,
  formatDot,
  nextIncarnation,
  type Region,
  type ReplicaId,
} from '../../src/model/id.ts';
import {
  bootMembership,
  type Membership,
  membersIn,
  type Place,
} from '../../src/model/membership.ts';
import { compilePolicies, type Policy } from '../../src/model/policy.ts';
import { type Network, type Trace, UNREADABLE } from '../../src/model/port.ts';
import { majority, type Member } from '../../src/model/quorum.ts';
import type { Reply } from '../../src/model/reply.ts';
import type { Settings } from '../../src/model/settings.ts';
import { unseal } from '../../src/store/envelope.ts';
import { voteKey } from '../../src/membership/synod.ts';
import { readVote } from '../../src/model/membership-bytes.ts';
import { latestOf as versionOf } from '../../src/model/record.ts';
import type { Status } from '../../src/model/status.ts';
import { bytes, key, membersOf, namespace, settingsOf, text } from '../support/build.ts';
import { ClockError } from './clock-error.ts';
import { MemoryDisk } from './memory-disk.ts';
import { MemoryNetwork, type MemoryNetworkOptions, type MemoryPort } from './memory-network.ts';
import { MemoryStorage, type Outcome } from './memory-storage.ts';
import { Oracle } from './oracle.ts';
import {
  createNode,
  createWorld,
  type Node,
  type NodeOptions,
  type SimulatedWorld,
} from './world.ts';

export interface ClusterOptions {
  readonly seed?: number;
  readonly regions?: readonly string[];
  /** The regions of replicas that do not run yet; they start when they are invited. */
  readonly spares?: readonly string[];
  /** As in a configuration file. */
  readonly namespaces?: { readonly [name: string]: object };
  readonly settings?: Partial<Settings>;
  readonly network?: Partial<MemoryNetworkOptions>;
  readonly clocks?: readonly NodeOptions[];
  /** The duration of a commit. */
  readonly commitMs?: number;
  /** From a halt to the next start. */
  readonly restartMs?: number;
}

/** An observer of what a process receives from its network. */
export interface Listener {
  onHeard(n: number, peer: number): void;
  /** A connection begins or ends. */
  onChange(n: number, peer: number): void;
}

/** One question to one replica. */
export interface Call {
  readonly replica: number;
  readonly beganMs: number;
  /** The answer; `broken` if the process died first: the outcome is unknown. */
  outcome: Reply | 'broken' | undefined;
  endedMs: number;
  /** Called once, when the outcome is known. */
  readonly onEnd: ((call: Call) => void) | undefined;
  /** The client has gone, so an answer is discarded. */
  isGivenUp: boolean;
  /** The process was paused, or died, at some time before the answer. */
  isExcused: boolean;
}

export interface Note {
  readonly atMs: number;
  readonly replica: number;
  readonly level: string;
  readonly event: string;
  readonly fields: NoteFields;
}

export type WriteOptions = Partial<
  Pick<
    Command & { kind: 'write' },
    | 'w'
    | 'r'
    | 'timeoutMs'
    | 'ttlMs'
    | 'conditions'
    | 'idempotency'
    | 'session'
    | 'respondAsync'
    | 'returnsOld'
    | 'removes'
  >
> & { readonly ns?: string };
export type ReadOptions = Partial<
  Pick<Command & { kind: 'read' }, 'r' | 'timeoutMs' | 'session' | 'boundMs' | 'onUnmet'>
> & {
  readonly ns?: string;
};
export type ListOptions = Partial<
  Omit<Command & { kind: 'list' }, 'kind' | 'client' | 'namespace'>
> & { readonly ns?: string };

/** A command without its client. */
export type Asked = Command extends infer C
  ? C extends Command
    ? Omit<C, 'client'>
    : never
  : never;

const ANSWER_MS_MAX = 60_000;
const SETTLE_MS_MAX = 60_000;
const SETTLE_STEP_MS = 5;
/** The time from the end of an incarnation to the start of the next one with new members. */
const RENEW_MS = 5;

export class Cluster {
  readonly world: SimulatedWorld;
  readonly network: MemoryNetwork;
  /** The members of the beginning. */
  readonly members: readonly Member[];
  /** By the index of a replica, spares included. */
  readonly places: readonly Place[];
  readonly replicas: readonly Replica[];
  readonly notes: Note[] = [];
  /** Compares what replicas report with their disks. */
  readonly oracle = new Oracle();
  /** Called for every arriving message, if set. */
  listener: Listener | undefined;
  /** Called for every message that a replica sends. */
  onSend: ((from: number, to: number, message: Message) => void) | undefined;
  /** Entries that a replica received from a replica other than their origin. */
  entriesPassedOn = 0;

  constructor(options: ClusterOptions = {}) {
    const { seed = 1, regions = ['ap', 'eu', 'us'], namespaces = { ns: {} } } = options;
    this.world = createWorld(seed);
    this.members = membersOf(regions).map((member) => ({ ...member, peerAddress: member.id }));
    const { spares = [] } = options;
    this.places = [...this.members, ...spares.map(sparePlace)];
    const replicas = this.places.length;
    this.network = new MemoryNetwork(this.world, { ...options.network, replicas });
    this.replicas = this.places.map(
      (_, index) => new Replica(this, index, { ...options, namespaces }),
    );
    for (const { index } of this.members) this.replica(index).invite();
  }

  get nowMs(): number {
    return this.world.now();
  }

  // ---- clients

  put(n: number, name: string, value: string, options: WriteOptions = {}): Reply | 'broken' {
    return this.answer(this.begin(n, putOf(name, value, options)));
  }

  del(n: number, name: string, options: WriteOptions = {}): Reply | 'broken' {
    return this.answer(this.begin(n, delOf(name, options)));
  }

  get(n: number, name: string, options: ReadOptions = {}): Reply | 'broken' {
    return this.answer(this.begin(n, getOf(name, options)));
  }

  list(n: number, options: ListOptions = {}): Reply | 'broken' {
    return this.answer(this.begin(n, listOf(options)));
  }

  explain(n: number, name: string, ns = 'ns'): Reply | 'broken' {
    const asked = { kind: 'explain', namespace: namespace(ns), key: key(name) } as const;
    return this.answer(this.begin(n, { ...asked, timeoutMs: undefined }));
  }

  where(n: number, dot: Dot): Reply | 'broken' {
    return this.answer(this.begin(n, { kind: 'write-status', dot }));
  }

  status(n: number): Status {
    const reply = this.answer(this.begin(n, { kind: 'status' }));
    if (reply === 'broken' || reply.kind !== 'status') throw new Error('a replica has a status');
    return reply;
  }

  /** The value at a replica as a plain read there returns it, or its answer instead. */
  value(n: number, name: string, ns = 'ns'): string {
    return shown(this.get(n, name, { r: 1, ns }));
  }

  begin(n: number, asked: Asked, onEnd?: (call: Call) => void): Call {
    const { nowMs: beganMs } = this;
    const call: Call = {
      replica: n,
      beganMs,
      outcome: undefined,
      endedMs: 0,
      onEnd,
      isGivenUp: false,
      isExcused: this.replica(n).isPaused,
    };
    this.replica(n).submit(asked, call);
    return call;
  }

  /** The client of a call has waited long enough: for it the outcome is unknown from now on. */
  giveUp(call: Call): void {
    if (call.outcome === undefined) this.replica(call.replica).giveUp(call);
  }

  answer(call: Call): Reply | 'broken' {
    const isThere = this.world.runUntil(
      () => call.outcome !== undefined,
      this.nowMs + ANSWER_MS_MAX,
    );
    if (!isThere) throw new Error(`replica ${call.replica} never answered`);
    return call.outcome as Reply | 'broken';
  }

  // ---- faults and time

  crash(n: number, inFlight: Outcome = 'lost'): void {
    this.replica(n).end('crash', inFlight);
  }

  powerCut(n: number, inFlight: Outcome = 'lost'): void {
    this.replica(n).end('power', inFlight);
  }

  restart(n: number): void {
    this.replica(n).start();
  }

  // ---- members

  /** Asks replica `by` to add replica `n`. */
  join(by: number, n: number, timeoutMs = 10_000): Reply | 'broken' {
    return this.answer(this.begin(by, this.joinOf(n, timeoutMs)));
  }

  joinOf(n: number, timeoutMs = 10_000): Asked {
    const place = present(this.places[n], 'cluster: no such replica');
    return { kind: 'membership', change: { kind: 'join', place }, timeoutMs };
  }

  forget(by: number, n: number, force = false, timeoutMs = 10_000): Reply | 'broken' {
    return this.answer(this.begin(by, this.forgetOf(n, force, timeoutMs)));
  }

  forgetOf(n: number, force = false, timeoutMs = 10_000): Asked {
    const { id } = present(this.places[n], 'cluster: no such replica');
    return { kind: 'membership', change: { kind: 'forget', id, force }, timeoutMs };
  }

  /** The latest membership that a running replica knows. */
  membership(): Membership {
    const latest = latestOf(this.replicas.map((replica) => replica.status()));
    return present(latest, 'cluster: nobody runs');
  }

  /** The members with a seat in the latest membership. */
  seated(): readonly Replica[] {
    const membership = this.membership();
    return this.replicas.filter((replica) => this.#isSeated(replica, membership));
  }

  #isSeated({ index }: Replica, { seats }: Membership): boolean {
    return seats.some(({ id }) => id === this.places[index]?.id);
  }

  /** Like SIGSTOP: the process is paused, and its kernel continues. */
  pause(n: number): void {
    this.replica(n).pause();
  }

  resume(n: number): void {
    this.replica(n).resume();
  }

  /** Sets the wall clock of a replica. */
  jump(n: number, ms: number): void {
    this.replica(n).jump(ms);
  }

  cut(a: number, b: number): void {
    this.network.cut(a, b);
    this.network.cut(b, a);
  }

  heal(a: number, b: number): void {
    this.network.heal(a, b);
    this.network.heal(b, a);
  }

  run(ms: number): void {
    this.world.run(this.nowMs + ms);
  }

  runUntil(done: () => boolean, ms = SETTLE_MS_MAX): void {
    if (!this.world.runUntil(done, this.nowMs + ms)) throw new Error(`not so in ${ms} ms`);
  }

  /** Runs until every replica serves and all hold the same. */
  settle(): void {
    const untilMs = this.nowMs + SETTLE_MS_MAX;
    while (!this.isSettled()) {
      if (this.nowMs >= untilMs) throw new Error(`not settled in ${SETTLE_MS_MAX} ms`);
      this.run(SETTLE_STEP_MS);
    }
  }

  /** Read repeatedly while a cluster settles, so each replica's status is made once. */
  isSettled(): boolean {
    const all = this.replicas.map((replica) => replica.status());
    const membership = latestOf(all);
    if (membership === undefined) return false;
    const seated = this.replicas.filter((replica) => this.#isSeated(replica, membership));
    const statuses = seated.map(({ index }) => all[index]);
    const first = statuses[0]?.self.vector ?? [];
    return statuses.every((status) => {
      if (status?.membership.epoch !== membership.epoch) return false;
      if (status.self.state !== 'serving' || status.peers.some((peer) => !peer.connected))
        return false;
      const holds = new Map(status.self.vector);
      return holds.size === first.length && first.every(([of, seq]) => holds.get(of) === seq);
    });
  }

  notesOf(event: string): Note[] {
    return this.notes.filter((note) => note.event === event);
  }

  replica(n: number): Replica {
    return present(this.replicas[n], 'cluster: no such replica');
  }
}

/** The files of one replica and the process that runs on them, if one does. */
export class Replica {
  readonly index: number;
  disk = new MemoryDisk();
  /** The number in the identity file beside the disk. */
  identity = 0;
  storage: MemoryStorage | undefined;
  host: Host | undefined;
  /** Its disk is full. */
  isFull = false;
  halts: string[] = [];
  /** When its latest process began. */
  startedMs = 0;
  readonly #cluster: Cluster;
  readonly #options: ClusterOptions;
  /** It was started at least once. */
  isInvited = false;
  /** It has learned that it is not a member any more, and does not start again. */
  isForgotten = false;
  /** It is not restarted. */
  isGivenUp = false;
  /** Clients cannot reach it. */
  isHidden = false;
  readonly #waiting = new Set<Call>();
  #node: Node | undefined;
  #wrongMs = 0;
  /** By how much its wall clock was off, over the whole run. */
  readonly clockError = new ClockError();
  #port: MemoryPort | undefined;

  constructor(cluster: Cluster, index: number, options: ClusterOptions) {
    this.#cluster = cluster;
    this.index = index;
    this.#options = options;
  }

  get isRunning(): boolean {
    return this.host !== undefined;
  }

  /** It has heard no majority since its start. */
  get isAlone(): boolean {
    // Most replicas serve, and a status after each operation would be too expensive.
    if (this.host === undefined || this.host.state === 'serving') return false;
    const status = this.status();
    if (status === undefined) return false;
    const { self, peers } = status;
    const reached = peers.filter(({ connected }) => connected).length + 1;
    const hasNotAgreed = self.clock.state === 'alone' || self.clock.state === 'measuring';
    return hasNotAgreed && reached < majority(peers.length + 1);
  }

  /** The replica runs from now on, whenever it is started. */
  invite(): void {
    this.isInvited = true;
    this.start();
  }

  /** An empty directory, for a future member. */
  renew(): void {
    this.wipe();
    this.isForgotten = false;
    this.isGivenUp = false;
    this.isHidden = false;
  }

  start(): void {
    if (this.isRunning || !this.isInvited || this.isForgotten || this.isGivenUp) return;
    const { world, network, places } = this.#cluster;
    const node = createNode(world, this.#options.clocks?.[this.index]);
    node.jump(this.#wrongMs);
    this.clockError.set(this.#wrongMs, this.#cluster.nowMs);
    const entered = (delayMs: number, run: () => void): void =>
      world.after(delayMs, () => node.enter(run));
    const storage = new MemoryStorage({
      world: { after: entered },
      disk: this.disk,
      isFull: () => this.isFull,
      ...(this.#options.commitMs === undefined ? {} : { commitMs: this.#options.commitMs }),
    });
    const own = present(places[this.index], 'cluster: a replica has a place');
    const policiesAmong = (among: readonly Member[]): readonly Policy[] | string => {
      const one = among.find(({ id }) => id === own.id) ?? among[0];
      const of = present(one, 'cluster: a membership has at least one member');
      const compiled = compilePolicies(this.#options.namespaces, among, of);
      return compiled.ok ? compiled.policies : (compiled.problems[0]?.reason ?? '');
    };
    const members = membersIn(this.#bootMembership(own));
    const booted = boot(storage, { self: own.id, members, policiesAmong });
    this.isForgotten = booted.kind === 'forgotten';
    if (this.isForgotten) return;
    if (booted.kind !== 'begun') throw new Error(`the replica cannot begin: ${booted.kind}`);
    const known = [...booted.members, ...booted.outsiders].map(({ id }) =>
      places.findIndex((place) => place.id === id),
    );
    const last = Math.max(this.identity, storedIncarnation(storage) ?? 0);
    this.identity = nextIncarnation(last, node.clock.wallMs());
    this.storage = storage;
    this.startedMs = this.#cluster.nowMs;
    this.#node = node;
    this.#port = network.port(this.index, new Set(known));
    this.host = createHost({
      settings: settingsOf(
        booted.members,
        booted.members.findIndex(({ id }) => id === own.id),
        this.#options.settings,
      ),
      policies: booted.policies,
      fits: (among) => {
        const policies = policiesAmong(among);
        return typeof policies === 'string' ? policies : undefined;
      },
      incarnation: this.identity,
      storage,
      network: this.#enteredBy(node, this.#port, known),
      clock: node.clock,
      scheduler: node.scheduler,
      trace: this.#trace(),
      onHalt: (reason, ending) => this.#onHalt(reason, ending),
    });
    this.host.start();
  }

  end(how: 'crash' | 'power', inFlight: Outcome): void {
    this.#node?.stop();
    if (how === 'crash') this.storage?.kill(inFlight);
    else this.storage?.cutPower(inFlight);
    this.#port?.stop(how === 'crash' ? 'reset' : 'silent');
    this.host = undefined;
    for (const call of this.#waiting) {
      call.isExcused = true;
      this.#end(call, 'broken');
    }
  }

  get isPaused(): boolean {
    return this.#node?.isPaused === true;
  }

  pause(): void {
    if (!this.isRunning) return;
    for (const call of this.#waiting) call.isExcused = true;
    this.#node?.pause();
    this.#cluster.network.freeze(this.index);
  }

  resume(): void {
    this.#cluster.network.thaw(this.index);
    this.#node?.resume();
  }

  /**
   * A clock that was set wrong stays wrong for every process that starts there, until it is set
   * right.
   */
  jump(ms: number): void {
    this.#wrongMs += ms;
    this.clockError.jump(ms, this.#cluster.nowMs);
    this.#node?.jump(ms);
  }

  /** For as long as this process runs. */
  skew(msPerSecond: number): void {
    this.clockError.skew(msPerSecond, this.#cluster.nowMs);
    this.#node?.skew(msPerSecond);
  }

  setClockRight(): void {
    this.#wrongMs = 0;
    this.clockError.set(0, this.#cluster.nowMs);
    this.#node?.setRight();
  }

  giveUp(call: Call): void {
    call.isGivenUp = true;
    this.#settle(call, 'broken');
  }

  /** The disk is gone, and the identity file with it. */
  wipe(): void {
    this.disk = new MemoryDisk();
    this.identity = 0;
  }

  status(): Status | undefined {
    return this.host?.status();
  }

  /** It has accepted a next membership and does not know whether that was chosen. */
  hasAccepted(): boolean {
    const stored = this.disk.get(voteKey());
    const reader = stored === undefined || stored === UNREADABLE ? undefined : unseal(stored);
    return reader !== undefined && readVote(reader)?.accepted !== undefined;
  }

  submit(asked: Asked, call: Call): void {
    const { host } = this;
    if (host === undefined || this.isHidden) {
      this.#end(call, 'broken');
      return;
    }
    this.#waiting.add(call);
    const onReply = (reply: Reply): void => {
      this.#cluster.oracle.onReply(this, reply, this.#cluster.replicas);
      this.#end(call, reply);
    };
    const client = { onReply, boundMs: 'boundMs' in asked ? asked.boundMs : undefined };
    this.#node?.enter(() => host.submit({ ...asked, client }));
  }

  #end(call: Call, outcome: Reply | 'broken'): void {
    if (!call.isGivenUp) this.#settle(call, outcome);
  }

  #settle(call: Call, outcome: Reply | 'broken'): void {
    if (call.outcome !== undefined) throw new Error(`answered twice: ${JSON.stringify(outcome)}`);
    call.outcome = outcome;
    call.endedMs = this.#cluster.nowMs;
    this.#waiting.delete(call);
    call.onEnd?.(call);
  }

  /** The members of the beginning, and this replica. */
  #bootMembership(own: Place): Membership {
    const { members } = this.#cluster;
    const isOne = members.some(({ id }) => id === own.id);
    const all = isOne ? members : [...members, { ...own, index: 0 }];
    return bootMembership(all.toSorted((a, b) => (a.id < b.id ? -1 : 1)));
  }

  #onHalt(reason: string, ending: Ending): void {
    if (ending === 'restart' || ending === 'damaged') this.halts.push(reason);
    if (ending === 'forgotten') this.isForgotten = true;
    const host = this.host;
    // The process ends with this turn; nothing of it may run afterwards.
    this.#cluster.world.after(0, () => {
      if (this.host !== host) return;
      this.end('crash', 'lost');
      const pauseMs = ending === 'renewed' ? RENEW_MS : (this.#options.restartMs ?? 100);
      this.#cluster.world.after(pauseMs, () => this.start());
    });
  }

  /** Messages for a paused process wait until it continues. */
  #enteredBy(node: Node, port: MemoryPort, known: readonly number[]): Network {
    const { places } = this.#cluster;
    const indexOf = (slot: number): number => known.indexOf(slot);
    return {
      start: (handler) =>
        port.start({
          onConnected: (slot) =>
            node.enter(() => {
              this.#cluster.listener?.onChange(this.index, slot);
              handler.onConnected(indexOf(slot));
            }),
          onMessage: (slot, message) => {
            const isOwn = (origin: string): boolean => origin.startsWith(`${places[slot]?.id}.`);
            if (message.kind === 'entries' && !isOwn(message.origin))
              this.#cluster.entriesPassedOn += message.entries.length;
            node.enter(() => {
              this.#cluster.listener?.onHeard(this.index, slot);
              handler.onMessage(indexOf(slot), message);
            });
          },
          onDisconnected: (slot) =>
            node.enter(() => {
              this.#cluster.listener?.onChange(this.index, slot);
              handler.onDisconnected(indexOf(slot));
            }),
        }),
      send: (peer, message) => {
        this.#cluster.oracle.onSend(this, message, this.#cluster.replicas);
        this.#cluster.onSend?.(this.index, peer, message);
        port.send(present(known[peer], 'cluster: a peer has a slot'), message);
      },
      flush: () => port.flush(),
    };
  }

  #trace(): Trace {
    return {
      note: (level, event, fields) => {
        const { nowMs, notes } = this.#cluster;
        // The host continues when a client throws; here the clients are the judges, and their
        // errors must be reported.
        if (event === 'reply-failed') throw new Error(String(fields['reason']));
        notes.push({ atMs: nowMs, replica: this.index, level, event, fields });
      },
      committed: () => {},
    };
  }
}

/** The latest membership of the running replicas, if any runs. */
function latestOf(statuses: readonly (Status | undefined)[]): Membership | undefined {
  return statuses
    .flatMap((status) => status?.membership ?? [])
    .reduce<Membership | undefined>(
      (latest, each) => (latest === undefined || each.epoch > latest.epoch ? each : latest),
      undefined,
    );
}

/** `sa` is the replica sa-9: no initial member has this number. */
function sparePlace(region: string): Place {
  const id = `${region}-9`;
  return { id: id as ReplicaId, region: region as Region, peerAddress: id, httpUrl: undefined };
}

// ---- questions and answers

export function putOf(name: string, value: string, options: WriteOptions = {}): Asked {
  return { ...writeOf(name, options), operation: 'put', value: bytes(value) };
}

export function delOf(name: string, options: WriteOptions = {}): Asked {
  return { ...writeOf(name, options), operation: 'delete', value: bytes('') };
}

function writeOf(name: string, { ns = 'ns', ...options }: WriteOptions) {
  return {
    kind: 'write',
    namespace: namespace(ns),
    key: key(name),
    contentType: 'text/plain',
    w: undefined,
    r: undefined,
    timeoutMs: undefined,
    ttlMs: 0,
    conditions: [],
    idempotency: undefined,
    session: undefined,
    tags: [],
    weight: 0,
    respondAsync: false,
    returnsOld: false,
    removes: undefined,
    ...options,
  } as const;
}

export type RunOptions = Partial<
  Pick<
    Command & { kind: 'run' },
    'w' | 'r' | 'timeoutMs' | 'idempotency' | 'session' | 'respondAsync'
  >
> & { readonly ns?: string };

/** A value, or `null` to delete, by key; with conditions. */
export function runOf(
  items: readonly (readonly [string, string | null, ...Condition[]])[],
  { ns = 'ns', ...options }: RunOptions = {},
): Asked {
  return {
    kind: 'run',
    namespace: namespace(ns),
    items: items.map(([name, value, ...conditions]) => {
      const { contentType, ttlMs, tags, weight } = writeOf(name, {});
      const operation = value === null ? 'delete' : 'put';
      const what = { operation, value: bytes(value ?? ''), conditions } as const;
      return { key: key(name), ...what, contentType, ttlMs, tags, weight };
    }),
    w: undefined,
    r: undefined,
    timeoutMs: undefined,
    idempotency: undefined,
    session: undefined,
    respondAsync: false,
    ...options,
  };
}

export function getOf(name: string, { ns = 'ns', ...options }: ReadOptions = {}): Asked {
  const asked = { kind: 'read', namespace: namespace(ns), key: key(name) } as const;
  const rest = { r: undefined, timeoutMs: undefined, session: undefined, onUnmet: 'fail' } as const;
  return { ...asked, ...rest, ...options };
}

export function listOf({ ns = 'ns', ...options }: ListOptions = {}): Asked {
  return {
    kind: 'list',
    namespace: namespace(ns),
    prefix: '',
    start: '',
    end: '',
    after: '',
    reverse: false,
    limit: 1000,
    delimiter: '',
    values: true,
    r: undefined,
    bytesMax: undefined,
    timeoutMs: undefined,
    session: undefined,
    onUnmet: 'fail',
    ...options,
  };
}

/** An answer in one word: a value, `absent`, the dot of a write, or the code of a fault. */
export function shown(outcome: Reply | 'broken'): string {
  if (outcome === 'broken') return 'broken';
  switch (outcome.kind) {
    case 'found':
      return text(versionOf(outcome.record).value);
    case 'written':
      return formatDot(outcome.dot.origin, outcome.dot.seq);
    case 'run-written':
      return outcome.items.map(({ dot }) => formatDot(dot.origin, dot.seq)).join(' ');
    case 'failed':
      return outcome.fault.code;
    case 'listed':
      return [...outcome.items.map((item) => item.key), ...outcome.prefixes].join(' ');
    case 'absent':
    case 'write-status':
    case 'explained':
    case 'status':
    case 'drained':
    case 'resyncing':
      return outcome.kind;
    case 'membership':
      return outcome.membership.seats.map(({ id }) => id).join(' ');
  }
}
