// What a checkpoint of everything would add to the batch in progress, for tests of a table alone.

import type { Replay } from '../../src/store/recovery.ts';
import type { HostTurn } from '../../src/host/turn.ts';
import type { Log } from '../../src/store/log.ts';
import type { Table } from '../../src/store/table.ts';

export function storeAll(table: Table, out: HostTurn): void {
  for (const leaf of table.takeDirtyLeaves()) table.writeLeaf(leaf, out);
  table.writeThrough(out);
  table.onWritten(out);
  table.sealCensus(out);
}

/** Shows everything that a log has received, and marks it as stored in the table. */
export function markAll(log: Log, out: HostTurn): void {
  for (const lane of log.lanes())
    for (let seq = lane.applied + 1; seq <= lane.received; seq++) lane.onApplied(seq);
  log.mark(log.headsBehindMark(), out);
}

/** A replica that replays nothing. */
export function replayNothing(metrics: { tombstones: number }): Replay {
  const nothing = (): void => {};
  return {
    begin: nothing,
    show: nothing,
    end: nothing,
    onTombstones: (stored) => void (metrics.tombstones += stored.length),
    onCounted: nothing,
  };
}
