// Causal order (Ahamad, Neiger, Burns, Kohli and Hutto, "Causal Memory", 1995): an entry becomes
// visible only after everything that it depends on. It names its nearest dependencies beside those
// that its lane implies: it follows every earlier entry of its lane in its scope (scope.ts).
//
//   deferred -> shown   every dependency is visible, or is lost
//
// A dependency is visible once it was received and does not wait itself. So an entry waits in two
// steps, and each step is indexed by what it waits for:
//
//   unreceived   the dependency is not here; a replica that holds it is asked for it
//   behind       the dependency is here, and waits in a queue of the same scope (wait-queue.ts)
//
// A dependency is lost once no disk holds it any more: the incarnation that made it is over, and
// every member says what it holds. Then the entry is shown without it; this is counted and noted.
//
// A run is shown in one turn: its first entry names the dependencies of all of it, and the others
// are shown with it.
//
// Bounds: `bytesMax` bytes of entries; beyond that only positions are kept, and while there are
// some, this replica does not know the newest version of every key. SHOWN_MAX entries are shown in
// one step, and the last run to its end; the others follow in the next turn.

import { assert } from '../base/assert.ts';
import { createHeap, type Heap } from '../base/heap.ts';
import { createRing } from '../base/ring.ts';
import { merge } from '../conflict/merge.ts';
import type { Now, Turn } from '../model/effect.ts';
import { type Dot, formatDot, type Key, type LaneId, type NamespaceName } from '../model/id.ts';
import type { Position } from '../model/message.ts';
import type { Metrics } from '../model/metrics.ts';
import { type Mutation, recordOf } from '../model/record.ts';
import { firstOfRun, lastOfRun } from '../model/run.ts';
import { covers, type Vector } from '../model/vector.ts';
import type { Lane } from '../store/lane.ts';
import { positionOf } from '../store/layout.ts';
import type { Log } from '../store/log.ts';
import { LogCursor, type LogStepRead } from '../store/log-cursor.ts';
import type { WaitingVersion } from '../store/waiting-version.ts';
import type { Scope } from './scope.ts';
import { type WaitingEntry, WaitQueue } from './wait-queue.ts';

export interface CausalOrderOptions {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly bytesMax: number;
  readonly show: (lane: Lane, entry: Mutation, turn: Turn) => void;
  /** An entry is missing here: some replica that holds it is asked for it. */
  readonly ask: (dot: Dot, turn: Turn) => void;
  /** No replica holds the entry any more. */
  readonly isLost: (dot: Dot, now: Now) => boolean;
  /** How long a dependency must be missing before it can count as lost. */
  readonly lostAfterMs: number;
}

/** Queues whose first entry depends on entries of one lane that were not received. */
interface Missing {
  readonly queues: Heap<WaitQueue>;
  readonly sinceMs: number;
}

const SHOWN_MAX = 256;
const READ_BYTES = 256 * 1024;

export class CausalOrder {
  readonly #options: CausalOrderOptions;
  readonly #scopes = new Map<Scope, Map<LaneId, WaitQueue>>();
  readonly #missing = new Map<LaneId, Missing>();
  readonly #byKey = new Map<Position, Set<WaitingEntry>>();
  /** How many entries of each namespace wait. */
  readonly #counts = new Map<NamespaceName, number>();
  /** Queues whose first entry may be shown now. */
  readonly #ready = createRing<WaitQueue>();
  /** Queues whose first entry has to be read from the log. */
  readonly #toRead = createRing<WaitQueue>();
  #cursor: LogCursor | undefined;
  /** Entries up to here count as visible although they were not received. */
  readonly #lost: Vector = new Map();
  #bytes = 0;
  #unread = 0;
  /** The log could not be read: the next heartbeat tries again. */
  #isUnreadable = false;

  constructor(options: CausalOrderOptions) {
    this.#options = options;
  }

