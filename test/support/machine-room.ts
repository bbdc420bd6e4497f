// What a machine of the replica is built on, and nothing above it: its memory on a simulated disk,
// its peers, its counters, and the turn, whose outbox the test reads. The test builds one machine
// from `core`, steps it, and decides when time passes, when a batch becomes durable, and when a
// read returns.
//
//  const room = new MachineRoom();            three members, this replica is ap-1, an empty disk
//  const machine = new Machine(room.core); room.greet(EU, { vector: [[origin, 3]] }); eu-1 is
//  connected, and holds that machine.onBeat(room.turn);
//  room.commit();                             what it wrote is on the disk
//  expect(room.sent()).toEqual([...]);

import { HostTurn } from '../../src/host/turn.ts';
import type { Now } from '../../src/model/effect.ts';
import type { Draft } from '../../src/model/encoding.ts';
import { hlcFromMs } from '../../src/model/hlc.ts';
import type { Origin } from '../../src/model/id.ts';
import type { Heartbeat, Hello } from '../../src/model/message.ts';
import { compilePolicies } from '../../src/model/policy.ts';
import type { Member } from '../../src/model/quorum.ts';
import type { Mutation } from '../../src/model/record.ts';
import type { Settings } from '../../src/model/settings.ts';
import type { VectorEntries } from '../../src/model/vector.ts';
import type { Peer } from '../../src/peers/peers.ts';
import { type Core, createCore } from '../../src/replica/core.ts';
import type { Durable } from '../../src/replica/part.ts';
import { replayOf } from '../../src/replica/replay.ts';
import { writeIncarnation } from '../../src/store/incarnation.ts';
import { Recovery } from '../../src/store/recovery.ts';
import { MemoryDisk } from '../cluster/memory-disk.ts';
import { helloOf, membershipOf, membersOf, mutation, origin, settingsOf } from './build.ts';
import { readBack, release, type Sent, sent } from './outbox.ts';
import { shownAtOnce } from './shown-at-once.ts';

/** The members, by index, unless a test names others: this replica is the first. */
export const [AP, EU, US] = [0, 1, 2];
const REGIONS: readonly string[] = ['ap', 'eu', 'us'];
const START: Now = { wallMs: 1_000_000, monoMs: 1000 };

export interface MachineRoomOptions {
  /** The vector of all members. */
  readonly regions?: readonly string[];
  /** The index of this replica; absent: the first by its id. */
  readonly self?: number;
  readonly namespaces?: object;
  readonly settings?: Partial<Settings>;
  /** Lanes of an earlier incarnation. */
  readonly disk?: MemoryDisk;
  readonly incarnation?: number;
}

export class MachineRoom {
  readonly disk: MemoryDisk;
  readonly turn: HostTurn;
  readonly core: Core;
  readonly #options: MachineRoomOptions;
  readonly #regions: readonly string[];
  readonly #incarnation: number;

