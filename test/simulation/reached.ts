// Sometimes-assertions: states that a gate run must have reached; otherwise it has not tested what
// it has to. Each has a name, and is recognised from outside: from replies to clients, counters,
// notes, and the timetable.

import type { Message } from '../../src/model/message.ts';
import type { Metrics } from '../../src/model/metrics.ts';
import { seqOf } from '../../src/model/vector.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { jumpMsOf, type Nemesis } from './nemesis.ts';
import type { Strike } from './plan.ts';
import type { Workload } from './workload.ts';

/** How often each state was reached. */
export type Reached = Map<Sometimes, number>;

const COUNTED = {
  conflictsLww: 'a newer concurrent write won over another one',
  writesIndeterminate: 'a write had an unknown outcome',
  idempotentReplays: 'a retry got the reply of the first attempt',
  readRepairs: 'a read repaired a replica',
  readHedges: 'a read asked one more replica',
  cacheMisses: 'a record was read from disk',
  recordsDamaged: 'a damaged record was noticed',
  clockRefusals: 'a stamp that was too far ahead was refused',
  streamDuplicates: 'an entry arrived twice',
  streamGaps: 'entries did not follow the last one of their log',
  logEntriesTruncated: 'a log was truncated',
  scrubRounds: 'a scrub completed a round',
  snapshotsReceived: 'a snapshot was copied',
  treeLeavesMended: 'a leaf was mended that the storage had lost without an error',
  treeRebuilds: 'a hash tree was computed again',
  treeRoundsEqual: 'a tree walk found no difference',
  treeRoundsDifferent: 'a tree walk found a difference',
  treeRoundsUnknown: 'a tree walk had no result',
  treeRecordsMended: 'a lost record was fetched from a peer',
  tombstonesDropped: 'a tombstone was dropped',
  expirationsDeleted: 'an expired value was deleted by its origin',
  snapshotRecordsAbsent: 'a record was dropped because a snapshot lacks it',
  resurrectionsRefused: 'a peer sent a record that had been deleted',
  entriesDeferred: 'an entry waited for what it depends on',
  entriesReplayed: 'a start replayed entries behind the last checkpoint',
} as const satisfies { readonly [name in keyof Metrics]?: string };

const REFUSALS = {
  'no-quorum': 'a request found no quorum',
  timeout: 'a request timed out',
  overloaded: 'a queue was full',
  'idempotency-in-flight': 'a retry met another attempt in progress',
  'low-disk': 'a write met an almost full disk',
  'storage-failed': 'a request met a failed disk',
  'catching-up': 'a write met a replica that was catching up',
} as const;

const OWN = [
  'a commit carried eight entries or more',
  'a process died during a commit',
  'a process died between two pieces of a checkpoint',
  'a process died while it replayed its logs',
  'a replica restarted after its disk had failed',
  'a process was killed during a partition',
  'all processes were down at the same time',
  'two faults were active at the same time',
  'a replica was paused for longer than the time-out of its peers',
  'a connection ended although both processes ran',
  'a clock went backwards',
  'a clock went ahead of what peers accept',
  'a replica lost its directory and copied the data from peers',
  'a replica started with an old copy of its directory',
  'a process died while it copied a snapshot',
  'an entry was pulled from a replica that is not its origin',
  'a read did not find a deleted value',
  'a read lacked a value that another replica had accepted',
  'a write with w=all succeeded',
  'a write with an unknown outcome was read later',
  'a client gave up before the answer',
  'a read proved a bound on its staleness',
  'a stale replica refused a read',
  'a stale replica returned',
  'a stale replica forwarded a read',
  'a stale replica forwarded a list',
  'a stale replica forwarded a request in a fifo namespace',
  'a replica paused',
  'a replica whose disk hung did not answer',
  'minServing kept a paused replica serving',
  'a read met a replica that was catching up',
  'two hash trees were compared at a cut behind the replica',
  'a replica joined',
  'a dead member was removed',
  'a removed member was refused when it returned',
] as const;

export type Sometimes =
  | (typeof COUNTED)[keyof typeof COUNTED]
  | (typeof REFUSALS)[keyof typeof REFUSALS]
  | (typeof OWN)[number];

export const SOMETIMES: readonly Sometimes[] = [
  ...Object.values(COUNTED),
  ...Object.values(REFUSALS),
  ...OWN,
];

const PEERS_WAIT_MS = 3000;
const DRIFT_MS_MAX = 500;
const LARGE_BATCH = 8;

