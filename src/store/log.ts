// The replica's logs: one lane per origin, its own and those it received. Sealing a batch writes
// what was appended to each lane as one block (block.ts), and how far each lane goes (tip.ts), so
// entries and vector cannot disagree after a crash. Memory for recent entries is bounded over all
// lanes together, oldest first.

import { assert, present } from '../base/assert.ts';
import { createRing } from '../base/ring.ts';
import type { Lsn, Outbox } from '../model/effect.ts';
import type { Dot, Key, NamespaceName, LaneId, Seq } from '../model/id.ts';
import type { LaneHead } from '../model/message.ts';
import type { Metrics } from '../model/metrics.ts';
import { type Mutation, type Record, recordOf } from '../model/record.ts';
import {
  type ReadonlyVector,
  type Vector,
  type VectorEntries,
  cappedBy,
  covers,
  seqOf,
} from '../model/vector.ts';
import { merge } from '../conflict/merge.ts';
import {
  type BlockEnd,
  encodeLaneState,
  Lane,
  LANE_EMPTY,
  type LaneMark,
  type LaneState,
} from './lane.ts';
import { blocksOf, encodeBlock } from './block.ts';
import { fenceKey, laneKey, laneSpan, originKey, type Span } from './layout.ts';
import { encodeTip, type Tip, type TipOf, tipKey } from './tip.ts';

interface Sealed {
  readonly lsn: Lsn;
  readonly lane: Lane;
  readonly head: Seq;
}

const NO_BYTES = new Uint8Array(0);

/** How far lanes go. */
export type LaneHeads = readonly (readonly [Lane, LaneMark])[];

export class Log {
  readonly #lanes = new Map<LaneId, Lane>();
  readonly #durable: Vector = new Map();
  readonly #dirty: Lane[] = [];
  /** Lanes with entries that wait for what they depend on, or have waited until a moment ago. */
  readonly #waiting = new Set<Lane>();
  /** Up to where these lanes were visible when a batch was sealed. */
  readonly #sealedShown = createRing<Sealed>();
  /** Lanes with entries behind their mark. */
  readonly #behindMark = new Set<Lane>();
  readonly #sealed = createRing<Sealed>();
  readonly #truncated = createRing<{ readonly lsn: Lsn; readonly span: Span }>();
  readonly #inMemory = createRing<Lane>(1024);
  readonly #tailBytesMax: number;
  readonly #metrics: Metrics;
  readonly #parked: TipOf[] = [];
  #tailBytes = 0;
  /** Entries that were appended in this incarnation, or replayed, and the bytes of them. */
  loggedEntries = 0;
  loggedBytes = 0;
  #batchEntries = 0;

  constructor(tailBytesMax: number, metrics: Metrics) {
    this.#tailBytesMax = tailBytesMax;
    this.#metrics = metrics;
  }

  /** The durable vector, one entry per lane. */
  get durable(): ReadonlyVector {
    return this.#durable;
  }

  /** The durable vector, as far as everything up to it is visible, and was so in that batch. */
  get shown(): ReadonlyVector {
    return this.#waiting.size === 0 ? this.#durable : cappedBy(this.#durable, this.waiting());
  }

  /** Up to where entries are visible behind others that wait, or may be. */
  shownBeyond(): Vector {
    return new Map(this.waiting().map(([origin]) => [origin, this.received(origin)]));
  }