  constructor(options: MachineRoomOptions = {}) {
    this.#options = options;
    this.#regions = options.regions ?? REGIONS;
    this.#incarnation = options.incarnation ?? 1;
    this.disk = options.disk ?? new MemoryDisk();
    const members = membersOf(this.#regions);
    const self = options.self ?? 0;
    const { namespaces = { ns: {} } } = options;
    const compiled = compilePolicies(namespaces, members, members[self] as Member);
    if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
    this.core = createCore({
      settings: settingsOf(members, self, options.settings),
      policies: compiled.policies,
      incarnation: this.#incarnation,
      get: (key) => this.disk.get(key),
    });
    this.turn = new HostTurn(this.core.timers).at(START);
    this.#recover();
  }

  get now(): Now {
    return this.turn.now;
  }

  pass(ms: number): HostTurn {
    const { wallMs, monoMs } = this.now;
    return this.turn.at({ wallMs: wallMs + ms, monoMs: monoMs + ms });
  }

  /** The next incarnation, with the data on the disk: what was not committed is lost. */
  restarted(changes: Partial<MachineRoomOptions> = {}): MachineRoom {
    const { disk } = this;
    const incarnation = this.#incarnation + 1;
    return new MachineRoom({ ...this.#options, disk, incarnation, ...changes });
  }

  // ---- peers

  peer(index: number): Peer {
    const peer = this.core.peers.get(index);
    if (peer === undefined) throw new Error(`member ${index} is no peer`);
    return peer;
  }

  /**
   * The peer connects and sends its greeting; by default it is in its first incarnation and holds
   * nothing.
   */
  greet(index: number, says: Partial<Hello> = {}): Peer {
    const peer = this.peer(index);
    peer.onHeard(this.now.monoMs);
    const hello = helloOf(`${peer.member.id}.1`, membershipOf(this.#regions), says);
    this.core.peers.onHello(peer, hello);
    this.core.reports.onHello(index);
    return peer;
  }

  /** A heartbeat of the peer arrives and reports what has become durable there. */
  hear(index: number, vector: VectorEntries = [], says: Partial<Heartbeat> = {}): Heartbeat {
    const peer = this.peer(index);
    const heartbeat = heartbeatOf({ vector, ...says });
    peer.onHeard(this.now.monoMs);
    peer.learn(vector);
    peer.onShown(heartbeat.waiting ?? []);
    this.core.reports.onHeartbeat(index, heartbeat);
    this.core.stability.onHeartbeat(index);
    return heartbeat;
  }

  leave(index: number): void {
    this.core.peers.onDisconnected(this.peer(index));
  }

  // ---- memory

  /** The next entry of a lane after those that are stored here, by default stamped now. */
  next(of: Origin, fields: Partial<Draft> = {}): Mutation {
    const { received, chain } = this.core.log.open(of);
    const dot = { origin: of, seq: received + 1 };
    return mutation({ ...dot, hlc: hlcFromMs(this.now.wallMs), ...fields }, chain);
  }

  /** The next entries of their lanes are logged and shown. */
  deliver(...entries: readonly Mutation[]): void {
    const { absence, log } = this.core;
    for (const entry of entries) {
      const lane = log.open(entry.origin);
      log.append(lane, entry, this.turn);
      absence.merge(entry, this.turn);
      lane.onApplied(entry.seq);
    }
  }

  /** The batch in progress becomes durable, and what waited for it is sent. */
  commit(): Durable {
    const { checkpoint, log, table } = this.core;
    checkpoint.onSeal(this.turn);
    log.seal(this.turn);
    const { lsn } = this.turn;
    this.disk.write(this.turn.takeBatch(), true);
    release(this.turn, lsn);
    table.cells.onDurable(lsn);
    const moved = log.onDurable(lsn, this.turn);
    for (const { from, to } of this.turn.clears.splice(0)) this.disk.clear(from, to);
    return { lsn, moved, mutations: 0 };
  }

  /** Entries are delivered, and durable. */
  hold(...entries: readonly Mutation[]): void {
    this.deliver(...entries);
    this.commit();
  }

  /** The requested reads return; true if there were any. */
  readOnce(): boolean {
    return readBack(this.turn, (request) => this.disk.range(request));
  }

  /** The same with the reads that follow from them, until there are none. */
  read(): void {
    while (this.readOnce());
  }

  // ---- the outbox

  /** Returns the messages that were sent since the last call. */
  sent(): Sent[] {
    return sent(this.turn);
  }

  /** Returns the names of the notes since the last call. */
  noted(): string[] {
    return this.turn.notes.splice(0).map(({ event }) => event);
  }

  /** If the disk is damaged, the turn halts the replica, and no machine is built. */
  #recover(): void {
    const { checkpoint, held, log, metrics, origin: current, own, tree } = this.core;
    const nothing = (): ReadonlySet<never> => new Set();
    const replay = replayOf(this.core, shownAtOnce(this.core), () => {});
    const begin = (): void => {
      checkpoint.open(this.turn);
      own.begin(log, current);
      writeIncarnation(this.#incarnation, this.turn);
      this.commit();
    };
    new Recovery(log, held, tree, metrics, nothing, replay, begin).begin(this.turn);
    this.read();
  }
}

/** A heartbeat of a peer without news. */
export function heartbeatOf(says: Partial<Heartbeat> = {}): Heartbeat {
  const echoed = { ping: 5, echo: 0, echoDelayMs: 0, heads: [] };
  const rest = { hlc: 0, vector: [], wallMs: 0, commitAgeMs: 0, health: [] };
  return { kind: 'heartbeat', ...echoed, ...rest, ...says };
}

/** The lane of this replica in an incarnation. */
export const ownOrigin = (incarnation: number) => origin(`ap-1.${incarnation}`);
