// Background reads of stored ranges for those who stream and serve: numbered, bounded in entries, and forwards.

import type { SenderOptions } from '../stream/sender.ts';

const RANGE_ENTRIES_MAX = 8192;

export function rangeReader(nextId: () => number): SenderOptions['range'] {
  return (span, bytesMax, out) => {
    const id = nextId();
    out.range(id, { ...span, reverse: false, limit: RANGE_ENTRIES_MAX, bytesMax });
    return id;
  };
}
