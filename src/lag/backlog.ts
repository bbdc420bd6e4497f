// Since when this replica knows of entries that it lacks. Echoes cover what a peer itself writes.
// What one peer holds of another, which this replica does not hear, is known from vectors, and
// those have no times. So each look marks the reported heads, and the oldest mark that is not
// reached yet gives the age of the missing entries.

import { assert, present } from '../base/assert.ts';
import type { LaneId, Seq } from '../model/id.ts';
import { type ReadonlyVector, seqOf } from '../model/vector.ts';

interface Mark {
  readonly seq: Seq;
  readonly atMs: number;
}

/**
 * The marks of one origin. At the bound the newest is dropped, because the oldest gives the age.
 */
const MARKS_MAX = 64;

export class Backlog {
  readonly #marks = new Map<LaneId, Mark[]>();

  /** `known`: the join of the vectors of all peers that are heard. */
  mark(known: ReadonlyVector, durable: ReadonlyVector, nowMs: number): void {
    for (const [origin, marks] of this.#marks) {
      const own = seqOf(durable, origin);
      while (marks.length > 0 && present(marks[0], 'backlog: not empty').seq <= own) marks.shift();
      // The holder is no longer heard.
      if (marks.length === 0 || seqOf(known, origin) <= own) this.#marks.delete(origin);
    }
    for (const [origin, seq] of known) {
      if (seq <= seqOf(durable, origin)) continue;
      const marks = this.#marks.get(origin) ?? [];
      assert((marks.at(-1)?.atMs ?? nowMs) <= nowMs, 'backlog: marks are in the order of time');
      if (seq > (marks.at(-1)?.seq ?? 0) && marks.length < MARKS_MAX)
        marks.push({ seq, atMs: nowMs });
      assert(marks.length > 0, 'backlog: a log that lacks entries has a mark');
      this.#marks.set(origin, marks);
    }
  }

  /** 0 if no entry is known to be missing. */
  ageMs(nowMs: number): number {
    let oldestMs = nowMs;
    for (const [first] of this.#marks.values())
      if (first !== undefined) oldestMs = Math.min(oldestMs, first.atMs);
    assert(oldestMs <= nowMs, 'backlog: a mark is not from later');
    return nowMs - oldestMs;
  }
}
