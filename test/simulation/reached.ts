// Sometimes-assertions: states that a gate run must have been in, else it has not looked where bugs
// are. Each has a name, and is noticed from outside: from replies to clients, counters, notes,
// and the timetable.

import type { Message } from '../../src/model/message.ts';
import type { Metrics } from '../../src/model/metrics.ts';
import { seqOf } from '../../src/model/vector.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { jumpMsOf, type Nemesis } from './nemesis.ts';
import type { Strike } from './plan.ts';
import type { Workload } from './workload.ts';

/** How often each was seen. */
export type Reached = Map<Sometimes, number>;

const COUNTED = {
  conflictsLww: 'two writers met, and the later won',
  writesIndeterminate: 'a write ended as unknown',
  idempotentReplays: 'a retry was answered from the first attempt',
  readRepairs: 'a read repaired a replica',
  readHedges: 'a read asked one replica more',
  cacheMisses: 'a record came from disk',
  recordsDamaged: 'a damaged record was noticed',
  clockRefusals: 'a stamp too far ahead was refused',
  streamDuplicates: 'an entry came twice',
  streamGaps: 'a stream had a gap',
  logEntriesTruncated: 'the log was cut',
  scrubRounds: 'a scrub went through',
  snapshotsReceived: 'a snapshot was taken over',
  treeLeavesMended: 'a scrub found what storage had lost in silence',
  treeRebuilds: 'a hash tree was counted anew',
  treeRoundsEqual: 'two hash trees were seen to be equal',
  treeRoundsDifferent: 'a tree walk found a difference',
  treeRoundsUnknown: 'a tree walk could not tell',
  treeRecordsMended: 'a divergence was repaired',
  tombstonesDropped: 'a tombstone was dropped',
  expirationsDeleted: 'an expired value was deleted by its origin',
  snapshotRecordsAbsent: 'a record was dropped because a snapshot lacks it',
  resurrectionsRefused: 'a record that had been deleted came again',
  entriesReplayed: 'a start replayed what no checkpoint had written',
} as const satisfies { readonly [name in keyof Metrics]?: string };

const REFUSALS = {
  'no-quorum': 'a request found no quorum',
  timeout: 'a request ran into its deadline',
  overloaded: 'a queue was full',
  'idempotency-in-flight': 'a retry met another under way',
  'low-disk': 'a write met a disk almost full',
  'storage-failed': 'a request met a failed disk',
  'catching-up': 'a write met a replica that was not ready',
} as const;

