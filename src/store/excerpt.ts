// The part of a log that a cursor gives at once: entries that follow each other, as many as one
// message may hold, in whole runs. A run is in one message, even if that is then larger than usual.

import type { RangeResult } from '../model/effect.ts';
import type { LaneId, Seq } from '../model/id.ts';
import type { Mutation } from '../model/record.ts';
import { firstOfRun, lastOfRun, wholeRuns } from '../model/run.ts';
import { BLOCK_ENTRIES_MAX, entriesIn } from './block.ts';
import type { Lane } from './lane.ts';
import { laneSpan, type Span } from './layout.ts';

/** The entry is in memory, and so is its run from the beginning. */
export function isInMemory(lane: Lane, seq: Seq): boolean {
  return seq >= lane.tailFrom && firstOfRun(lane.at(seq)) >= lane.tailFrom;
}

/**
 * Durable entries in memory from `from` on, or from the beginning of its run: as many as fit into
 * `bytesMax`, at least one, and all of the last run.
 */
export function fromMemory(lane: Lane, from: Seq, bytesMax: number): Mutation[] {
  const entries: Mutation[] = [];
  let bytes = 0;
  let runTo = 0;
  for (let seq = firstOfRun(lane.at(from)); seq <= lane.durable; seq++) {
    if (bytes >= bytesMax && seq > runTo && entries.length > 0) break;
    const entry = lane.at(seq);
    if (entry.group !== '') runTo = lastOfRun(entry);
    entries.push(entry);
    bytes += entry.bytes.length;
  }
  return entries;
}

/**
 * The entries of the blocks of a range read, from `from` on, up to the first that is damaged or
 * missing. The first block may contain entries before `from`.
 */
export function verified(result: RangeResult, origin: LaneId, from: Seq): Mutation[] {
  const entries: Mutation[] = [];
  if (!result.ok) return entries;
  for (const entry of entriesIn(result.entries)) {
    if (entry?.origin !== origin) break;
    if (entry.seq < from) continue;
    if (entry.seq !== from + entries.length) break;
    entries.push(entry);
  }
  return entries;
}

/** The range to read for the run `from` to `to`: the block that holds its end may end behind it. */
export function runSpan({ id, durable }: Lane, from: Seq, to: Seq): Span {
  return laneSpan(id, from, Math.min(to + BLOCK_ENTRIES_MAX - 1, durable));
}

/** Returns whole runs, or the range of the run of which the entries are a part. */
export type Excerpt =
  | { readonly kind: 'whole'; readonly entries: readonly Mutation[] }
  | { readonly kind: 'cut'; readonly from: Seq; readonly to: Seq };

/** Drops an unfinished run at the end. */
export function uncut(entries: readonly Mutation[]): Excerpt {
  const [first] = entries;
  if (first === undefined) return { kind: 'whole', entries };
  const from = firstOfRun(first);
  const count = wholeRuns(entries);
  if (from < first.seq || count === 0) return { kind: 'cut', from, to: lastOfRun(first) };
  const isWhole = count === entries.length;
  return { kind: 'whole', entries: isWhole ? entries : entries.slice(0, count) };
}
