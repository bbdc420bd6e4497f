// At start: shows the entries that the table in storage may lack, as if they were delivered now.

import { applyEntry } from '../store/apply.ts';
import type { Replay } from '../store/recovery.ts';
import type { Core } from './core.ts';

type ReplayOptions = Pick<Core, 'absence' | 'idempotency' | 'table'>;

/** `begin`: before the first entry is shown. */
export function replayOf(options: ReplayOptions, begin: () => void): Replay {
  return {
    begin,
    show: (lane, entry, turn) => void applyEntry(options, lane, entry, turn),
    end: () => options.table.cells.onReplayed(),
  };
}