const OWN = [
  'a commit carried eight entries or more',
  'a commit was under way when the process died',
  'a process died between two pieces of a checkpoint',
  'a process died while it replayed its logs',
  'a disk failed and the replica began again',
  'a process was killed while others were cut off',
  'all processes were down at once',
  'two faults at once',
  'a replica stood still for longer than its peers wait',
  'a connection ended while both lived',
  'a clock went backwards',
  'a clock went ahead of what peers accept',
  'a directory was lost and came back from peers',
  'an old copy of a directory came back',
  'a process died in the middle of a snapshot',
  'an entry came from another than its origin',
  'a read showed the absence of a deleted value',
  'a read lacked what had been accepted elsewhere',
  'a write with all replicas succeeded',
  'a reply said that nobody knows, and the write was there',
  'a client gave up before the answer',
  'a stale bound was proved',
  'a stale replica was refused',
  'a stale replica returned',
  'a stale replica let another answer a read',
  'a stale replica let another answer a list',
  'a stale replica let another answer in order',
  'a replica paused',
  'a replica whose disk hung did not answer',
  'a paused replica kept serving by minServing',
  'a read met a replica that had not verified what it holds',
  'two hash trees were compared behind a replica that had gone on',
  'a replica joined',
  'a dead replica was forgotten',
  'a forgotten replica was turned away',
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

  /** An incarnation is about to end: its counters go with it. */
  ends(index: number): void {
    const { host, storage } = this.#cluster.replica(index);
    if (host === undefined) return;
    const { metrics, state } = host;
    this.#count(metrics);
    if (metrics.checkpointPieces > 0) this.see('a process died between two pieces of a checkpoint');
    if (state === 'starting' && metrics.entriesReplayed > 0)
      this.see('a process died while it replayed its logs');
    if (storage?.isCommitting === true) this.see('a commit was under way when the process died');
  }

  struck(strike: Strike): void {
    this.#strikes.push(strike);
    const { fault, atMs, untilMs } = strike;
    const { replicas } = this.#cluster;
    if (replicas.every(({ isRunning }) => !isRunning)) this.see('all processes were down at once');
    if (fault === 'pause' && untilMs - atMs > PEERS_WAIT_MS)
      this.see('a replica stood still for longer than its peers wait');
    if (fault === 'break') this.see('a connection ended while both lived');
    if (fault === 'jump' && jumpMsOf(strike) < 0) this.see('a clock went backwards');
    if (fault === 'jump' && jumpMsOf(strike) > DRIFT_MS_MAX)
      this.see('a clock went ahead of what peers accept');
    if (fault === 'wipe') this.see('a directory was lost and came back from peers');
    if (fault === 'restore') this.see('an old copy of a directory came back');
    const isCut = this.#strikes.some(
      (other) => CUTS.has(other.fault) && other.atMs <= atMs && other.untilMs > atMs,
    );
    if (isCut && (fault === 'kill' || fault === 'power'))
      this.see('a process was killed while others were cut off');
  }

  finish(
    { mostAtOnce, operator }: Nemesis,
    workload: Workload,
    turns: ReadonlyMap<string, number>,
  ): void {
    if (mostAtOnce > 1) this.see('two faults at once');
    this.see('a replica joined', operator.joined);
    this.see('a dead replica was forgotten', operator.forgotten);
    this.see('a forgotten replica was turned away', this.#cluster.notesOf('forgotten').length);
    const { replicas, entriesPassedOn } = this.#cluster;
    for (const { index, halts } of replicas) {
      this.ends(index);
      this.see('a disk failed and the replica began again', halts.length);
    }
    this.see('an entry came from another than its origin', entriesPassedOn);
    this.#read(workload);
    for (const [turn, times] of turns) {
      const [from, to] = turn.split(' ');
      if (from === 'stale' && to === 'serving') this.see('a stale replica returned', times);
      if (to === 'paused') this.see('a replica paused', times);
      if (to === 'hung') this.see('a replica whose disk hung did not answer', times);
      if (to === 'kept') this.see('a paused replica kept serving by minServing', times);
    }
  }

  #hear(from: number, message: Message): void {
    if (message.kind !== 'tree-request' || message.level !== 'root') return;
    const cut = new Map(message.vector);
    const vector = this.#cluster.replica(from).status()?.self.vector ?? [];
    if (vector.some(([origin, seq]) => seq > seqOf(cut, origin)))
      this.see('two hash trees were compared behind a replica that had gone on');
  }

  #count(metrics: Metrics): void {
    for (const [counter, name] of Object.entries(COUNTED))
      this.see(name, metrics[counter as keyof typeof COUNTED]);
    if (metrics.batchEntries.quantile(1) >= LARGE_BATCH)
      this.see('a commit carried eight entries or more');
  }

  #read({ history, bounded }: Workload): void {
    this.see(
      'a stale bound was proved',
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
        this.see('a write with all replicas succeeded');
      const reason = rest.reason ?? '';
      if (reason in REFUSALS) this.see(REFUSALS[reason as keyof typeof REFUSALS]);
      if (reason === 'replica-stale') this.see('a stale replica was refused');
      if (rest.asked !== undefined) {
        if (type === 'get') this.see('a stale replica let another answer a read');
        if (type === 'list') this.see('a stale replica let another answer a list');
        if (rest.level === 'fifo') this.see('a stale replica let another answer in order');
      }
      if (reason === 'catching-up' && type === 'get' && rest.ns === 'lt')
        this.see('a read met a replica that had not verified what it holds');
      if (reason === 'gave up') this.see('a client gave up before the answer');
      if (type !== 'get' || ok !== true) continue;
      if (rest.result === null && (deleted.get(key) ?? Infinity) < rest.call_ns)
        this.see('a read showed the absence of a deleted value');
      if (rest.result === null && (accepted.get(key) ?? Infinity) < rest.call_ns)
        this.see('a read lacked what had been accepted elsewhere');
      if (typeof rest.result === 'string' && unknown.has(rest.result))
        this.see('a reply said that nobody knows, and the write was there');
    }
  }
}

const CUTS: ReadonlySet<Strike['fault']> = new Set(['cut', 'one-way', 'ring']);
