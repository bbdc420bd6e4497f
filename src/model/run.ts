// A run: entries that one commit put into a log together, and that every replica shows in one turn. An atomic batch is one.
// Nothing splits it: no message, acknowledgement or cut of a log ends within it, and a receiver takes all of it or nothing.
//
// Each entry says its place in its run, `@index/count`, where an entry that a Raft group ordered would name the group: no
// group is called so. So any entry tells where its run begins and ends. All entries of a run have one stamp, and follow each other
// in the log.

import type { Seq } from './id.ts';
import type { Mutation } from './record.ts';

export const RUN_ENTRIES_MAX = 1000;
/** Encoded, all entries together: what clients may send at once, and what the form adds. One message between peers. */
export const RUN_BYTES_MAX = 18 * 1024 * 1024;

type Placed = Pick<Mutation, 'seq' | 'group'>;

interface Place {
  readonly index: number;
  readonly count: number;
}

const NAME = /^@(0|[1-9][0-9]{0,3})\/([1-9][0-9]{0,3})$/;

/** The entry at `index` of a run of `count`; a run of one is an entry like any other. */
export function runName(index: number, count: number): string {
  return count === 1 ? '' : `@${index}/${count}`;
}

/** Whether entries of a replica's own log may be called so: in a run, or in none. */
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

/** How many entries from `at` on belong together: 1 where there is no run, 0 where it does not begin there or is not whole. */
export function runLength(entries: readonly Mutation[], at: number): number {
  const first = entries[at] as Mutation;
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

/** How many of the first `count` entries are left without a run that they would cut. */
export function wholeRuns(entries: readonly Placed[], count = entries.length): number {
  const last = entries[count - 1];
  if (last === undefined || lastOfRun(last) === last.seq) return count;
  return Math.max(count - (last.seq - firstOfRun(last) + 1), 0);
}

function placeOf(group: string): Place | undefined {
  const match = NAME.exec(group);
  if (match === null) return undefined;
  const index = Number(match[1]);
  const count = Number(match[2]);
  return index < count && count > 1 && count <= RUN_ENTRIES_MAX ? { index, count } : undefined;
}
