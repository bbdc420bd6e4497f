// The records of a page of a range read.

import type { RangeEntry, Turn } from '../model/effect.ts';
import { recordIn } from '../model/encoding.ts';
import type { Heal } from '../model/heal.ts';
import type { Record } from '../model/record.ts';
import { parseRecordKey } from './layout.ts';

/** `undefined`: one of them is damaged, and is being healed. */
export function recordsIn(
  entries: readonly RangeEntry[],
  heal: Heal,
  turn: Turn,
): Record[] | undefined {
  const records: Record[] = [];
  for (const entry of entries) {
    const record = recordIn(entry);
    if (record === undefined) {
      const name = parseRecordKey(entry.key);
      if (name !== undefined) heal(name.namespace, name.key, turn);
      return undefined;
    }
    records.push(record);
  }
  return records;
}
