// Entries that are stamped further ahead of the agreed clock than the bound: their replica's clock was wrong and nobody told it.
// They are kept durably, and they wait here, in the order of their log: neither in the log nor shown, so they are neither
// acknowledged nor passed on, until the clock has come so far. Then they are taken as if they had just arrived. What follows
// one of them in its log waits behind it.
//
// Invariants: (1) what waits of an origin is gap-free and chained; (2) it is in storage from the batch in which it came to the
// batch that logs it, so a crash in between loses nothing and shows nothing; (3) all together are bounded: beyond, entries are
// refused, and their origin sends them again; (4) a run waits whole: its entries have one stamp, so they are due together.
//
// An origin of which something waits, or was refused, says nothing about how far behind this replica is: it is silent.

import { assert } from '../base/assert.ts';
import type { Outbox, RangeEntry } from '../model/effect.ts';
import { decodeMutation, isChained } from '../model/encoding.ts';
import { type LaneId, type ReplicaId, replicaOf, type Seq } from '../model/id.ts';
import type { Mutation } from '../model/record.ts';
import { wholeRuns } from '../model/run.ts';
import { heldKey } from './layout.ts';

/** Takes entries whose time has come, of an origin of which entries up to `last` waited: how far its log has come then. */
type Take = (origin: LaneId, entries: readonly Mutation[], last: Seq) => Seq;

export class Held {
  readonly #bytesMax: number;
  readonly #waiting = new Map<LaneId, Mutation[]>();
  /** Of which something was refused because of its stamp. */
  readonly #refused = new Set<LaneId>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0 && this.#refused.size === 0;
  }

  /** Entries that wait. */
  get count(): number {
    let count = 0;
    for (const waiting of this.#waiting.values()) count += waiting.length;
    return count;
  }

  /** The last one that waits of an origin. */
  last(origin: LaneId): Mutation | undefined {
    return this.#waiting.get(origin)?.at(-1);
  }

  /** How far what waits of an origin reaches; 0 where nothing waits. */
  upTo(origin: LaneId): Seq {
    return this.last(origin)?.seq ?? 0;
  }

  isSilent(origin: LaneId): boolean {
    return this.#waiting.has(origin) || this.#refused.has(origin);
  }

  /** Whether any life of a replica is silent. */
  isReplicaSilent(id: ReplicaId): boolean {
    if (this.isEmpty) return false;
    for (const origin of this.#waiting.keys()) if (replicaOf(origin) === id) return true;
    for (const origin of this.#refused) if (replicaOf(origin) === id) return true;
    return false;
  }

  /** Keeps a run, or a single entry, that follows what waits already, or what is logged; false at the bound. */
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

  /** Something of the origin was taken in time. */
  onTaken(origin: LaneId): void {
    if (this.#refused.size > 0) this.#refused.delete(origin);
  }

  /** Takes over what storage remembers, in its order. What cannot be read is dropped with what follows: it comes again. */
  restore({ key, value }: RangeEntry, out: Outbox): void {
    const entry = decodeMutation(value);
    const last = entry === undefined ? undefined : this.last(entry.origin);
    const follows =
      last === undefined || (entry?.seq === last.seq + 1 && isChained(entry, last.chain));
    if (entry === undefined || !follows) out.del(key);
    else this.#add(entry);
  }

  /** Storage is read: a run of which something could not be read is dropped whole. */
  restored(out: Outbox): void {
    for (const [origin, waiting] of this.#waiting) {
      this.#forget(waiting.splice(wholeRuns(waiting)), out);
      if (waiting.length === 0) this.#waiting.delete(origin);
    }
  }

  /**
   * Hands over, in the order of each log, what is not ahead any more. It follows the log, not what waits behind it, so nothing
   * of its origin waits meanwhile. Where the log does not take it, what waits behind it is dropped: it comes again.
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