export class Watcher {
  readonly reached: Reached = new Map();
  readonly #cluster: Cluster;
  readonly #strikes: Strike[] = [];

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    cluster.onSend = (from, _to, message) => this.#hear(from, message);
  }

  see(name: Sometimes, times = 1): void {
    if (times > 0) this.reached.set(name, (this.reached.get(name) ?? 0) + times);
  }

  /** The incarnation is about to end, and its counters end with it. */
  ends(index: number): void {
    const { host, storage } = this.#cluster.replica(index);
    if (host === undefined) return;
    const { metrics, state } = host;
    this.#count(metrics);
    if (metrics.checkpointPieces > 0) this.see('a process died between two pieces of a checkpoint');
    if (state === 'starting' && metrics.entriesReplayed > 0)
      this.see('a process died while it replayed its logs');
    if (storage?.isCommitting === true) this.see('a process died during a commit');
  }

  struck(strike: Strike): void {
    this.#strikes.push(strike);
    const { fault, atMs, untilMs } = strike;
    const { replicas } = this.#cluster;
    if (replicas.every(({ isRunning }) => !isRunning))
      this.see('all processes were down at the same time');
    if (fault === 'pause' && untilMs - atMs > PEERS_WAIT_MS)
      this.see('a replica was paused for longer than the time-out of its peers');
    if (fault === 'break') this.see('a connection ended although both processes ran');
    if (fault === 'jump' && jumpMsOf(strike) < 0) this.see('a clock went backwards');
    if (fault === 'jump' && jumpMsOf(strike) > DRIFT_MS_MAX)
      this.see('a clock went ahead of what peers accept');
    if (fault === 'wipe') this.see('a replica lost its directory and copied the data from peers');
    if (fault === 'restore') this.see('a replica started with an old copy of its directory');
    const isCut = this.#strikes.some(
      (other) => CUTS.has(other.fault) && other.atMs <= atMs && other.untilMs > atMs,
    );
    if (isCut && (fault === 'kill' || fault === 'power'))
      this.see('a process was killed during a partition');
  }

  finish(
    { mostAtOnce, operator }: Nemesis,
    workload: Workload,
    turns: ReadonlyMap<string, number>,
  ): void {
    if (mostAtOnce > 1) this.see('two faults were active at the same time');
    this.see('a replica joined', operator.joined);
    this.see('a dead member was removed', operator.forgotten);
    this.see(
      'a removed member was refused when it returned',
      this.#cluster.notesOf('forgotten').length,
    );
    const { replicas, entriesPassedOn } = this.#cluster;
    for (const { index, halts } of replicas) {
      this.ends(index);
      this.see('a replica restarted after its disk had failed', halts.length);
    }
    this.see('an entry was pulled from a replica that is not its origin', entriesPassedOn);
    this.#read(workload);
    for (const [turn, times] of turns) {
      const [from, to] = turn.split(' ');
      if (from === 'stale' && to === 'serving') this.see('a stale replica returned', times);
      if (to === 'paused') this.see('a replica paused', times);
      if (to === 'hung') this.see('a replica whose disk hung did not answer', times);
      if (to === 'kept') this.see('minServing kept a paused replica serving', times);
    }
  }

  #hear(from: number, message: Message): void {
    if (message.kind !== 'tree-request' || message.level !== 'root') return;
    const cut = new Map(message.vector);
    const vector = this.#cluster.replica(from).status()?.self.vector ?? [];
    if (vector.some(([origin, seq]) => seq > seqOf(cut, origin)))
      this.see('two hash trees were compared at a cut behind the replica');
  }

  #count(metrics: Metrics): void {
    for (const [counter, name] of Object.entries(COUNTED))
      this.see(name, metrics[counter as keyof typeof COUNTED]);
    if (metrics.batchEntries.quantile(1) >= LARGE_BATCH)
      this.see('a commit carried eight entries or more');
  }

  #read({ history, bounded }: Workload): void {
    this.see(
      'a read proved a bound on its staleness',
      bounded.filter(({ stalenessMs }) => stalenessMs !== 'unknown').length,
    );
    const unknown = new Set<string>();
    const accepted = new Map<string, number>();
    const deleted = new Map<string, number>();
    for (const { type, ok, key, value, return_ns, ...rest } of history) {
      if (ok === null && type === 'put' && value !== null) unknown.add(value);
      if (ok === true && type === 'put') accepted.set(key, return_ns);
      if (ok === true && type === 'delete') deleted.set(key, return_ns);
      if ('w' in rest && ok === true && rest.w === this.#cluster.members.length)
        this.see('a write with w=all succeeded');
      const reason = rest.reason ?? '';
      if (reason in REFUSALS) this.see(REFUSALS[reason as keyof typeof REFUSALS]);
      if (reason === 'replica-stale') this.see('a stale replica refused a read');
      if (rest.asked !== undefined) {
        if (type === 'get') this.see('a stale replica forwarded a read');
        if (type === 'list') this.see('a stale replica forwarded a list');
        if (rest.level === 'fifo')
          this.see('a stale replica forwarded a request in a fifo namespace');
      }
      if (reason === 'catching-up' && type === 'get' && rest.ns === 'lt')
        this.see('a read met a replica that was catching up');
      if (reason === 'gave up') this.see('a client gave up before the answer');
      if (type !== 'get' || ok !== true) continue;
      if (rest.result === null && (deleted.get(key) ?? Infinity) < rest.call_ns)
        this.see('a read did not find a deleted value');
      if (rest.result === null && (accepted.get(key) ?? Infinity) < rest.call_ns)
        this.see('a read lacked a value that another replica had accepted');
      if (typeof rest.result === 'string' && unknown.has(rest.result))
        this.see('a write with an unknown outcome was read later');
    }
  }
}

const CUTS: ReadonlySet<Strike['fault']> = new Set(['cut', 'one-way', 'ring']);
