// The part of a log that a cursor gives at once: entries that follow each other, as many as one
// message may hold, in whole runs. A run is in one message, even if that is then larger than usual.

import type { RangeResult } from '../model/effect.ts';
import { decodeMutation } from '../model/encoding.ts';
import type { LaneId, Seq } from '../model/id.ts';
import type { Mutation } from '../model/record.ts';
import { firstOfRun, lastOfRun, wholeRuns } from '../model/run.ts';
import type { Lane } from '../store/lane.ts';

/** The entry, and its run from the beginning, are in memory. */
export function isInMemory(lane: Lane, seq: Seq): boolean {
  return seq >= lane.tailFrom && firstOfRun(lane.at(seq)) >= lane.tailFrom;
}

/**
 * Durable entries from `from` on, or from the beginning of its run, out of memory: as many as fit
 * into `bytesMax`, at least one, and on to the end of the run that was begun.
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

/** The entries of a range read from `from` on, up to the first that is damaged or missing. */
export function verified(result: RangeResult, origin: LaneId, from: Seq): Mutation[] {
  const entries: Mutation[] = [];
  if (!result.ok) return entries;
  for (const { value } of result.entries) {
    const entry = decodeMutation(value);
    const isNext = entry?.origin === origin && entry.seq === from + entries.length;
    if (entry === undefined || !isNext) break;
    entries.push(entry);
  }
  return entries;
}

/** Whole runs, or where the run goes that the entries have a part of. */
export type Excerpt =
  | { readonly kind: 'whole'; readonly entries: readonly Mutation[] }
  | { readonly kind: 'cut'; readonly from: Seq; readonly to: Seq };

/** Leaves out a run at the end that goes on behind it. */
export function uncut(entries: readonly Mutation[]): Excerpt {
  const [first] = entries;
  if (first === undefined) return { kind: 'whole', entries };
  const from = firstOfRun(first);
  const count = wholeRuns(entries);
  if (from < first.seq || count === 0) return { kind: 'cut', from, to: lastOfRun(first) };
  const isWhole = count === entries.length;
  return { kind: 'whole', entries: isWhole ? entries : entries.slice(0, count) };
}
