// Entries that are stamped further ahead of the agreed clock than the bound: their replica's clock
// was wrong. They are stored durably, and wait here in the order of their log until the clock has
// reached their stamps: not in the log and not visible, so neither acknowledged nor passed on. Then
// they are handled as if they had just arrived. Later entries of the same log wait behind them.
//
// Invariants:
// (1) the waiting entries of an origin are gap-free and chained;
// (2) an entry is in storage from the batch in which it arrived to the batch that logs it, so a
//     crash in between loses nothing and shows nothing;
// (3) all together are bounded: beyond the bound entries are refused, and their origin sends them
//     again;
// (4) a run waits as a whole: its entries have one stamp, so they are due together.
//
// While entries of an origin wait, or were refused, the origin says nothing about how far behind
// this replica is: it is silent.

import { assert } from '../base/assert.ts';
import type { Outbox, RangeEntry } from '../model/effect.ts';
import { decodeMutation, isChained } from '../model/encoding.ts';
import { type LaneId, type ReplicaId, replicaOf, type Seq } from '../model/id.ts';
import type { Mutation } from '../model/record.ts';
import { wholeRuns } from '../model/run.ts';
import { heldKey } from './layout.ts';

/**
 * Accepts due entries of an origin whose waiting entries end at `last`. Returns where its log ends
 * then.
 */
type Take = (origin: LaneId, entries: readonly Mutation[], last: Seq) => Seq;

export class Held {
  readonly #bytesMax: number;
  readonly #waiting = new Map<LaneId, Mutation[]>();
  /** Origins of which an entry was refused because of its stamp. */
  readonly #refused = new Set<LaneId>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0 && this.#refused.size === 0;
  }

  /** The entries that wait. */
  get count(): number {
    let count = 0;
    for (const waiting of this.#waiting.values()) count += waiting.length;
    return count;
  }

  /** The last waiting entry of an origin. */
  last(origin: LaneId): Mutation | undefined {
    return this.#waiting.get(origin)?.at(-1);
  }

  /** The end of an origin's waiting entries; 0 if none wait. */
  upTo(origin: LaneId): Seq {
    return this.last(origin)?.seq ?? 0;
  }

  isSilent(origin: LaneId): boolean {
    return this.#waiting.has(origin) || this.#refused.has(origin);
  }

  /** True if an incarnation of the replica is silent. */
  isReplicaSilent(id: ReplicaId): boolean {
    if (this.isEmpty) return false;
    for (const origin of this.#waiting.keys()) if (replicaOf(origin) === id) return true;
    for (const origin of this.#refused) if (replicaOf(origin) === id) return true;
    return false;
  }

  /**
   * Holds a run, or a single entry, that follows the waiting or logged ones; false at the bound.
   */
  keep(run: readonly Mutation[], out: Outbox): boolean {
    const bytes = run.reduce((sum, entry) => sum + entry.bytes.length, 0);
    if (this.#bytes + bytes > this.#bytesMax) {
      for (const { origin } of run) this.#refused.add(origin);
      return false;
    }
    for (const entry of run) {
      this.#add(entry);
      out.put(heldKey(entry.origin, entry.seq), entry.bytes);
    }
    assert(this.#bytes <= this.#bytesMax, 'held (3): what waits is bounded');
    return true;
  }

  /** An entry of the origin was accepted in time: it is no longer silent. */
  onTaken(origin: LaneId): void {
    if (this.#refused.size > 0) this.#refused.delete(origin);
  }

  /**
   * Loads the stored entries, in order. An unreadable one is dropped with those after it: they will
   * be sent again.
   */
  restore({ key, value }: RangeEntry, out: Outbox): void {
    const entry = decodeMutation(value);
    const last = entry === undefined ? undefined : this.last(entry.origin);
    const follows =
      last === undefined || (entry?.seq === last.seq + 1 && isChained(entry, last.chain));
    if (entry === undefined || !follows) out.del(key);
    else this.#add(entry);
  }

  /** Storage is read: a run with an unreadable entry is dropped as a whole. */
  restored(out: Outbox): void {
    for (const [origin, waiting] of this.#waiting) {
      this.#forget(waiting.splice(wholeRuns(waiting)), out);
      if (waiting.length === 0) this.#waiting.delete(origin);
    }
  }

  /**
   * Hands over the entries that are no longer ahead, in the order of each log. If the log refuses
   * one, those behind it are dropped: they will be sent again.
   */
  release(isAhead: (entry: Mutation) => boolean, take: Take, out: Outbox): void {
    for (const [origin, waiting] of this.#waiting) {
      const first = waiting.findIndex(isAhead);
      const due = waiting.splice(0, first < 0 ? waiting.length : first);
      const dueTo = due.at(-1)?.seq;
      if (dueTo === undefined) continue;
      assert(wholeRuns(due) === due.length, 'held (4): a run waits whole');
      this.#waiting.delete(origin);
      this.#forget(due, out);
      const taken = take(origin, due, waiting.at(-1)?.seq ?? dueTo);
      if (waiting.length === 0) continue;
      if (taken >= dueTo) this.#waiting.set(origin, waiting);
      else {
        this.#forget(waiting, out);
        this.#refused.add(origin);
      }
    }
  }

  #forget(entries: readonly Mutation[], out: Outbox): void {
    for (const { bytes, origin, seq } of entries) {
      this.#bytes -= bytes.length;
      out.del(heldKey(origin, seq));
    }
    assert(this.#bytes >= 0, 'held (3): the bytes are those of what waits');
  }

  #add(entry: Mutation): void {
    const waiting = this.#waiting.get(entry.origin);
    const last = waiting?.at(-1);
    assert(last === undefined || entry.seq === last.seq + 1, 'held (1): what waits has no gap');
    if (waiting === undefined) this.#waiting.set(entry.origin, [entry]);
    else waiting.push(entry);
    this.#bytes += entry.bytes.length;
  }
}
