// A run: entries that one commit put into a log together, and that every replica shows in one turn.
// An atomic batch is one. It is never split: no message, acknowledgement or truncation of a log
// ends within it, and a receiver takes all of it or nothing.
//
// Each entry names its place in its run, `@index/count`, in the field that names the Raft group of
// an ordered entry; no group has such a name. So any entry shows where its run begins and ends. All
// entries of a run have one stamp, and are consecutive in the log.

import { assert, present } from '../base/assert.ts';
import type { Seq } from './id.ts';
import type { Mutation } from './record.ts';

export const RUN_ENTRIES_MAX = 1000;
/**
 * Encoded, all entries together: the most that clients may send, and the overhead of the form. One
 * message between peers.
 */
export const RUN_BYTES_MAX = 18 * 1024 * 1024;

type Placed = Pick<Mutation, 'seq' | 'group'>;

interface Place {
  readonly index: number;
  readonly count: number;
}

const NAME = /^@(0|[1-9][0-9]{0,3})\/([1-9][0-9]{0,3})$/;

/** The entry at `index` of a run of `count`; a run of one is an entry like any other. */
export function runName(index: number, count: number): string {
  assert(index >= 0 && index < count, 'run: a place within it');
  assert(count <= RUN_ENTRIES_MAX, 'run: as many entries as a run may have');
  return count === 1 ? '' : `@${index}/${count}`;
}

/** Whether an entry of a replica's own log may have this value: in a run, or in none. */
export function isRunName(group: string): boolean {
  return group === '' || placeOf(group) !== undefined;
}

export function firstOfRun({ seq, group }: Placed): Seq {
  if (group === '') return seq;
  return seq - (placeOf(group)?.index ?? 0);
}

export function lastOfRun({ seq, group }: Placed): Seq {
  if (group === '') return seq;
  const place = placeOf(group);
  return place === undefined ? seq : seq - place.index + place.count - 1;
}

/**
 * How many entries from `at` on belong together: 1 without a run, 0 if the run begins earlier or is
 * incomplete.
 */
export function runLength(entries: readonly Mutation[], at: number): number {
  const first = present(entries[at], 'run: within the entries');
  if (first.group === '') return 1;
  const place = placeOf(first.group);
  if (place === undefined) return 1;
  if (place.index > 0 || at + place.count > entries.length) return 0;
  for (let index = 1; index < place.count; index++) {
    const { seq, hlc, group } = entries[at + index] as Mutation;
    const isNext = seq === first.seq + index && group === runName(index, place.count);
    if (!isNext || hlc !== first.hlc) return 0;
  }
  return place.count;
}

/** How many of the first `count` entries remain without cutting a run. */
export function wholeRuns(entries: readonly Placed[], count = entries.length): number {
  const last = entries[count - 1];
  if (last === undefined || lastOfRun(last) === last.seq) return count;
  assert(firstOfRun(last) <= last.seq, 'run: it begins before its last entry');
  return Math.max(count - (last.seq - firstOfRun(last) + 1), 0);
}

function placeOf(group: string): Place | undefined {
  const match = NAME.exec(group);
  if (match === null) return undefined;
  const index = Number(match[1]);
  const count = Number(match[2]);
  return index < count && count > 1 && count <= RUN_ENTRIES_MAX ? { index, count } : undefined;
}