  /** The lanes with entries that wait, and up to where each is visible. */
  waiting(): VectorEntries {
    return Array.from(this.#waiting, ({ id, shown }) => [id, shown] as const);
  }

  lanes(): IterableIterator<Lane> {
    return this.#lanes.values();
  }

  /** Lanes are added, and none is removed. */
  get laneCount(): number {
    return this.#lanes.size;
  }

  lane(origin: LaneId): Lane | undefined {
    return this.#lanes.get(origin);
  }

  /** The last gap-free entry received of a lane, durable or not; 0 if there is none. */
  received(origin: LaneId): Seq {
    return this.#lanes.get(origin)?.received ?? 0;
  }

  /** The last entry of a lane up to which all are visible to readers. */
  applied(origin: LaneId): Seq {
    return this.#lanes.get(origin)?.applied ?? 0;
  }

  /** The same for every lane with a visible entry. */
  appliedVector(): Vector {
    const vector: Vector = new Map();
    for (const { id: origin, applied } of this.#lanes.values())
      if (applied > 0) vector.set(origin, applied);
    return vector;
  }

  /** The name of the next mutation of a lane of this replica. */
  next(lane: Lane): Dot {
    return { origin: lane.id, seq: lane.received + 1 };
  }

  holds(dot: Dot): boolean {
    return covers(this.#durable, dot);
  }

  /**
   * The newest entry under a key beyond `vector`; `'unknown'` if memory does not reach back that
   * far. Together with the record of any replica that holds `vector`, it gives the record of the
   * key according to this log.
   */
  newestBeyond(
    vector: ReadonlyVector,
    namespace: NamespaceName,
    key: Key,
  ): Record | 'unknown' | undefined {
    let newest: Record | undefined;
    for (const lane of this.#lanes.values()) {
      const from = seqOf(vector, lane.id) + 1;
      if (from <= lane.received && from < lane.tailFrom) return 'unknown';
      for (let seq = from; seq <= lane.received; seq++) {
        const entry = lane.at(seq);
        if (entry.namespace === namespace && entry.key === key)
          newest = merge(newest, recordOf(entry));
      }
    }
    return newest;
  }

  /** Loads the stored state, at start. */
  restore(origin: LaneId, state: LaneState): Lane {
    assert(!this.#lanes.has(origin), 'log: a lane is restored once');
    const lane = new Lane(origin, state);
    this.#lanes.set(origin, lane);
    if (state.received > 0) this.#durable.set(origin, state.received);
    return lane;
  }

  /** The lane of an origin; created if there is none. */
  open(origin: LaneId): Lane {
    return this.#lanes.get(origin) ?? this.restore(origin, LANE_EMPTY);
  }

  /**
   * A snapshot has brought the effects of the origin's entries up to `seq`, without the entries:
   * the log continues after it. `undefined` if they are already logged. Undurable entries belong to
   * a lane that is replaced.
   */
  jump({ origin, seq, chain, hlc }: LaneHead, out: Outbox): Lane | undefined {
    const before = this.open(origin);
    if (seq <= before.received) return undefined;
    const stamp = Math.max(hlc, before.hlc);
    const lane = new Lane(origin, {
      received: seq,
      chain,
      hlc: stamp,
      floor: seq,
      floorChain: chain,
    });
    lane.durable = before.durable;
    assert(lane.received > before.received, 'log: a jump goes forward');
    before.isReplaced = true;
    this.#lanes.set(origin, lane);
    this.#behindMark.delete(before);
    this.#waiting.delete(before);
    this.#touchState(lane, out);
    this.#clear(laneSpan(origin, 1, seq), out);
    return lane;
  }

  append(lane: Lane, mutation: Mutation, out: Outbox): void {
    assert(!lane.isReplaced, 'log: what is appended goes to the lane that is read');
    lane.append(mutation);
    this.#touch(lane, out);
    this.#batchEntries++;
    this.#keep(lane, mutation);
  }

  /** The last entry of the lane is not visible yet. */
  defer(lane: Lane): void {
    if (!this.#waiting.has(lane)) lane.shown = lane.applied;
    lane.onWaiting(lane.received);
    this.#waiting.add(lane);
  }

  /** At start: the end of a stored lane that this incarnation does not open. */
  parkTip(id: LaneId, { received, chain }: Tip): void {
    this.#parked.push({ id, received, chain });
  }

  /** At start: an entry behind the mark, which storage has. */
  replay(lane: Lane, mutation: Mutation): void {
    assert(lane.sealed === lane.received, 'log: an entry is replayed before any is appended');
    lane.append(mutation);
    lane.sealed = mutation.seq;
    lane.onDurable(mutation.seq);
    this.#durable.set(lane.id, mutation.seq);
    this.#keep(lane, mutation);
  }

  #keep(lane: Lane, mutation: Mutation): void {
    this.loggedEntries++;
    this.loggedBytes += mutation.bytes.length;
    this.#behindMark.add(lane);
    this.#inMemory.push(lane);
    this.#tailBytes += mutation.bytes.length;
    this.#trim();
  }

  /** Adds what was appended to each lane, and how far all of them go, to the batch of `out.lsn`. */
  seal(out: Outbox): void {
    if (this.#batchEntries > 0) this.#metrics.batchEntries.observe(this.#batchEntries);
    this.#batchEntries = 0;
    for (const lane of this.#waiting)
      this.#sealedShown.push({ lsn: out.lsn, lane, head: lane.applied });
    if (this.#dirty.length === 0) return;
    for (const lane of this.#dirty) {
      this.#sealEntries(lane, out);
      if (lane.isStateDirty) out.put(originKey(lane.id), encodeLaneState(lane.state()));
      this.#sealed.push({ lsn: out.lsn, lane, head: lane.received });
      lane.dirty = false;
      lane.isStateDirty = false;
    }
    this.#dirty.length = 0;
    out.put(tipKey(), encodeTip([...this.#parked, ...this.#behindMark]));
  }

  /** How many entries the table in storage may lack. */
  entriesBehindMark(): number {
    let entries = 0;
    for (const { received, marked } of this.#behindMark) {
      assert(received > marked.received, 'log: a lane that goes on behind its mark');
      entries += received - marked.received;
    }
    return entries;
  }

  /** Up to where the lanes are shown of which something is behind the mark. */
  headsBehindMark(): LaneHeads {
    const heads: [Lane, LaneMark][] = [];
    for (const lane of this.#behindMark) {
      const head = lane.shownTo();
      if (head !== undefined && head.received > lane.marked.received) heads.push([lane, head]);
    }
    return heads;
  }

  /** The table in storage holds everything up to these heads, with this batch. */
  mark(heads: LaneHeads, out: Outbox): void {
    for (const [lane, head] of heads) {
      // A snapshot has replaced the lane and already covers more.
      if (lane.isReplaced) continue;
      assert(head.received >= lane.marked.received, 'checkpoint: the mark only rises');
      lane.marked = head;
      if (head.received === lane.received) this.#behindMark.delete(lane);
      this.#touchState(lane, out);
    }
  }

  #touchState(lane: Lane, out: Outbox): void {
    lane.isStateDirty = true;
    this.#touch(lane, out);
  }

  #touch(lane: Lane, out: Outbox): void {
    if (!lane.dirty) this.#dirty.push(lane);
    lane.dirty = true;
    out.awaitSeal();
  }

  #sealEntries(lane: Lane, out: Outbox): void {
    if (lane.sealed === lane.received) return;
    for (const block of blocksOf(lane.unsealed())) {
      const { seq, chain } = block[block.length - 1] as Mutation;
      out.put(laneKey(lane.id, seq), encodeBlock(block));
      lane.noteEnd({ seq, chain });
    }
    lane.sealed = lane.received;
  }

  /** Batches up to `lsn` are durable. Returns the new end of each lane that moved. */
  onDurable(lsn: Lsn, out: Outbox): VectorEntries {
    while (this.#truncated.size > 0 && this.#truncated.at(0).lsn <= lsn) {
      const { span } = present(this.#truncated.shift(), 'log: a truncation waits');
      out.clear(span.from, span.to);
    }
    const moved: [LaneId, Seq][] = [];
    while (this.#sealed.size > 0 && this.#sealed.at(0).lsn <= lsn) {
      const { lane, head } = present(this.#sealed.shift(), 'log: a sealed lane waits');
      lane.onDurable(head);
      assert(head >= seqOf(this.#durable, lane.id), 'log: what is durable stays so');
      this.#durable.set(lane.id, head);
      moved.push([lane.id, head]);
    }
    this.#onShown(lsn);
    this.#trim();
    return moved;
  }

  /** Batches up to `lsn` are durable, and with them what was visible when they were sealed. */
  #onShown(lsn: Lsn): void {
    while (this.#sealedShown.size > 0 && this.#sealedShown.at(0).lsn <= lsn) {
      const { lane, head } = present(this.#sealedShown.shift(), 'log: a sealed lane waits');
      assert(head >= lane.shown, 'log: what is visible stays so');
      lane.shown = head;
      if (!lane.hasWaiting && lane.shown === lane.applied) this.#waiting.delete(lane);
    }
  }

  /**
   * Drops entries up to the end of a block. They must be durable at every member. They are removed
   * once the new floor is durable, so a crash in between leaves a whole log; entries that the crash
   * left below the floor are removed with the next truncation.
   */
  truncate(lane: Lane, end: BlockEnd, out: Outbox): void {
    assert(!lane.isReplaced, 'log: what is truncated is the lane that is read');
    const span = laneSpan(lane.id, 1, end.seq);
    this.#metrics.logEntriesTruncated += end.seq - lane.floor;
    lane.truncate(end);
    this.#touchState(lane, out);
    this.#clear(span, out);
  }

  /** Once this batch is durable, nothing refers to the blocks of the span any more. */
  #clear(span: Span, out: Outbox): void {
    out.put(fenceKey(), NO_BYTES);
    this.#truncated.push({ lsn: out.lsn, span });
  }

  /**
   * Drops the oldest entries from memory down to the bound; undurable ones and those after them
   * stay.
   */
  #trim(): void {
    while (this.#tailBytes > this.#tailBytesMax && this.#dropOldest());
  }

  #dropOldest(): boolean {
    const lane = this.#inMemory.at(0);
    const dropped = lane.dropOldest();
    if (dropped === 0) return false;
    this.#inMemory.shift();
    this.#tailBytes -= dropped;
    assert(this.#tailBytes >= 0, 'log: the bytes in memory are those of the tails');
    return true;
  }
}
