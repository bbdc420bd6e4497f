// How an entry of a log becomes visible: the same for a write of this replica, for an entry that a
// peer sent, and for one that a start replays. Its record is merged, its lane is applied up to it,
// and its idempotency key is known. The caller decides when.

import type { Turn } from '../model/effect.ts';
import type { Mutation } from '../model/record.ts';
import type { Absence } from './absence.ts';
import type { IdempotencyTable } from './idempotency.ts';
import type { Lane } from './lane.ts';
import type { Merged } from './table.ts';

export interface ApplyOptions {
  readonly absence: Absence;
  readonly idempotency: IdempotencyTable;
}

/** `skipped`: a copy in progress has shown that what the entry wrote was deleted. */
export function applyEntry(
  { absence, idempotency }: ApplyOptions,
  lane: Lane,
  entry: Mutation,
  turn: Turn,
): Merged | 'skipped' {
  const merged = absence.merge(entry, turn);
  lane.onApplied(entry.seq);
  idempotency.remember(entry, turn);
  return merged;
}
