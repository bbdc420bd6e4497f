// At start: delivers the entries that the table in storage may lack, as if they arrived now.

import type { Replay } from '../store/recovery.ts';
import type { Door } from '../stream/receiver.ts';
import type { Core } from './core.ts';

/** `begin`: before the first entry is shown. */
export function replayOf(
  { index, table }: Pick<Core, 'index' | 'table'>,
  delivery: Door,
  begin: () => void,
): Replay {
  return {
    begin: () => {
      index.beginReplay();
      begin();
    },
    show: (lane, entry, turn) => void delivery.offer(lane, entry, turn),
    end: () => table.cells.onReplayed(),
    onTombstones: (stored) => index.countStored(stored),
    onCounted: () => index.endReplay(),
  };
}