  /** How many entries of each namespace wait. */
  get counts(): ReadonlyMap<NamespaceName, number> {
    return this.#counts;
  }

  /** True: the entry, the last of its lane, waits. */
  defers(lane: Lane, entry: Mutation, scope: Scope, turn: Turn): boolean {
    const queue = this.#scopes.get(scope)?.get(lane.id);
    if (queue !== undefined) {
      this.#push(queue, entry, turn);
      return true;
    }
    const dependency = this.#unmet(lane, entry, scope);
    if (dependency === undefined) return false;
    const opened = this.#open(lane, scope);
    this.#push(opened, entry, turn);
    this.#await(opened, dependency, turn);
    return true;
  }

  /** More of the lane was received: entries that wait for it may be shown. */
  onReceived(lane: Lane, turn: Turn): void {
    if (this.#missing.size === 0) return;
    this.#take(lane);
    this.#run(turn);
  }

  /** A snapshot has brought the effects of all entries of the lane up to its end. */
  onJump(lane: Lane, turn: Turn): void {
    for (const queues of this.#scopes.values()) {
      const queue = queues.get(lane.id);
      if (queue === undefined) continue;
      for (let { size } = queue; size > 0; size--) this.#drop(queue);
      this.#onMoved(queue);
    }
    this.#take(lane);
    this.#run(turn);
  }

  onDue(turn: Turn): void {
    if (turn.takeDue('delivery')) this.#run(turn);
  }

  /** Called at every heartbeat. */
  onBeat(turn: Turn): void {
    const { isLost, lostAfterMs } = this.#options;
    for (const [origin, { queues, sinceMs }] of this.#missing) {
      const dot = { origin, seq: queues.peekPriority() };
      if (turn.now.monoMs - sinceMs < lostAfterMs || !isLost(dot, turn.now)) continue;
      this.#giveUp(origin, queues, turn);
    }
    this.#isUnreadable = false;
    this.#run(turn);
  }

  /** The newest of the versions of a key that wait; `unknown` if some are in the log only. */
  newest(namespace: NamespaceName, key: Key): WaitingVersion | 'unknown' | undefined {
    if (this.#counts.size === 0) return undefined;
    if (this.#unread > 0) return 'unknown';
    const waiting = this.#byKey.get(positionOf({ namespace, key }));
    if (waiting === undefined) return undefined;
    let newest: WaitingVersion | undefined;
    for (const { entry, lsn } of waiting) {
      assert(entry !== undefined, 'causal order: an entry is listed while it is in memory');
      const record = merge(newest?.record, recordOf(entry));
      newest = { record, lsn: Math.max(newest?.lsn ?? 0, lsn) };
    }
    return newest;
  }

  /** The first dependency that is not visible in the scope. */
  #unmet(lane: Lane, entry: Mutation, scope: Scope): Dot | undefined {
    if (entry.group !== '' && firstOfRun(entry) < entry.seq) return undefined;
    return entry.dependencies.find((dot) => dot.origin !== lane.id && !this.#isVisible(dot, scope));
  }

  #isVisible(dot: Dot, scope: Scope): boolean {
    if (this.#options.log.received(dot.origin) < dot.seq) return covers(this.#lost, dot);
    const queue = this.#scopes.get(scope)?.get(dot.origin);
    return queue === undefined || dot.seq < queue.shownBefore;
  }

  // received -> deferred
  #push(queue: WaitQueue, entry: Mutation, turn: Turn): void {
    const { log, bytesMax } = this.#options;
    log.defer(queue.lane);
    this.#options.metrics.entriesDeferred++;
    const bytes = entry.bytes.length;
    const isKept = this.#bytes + bytes <= bytesMax;
    const { seq, namespace } = entry;
    const waiting: WaitingEntry = { seq, namespace, lsn: turn.lsn, entry: undefined };
    queue.push(waiting);
    if (isKept) this.#keep(waiting, entry);
    else this.#unread++;
    this.#counts.set(namespace, (this.#counts.get(namespace) ?? 0) + 1);
  }

  #keep(waiting: WaitingEntry, entry: Mutation): void {
    waiting.entry = entry;
    this.#bytes += entry.bytes.length;
    const position = positionOf(entry);
    const others = this.#byKey.get(position);
    if (others === undefined) this.#byKey.set(position, new Set([waiting]));
    else others.add(waiting);
  }

  #open(lane: Lane, scope: Scope): WaitQueue {
    const queues = this.#scopes.get(scope) ?? new Map<LaneId, WaitQueue>();
    this.#scopes.set(scope, queues);
    const queue = new WaitQueue(lane, scope);
    queues.set(lane.id, queue);
    return queue;
  }

