// At start: shows what the logs say and the table in storage may lack, as if it was delivered now.

import type { Replay } from '../store/recovery.ts';
import type { Core } from './core.ts';

type ReplayOptions = Pick<Core, 'absence' | 'idempotency' | 'table'>;

/** `begin`: before the first entry is shown. */
export function replayOf(options: ReplayOptions, begin: () => void): Replay {
  const { absence, idempotency, table } = options;
  return {
    begin,
    show(lane, entry, turn) {
      absence.merge(entry, turn);
      lane.onApplied(entry.seq);
      idempotency.remember(entry, turn);
    },
    end: () => table.cells.onReplayed(),
  };
}
