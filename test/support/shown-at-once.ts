// A door between log and table that shows every entry as it comes.

import { applyEntry, type ApplyOptions } from '../../src/store/apply.ts';
import type { Door } from '../../src/stream/receiver.ts';

export function shownAtOnce(options: ApplyOptions): Door {
  return { offer: (lane, entry, turn) => applyEntry(options, lane, entry, turn) };
}