  /** The first entry of the queue waits for this dependency. */
  #await(queue: WaitQueue, dependency: Dot, turn: Turn): void {
    const { origin, seq } = dependency;
    const { log, ask } = this.#options;
    if (log.received(origin) >= seq) {
      const blocking = this.#scopes.get(queue.scope)?.get(origin);
      assert(blocking !== undefined, 'causal order: what was received is visible or waits');
      blocking.behind.push(seq, queue);
      return;
    }
    const missing = this.#missing.get(origin);
    if (missing !== undefined) {
      missing.queues.push(seq, queue);
    } else {
      const queues: Heap<WaitQueue> = createHeap();
      queues.push(seq, queue);
      this.#missing.set(origin, { queues, sinceMs: turn.now.monoMs });
    }
    ask(dependency, turn);
  }

  /** Queues that wait for entries of the lane which have been received now. */
  #take({ id, received }: Lane): void {
    const missing = this.#missing.get(id);
    if (missing === undefined) return;
    takeUpTo(received, missing.queues, this.#ready);
    if (missing.queues.size === 0) this.#missing.delete(id);
  }

  #giveUp(origin: LaneId, queues: Heap<WaitQueue>, turn: Turn): void {
    const from = queues.peekPriority();
    let to = from;
    while (queues.size > 0) {
      to = queues.peekPriority();
      takeUpTo(to, queues, this.#ready);
    }
    this.#missing.delete(origin);
    this.#lost.set(origin, to);
    this.#options.metrics.dependenciesLost++;
    turn.note('error', 'dependency-lost', { from: formatDot(origin, from), to });
  }

  #run(turn: Turn): void {
    let left = SHOWN_MAX;
    while (left > 0 && this.#ready.size > 0) {
      const queue = this.#ready.shift() as WaitQueue;
      left -= this.#advance(queue, left, turn);
    }
    this.#readNext(turn);
    if (this.#ready.size > 0) turn.arm('delivery', turn.now.monoMs);
  }

  /**
   * deferred -> shown: shows the entries at the head of the queue that may be shown, up to about
   * `most`. Returns how many.
   */
  #advance(queue: WaitQueue, most: number, turn: Turn): number {
    let shown = 0;
    for (let { first } = queue; first !== undefined; { first } = queue) {
      const { entry } = first;
      if (entry === undefined || !isWhole(queue, entry)) {
        this.#toRead.push(queue);
        break;
      }
      const unmet = this.#unmet(queue.lane, entry, queue.scope);
      if (unmet !== undefined) {
        this.#await(queue, unmet, turn);
        break;
      }
      if (shown >= most && firstOfRun(entry) === entry.seq) {
        this.#ready.push(queue);
        break;
      }
      this.#drop(queue);
      this.#options.show(queue.lane, entry, turn);
      turn.awaitSeal();
      shown++;
    }
    if (shown > 0) this.#onMoved(queue);
    return shown;
  }

  /** The first entry of the queue waits no more. */
  #drop(queue: WaitQueue): void {
    const waiting = queue.shift();
    const { entry, namespace } = waiting;
    const left = (this.#counts.get(namespace) ?? 0) - 1;
    assert(left >= 0, 'causal order: what waits is counted');
    if (left > 0) this.#counts.set(namespace, left);
    else this.#counts.delete(namespace);
    if (entry === undefined) this.#unread--;
    else this.#forget(waiting, entry);
  }

  #forget(waiting: WaitingEntry, entry: Mutation): void {
    this.#bytes -= entry.bytes.length;
    assert(this.#bytes >= 0, 'causal order: the bytes are those of the entries that wait');
    const position = positionOf(entry);
    const others = this.#byKey.get(position);
    others?.delete(waiting);
    if (others?.size === 0) this.#byKey.delete(position);
  }

  /** Entries that depend on what has left the queue may be shown. */
  #onMoved(queue: WaitQueue): void {
    takeUpTo(queue.shownBefore - 1, queue.behind, this.#ready);
    if (queue.size > 0) return;
    const queues = this.#scopes.get(queue.scope);
    queues?.delete(queue.lane.id);
    if (queues?.size === 0) this.#scopes.delete(queue.scope);
  }

  /** Reads the first entries of the next queue of which memory has only the positions. */
  #readNext(turn: Turn): void {
    while (this.#cursor === undefined && this.#toRead.size > 0 && !this.#isUnreadable) {
      const queue = this.#toRead.shift() as WaitQueue;
      const { first, lane } = queue;
      if (first === undefined || lane.isReplaced) continue;
      if (first.seq > lane.durable) {
        this.#fill(queue, inMemory(lane, first.seq));
        continue;
      }
      const onRead = (step: LogStepRead, _: LogCursor, later: Turn): void => {
        this.#cursor = undefined;
        this.#onRead(queue, step, later);
        this.#run(later);
      };
      this.#cursor = new LogCursor({ lane, at: first.seq, bytesMax: READ_BYTES, onRead });
      const step = this.#cursor.next(turn);
      if (step.kind === 'reading') return;
      this.#cursor = undefined;
      assert(step.kind === 'entries', 'causal order: what waits is in the log');
      this.#fill(queue, step.entries);
    }
  }

  #onRead(queue: WaitQueue, step: LogStepRead, turn: Turn): void {
    if (step.kind === 'entries') return this.#fill(queue, step.entries);
    this.#toRead.push(queue);
    if (step.kind === 'moved') return;
    this.#isUnreadable = true;
    turn.note('error', 'delivery-unreadable', { lane: queue.lane.id });
  }

  /** Entries of the log, from the first of the queue on; some may belong to other scopes. */
  #fill(queue: WaitQueue, entries: readonly Mutation[]): void {
    const [first] = entries;
    for (const waiting of queue.entries()) {
      const entry = first && entries[waiting.seq - first.seq];
      if (entry === undefined) break;
      if (waiting.entry !== undefined) continue;
      this.#unread--;
      this.#keep(waiting, entry);
    }
    this.#ready.push(queue);
  }
}

function takeUpTo(
  seq: number,
  queues: Heap<WaitQueue>,
  ready: { push(queue: WaitQueue): void },
): void {
  while (queues.size > 0 && queues.peekPriority() <= seq) {
    const queue = queues.pop();
    if (queue !== undefined) ready.push(queue);
  }
}

/** All entries of the run that begins with this one are in memory. */
function isWhole(queue: WaitQueue, first: Mutation): boolean {
  if (first.group === '') return true;
  const last = lastOfRun(first);
  for (const { seq, entry } of queue.entries()) {
    if (seq > last) break;
    if (entry === undefined) return false;
  }
  return true;
}

/** The entry and what follows it; all of it is in memory, because it is not durable yet. */
function inMemory(lane: Lane, from: number): Mutation[] {
  const entries: Mutation[] = [];
  for (let seq = from; seq <= lane.received; seq++) entries.push(lane.at(seq));
  return entries;
}
