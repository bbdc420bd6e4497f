// Drops tombstones that nobody needs any more (stability.ts), each replica by itself, a page with every heartbeat. It walks
// their index in the order of dots and leaps over the rest of an origin at the first that is still needed; a walk begins
// when something has been settled since the last.
//
// A dropped key is gone from memory and storage. What its absence says from then on is told in store/absence.ts.

import type { Now, Outbox, RangeEntry, RangeResult } from '../model/effect.ts';
import type { Dot } from '../model/id.ts';
import { covers, dominates, type ReadonlyVector } from '../model/vector.ts';
import {
  allTombstones,
  behind,
  parseTombstoneKey,
  type Span,
  tombstonesAfter,
} from '../store/layout.ts';
import { decodeName } from '../store/record-index.ts';
import type { Context, Heal } from './context.ts';

const ENTRIES_MAX = 256;
const BYTES_MAX = 256 * 1024;

export class Tombstones {
  readonly #context: Context;
  readonly #nextId: () => number;
  readonly #heal: Heal;
  #readingId = 0;
  /** What this walk has still to read; empty between two. */
  #rest: Span | undefined;
  /** What was settled when the last walk began. */
  #walked: ReadonlyVector = new Map();
  #cut: ReadonlyVector = new Map();

  constructor(context: Context, nextId: () => number, heal: Heal) {
    this.#context = context;
    this.#nextId = nextId;
    this.#heal = heal;
  }

  onBeat(out: Outbox): void {
    const { stability, table } = this.#context;
    stability.look();
    if (this.#readingId !== 0 || table.dropping > 0) return;
    this.#cut = stability.cut;
    if (this.#rest === undefined) {
      if (dominates(this.#walked, this.#cut)) return;
      this.#walked = this.#cut;
      this.#rest = allTombstones();
    }
    this.#readingId = this.#nextId();
    const limits = { reverse: false, limit: ENTRIES_MAX, bytesMax: BYTES_MAX };
    out.range(this.#readingId, { ...this.#rest, ...limits });
  }

  /** True when the answer was meant for this. */
  onRange(id: number, result: RangeResult, now: Now, out: Outbox): boolean {
    if (id !== this.#readingId) return false;
    this.#readingId = 0;
    this.#cut = this.#context.stability.cut;
    if (result.ok) {
      this.#rest = this.#walk(result.entries, result.more, now, out);
    } else {
      this.#rest = undefined;
      out.note('error', 'tombstones-unreadable', { reason: result.reason });
    }
    return true;
  }

  #walk(entries: readonly RangeEntry[], more: boolean, now: Now, out: Outbox): Span | undefined {
    for (const entry of entries) {
      const dot = parseTombstoneKey(entry.key);
      if (dot === undefined) out.del(entry.key);
      else if (!covers(this.#cut, dot)) return tombstonesAfter(dot.origin);
      else this.#take(entry, dot, now, out);
    }
    const last = entries.at(-1);
    if (!more || last === undefined) return undefined;
    return { from: behind(last.key), to: allTombstones().to };
  }

  #take({ value }: RangeEntry, dot: Dot, now: Now, out: Outbox): void {
    const { table, index, metrics } = this.#context;
    const name = decodeName(value);
    // Its tombstone stays, and is filed anew by the scrub.
    if (name === undefined) return index.removeTombstone(dot, out);
    const cell = table.read(name.namespace, name.key);
    if (cell.damaged) return this.#heal(name.namespace, name.key, now, out);
    const { record } = cell;
    if (record?.origin !== dot.origin || record.seq !== dot.seq) {
      index.removeTombstone(dot, out);
    } else {
      table.drop(record, record.hlc, out);
      metrics.tombstonesDropped++;
    }
  }
}
