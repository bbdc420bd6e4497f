// What this replica holds of a key, whether or not readers see it: an acknowledged write counts in
// quorum reads while it waits in causal order.

import { merge } from '../conflict/merge.ts';
import type { Lsn } from '../model/effect.ts';
import type { Key, NamespaceName } from '../model/id.ts';
import type { Record } from '../model/record.ts';
import type { Cell } from './cells.ts';

/** The newest version of a key that is logged here and not visible yet. */
export interface WaitingVersion {
  readonly record: Record;
  /** The batch that makes it durable. */
  readonly lsn: Lsn;
}

/** `unknown`: some versions that wait are in the log only. */
export type Waiting = (
  namespace: NamespaceName,
  key: Key,
) => WaitingVersion | 'unknown' | undefined;

/** The visible record, merged with the version that waits; `undefined`: that is not known. */
export function withWaiting(cell: Cell, waiting: ReturnType<Waiting>): Cell | undefined {
  if (waiting === undefined || cell.damaged) return cell;
  if (waiting === 'unknown') return undefined;
  const record = merge(cell.record, waiting.record);
  return { ...cell, record, lsn: Math.max(cell.lsn, waiting.lsn) };
}
