// What a disk holds, as a start reads it: the records of the last checkpoint, and the entries of
// the logs behind the mark of their lane (src/store/checkpoint.ts). For observers, which see what
// is stored and not what a process has in memory.

import type { RangeEntry } from '../../src/model/effect.ts';
import type { LaneId, Seq } from '../../src/model/id.ts';
import { UNREADABLE } from '../../src/model/port.ts';
import type { Mutation } from '../../src/model/record.ts';
import { entriesIn } from '../../src/store/block.ts';
import { decodeLaneState } from '../../src/store/lane.ts';
import { allLogs, originKey, type Span } from '../../src/store/layout.ts';
import type { MemoryDisk } from './memory-disk.ts';

/** All of a span; `undefined` if some of it cannot be read. */
export function storedIn(disk: MemoryDisk, span: Span): readonly RangeEntry[] | undefined {
  const result = disk.range({ ...span, reverse: false, limit: 1e6, bytesMax: 1e9 });
  return result.ok ? result.entries : undefined;
}

/** The entries that a start replays; `undefined` if the logs cannot be read. */
export function entriesBehindMarks(disk: MemoryDisk): Mutation[] | undefined {
  const blocks = storedIn(disk, allLogs());
  if (blocks === undefined) return undefined;
  const marks = new Map<LaneId, Seq>();
  const entries: Mutation[] = [];
  for (const entry of entriesIn(blocks)) {
    if (entry === undefined) continue;
    const mark = marks.get(entry.origin) ?? markOf(disk, entry.origin);
    marks.set(entry.origin, mark);
    if (entry.seq > mark) entries.push(entry);
  }
  return entries;
}

/** The last entry of a lane that the records on disk include. */
export function markOf(disk: MemoryDisk, lane: LaneId): Seq {
  const bytes = disk.get(originKey(lane));
  if (bytes === undefined || bytes === UNREADABLE) return 0;
  return decodeLaneState(bytes)?.received ?? 0;
}
