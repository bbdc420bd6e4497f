// What several replicas report of the keys of a list: a row for each key, with its newest version
// and its holders.

import type { Now } from '../model/effect.ts';
import { withoutValue } from '../model/encoding.ts';
import type { Fault } from '../model/fault.ts';
import type { Key } from '../model/id.ts';
import { add, type MemberSet, NO_MEMBERS, single } from '../model/member-set.ts';
import type { KeyVersion } from '../model/message.ts';
import { isTombstone, latestOf, type Record, shows } from '../model/record.ts';
import type { Reply } from '../model/reply.ts';
import { compareVersions } from '../conflict/version-order.ts';

/** The reports of the replicas about a key. */
export interface Row {
  readonly key: Key;
  newest: KeyVersion;
  /** Members that have the newest version. */
  holders: MemberSet;
  own: Record | undefined;
  /** The content of the newest version is not known yet. */
  isOpen: boolean;
  failed: Fault | undefined;
}

/** The row was read: it keeps the result, with its value if `values`. */
export function onRowRead(row: Row, reply: Reply, values: boolean): void {
  const record = recordOfReply(reply);
  row.isOpen = false;
  row.own = record === undefined || values ? record : withoutValue(record);
  if (reply.kind === 'failed') row.failed = reply.fault;
}

/** What the read of a row has brought. */
export function recordOfReply(reply: Reply): Record | undefined {
  return reply.kind === 'found' ? reply.record : undefined;
}

export function versionOf(record: Record): KeyVersion {
  const { key, hlc, origin, seq } = latestOf(record);
  return { key, isDeleted: isTombstone(record), hlc, origin, seq };
}

export function see(
  rows: Map<string, Row>,
  version: KeyVersion,
  member: number,
  own: Record | undefined,
): void {
  const { key } = version;
  const row = rows.get(key);
  if (row === undefined) {
    const rest = { own, isOpen: false, failed: undefined };
    rows.set(key, { key, newest: version, holders: single(member), ...rest });
    return;
  }
  const order = compareVersions(version, row.newest);
  if (order > 0) {
    row.newest = version;
    row.holders = NO_MEMBERS;
  }
  if (order >= 0) row.holders = add(row.holders, member);
}

/** This replica's own record is the newest version of the row. */
export function hasNewest({ own, newest }: Row): boolean {
  return own !== undefined && compareVersions(latestOf(own), newest) === 0;
}

/** For rows that are settled, or were read. */
export function isShown({ isOpen, own }: Row, now: Now): boolean {
  return !isOpen && shows(own, now.wallMs);
}

export function isBefore(left: string, right: string, reverse: boolean): boolean {
  return reverse ? left > right : left < right;
}
