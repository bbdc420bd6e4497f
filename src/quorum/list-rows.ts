// What several replicas report of the keys of a list: a row for each key, with its newest version
// and its holders.

import type { Client, Reply } from '../model/command.ts';
import type { Now } from '../model/effect.ts';
import { withoutValue } from '../model/encoding.ts';
import type { Fault } from '../model/fault.ts';
import type { Key } from '../model/id.ts';
import { add, type MemberSet, NO_MEMBERS, single } from '../model/member-set.ts';
import type { KeyVersion } from '../model/message.ts';
import { encodedOf, isTombstone, latestOf, type Record, shows } from '../model/record.ts';
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

/** A row acts as the client of a read of its key, and keeps the result. */
export class RowClient implements Client {
  readonly #row: Row;
  readonly #values: boolean;
  readonly #onEnd: (recordBytes: number) => void;

  /** `values`: the row keeps the value. `onEnd` gets the size of the record that was read. */
  constructor(row: Row, values: boolean, onEnd: (recordBytes: number) => void) {
    this.#row = row;
    this.#values = values;
    this.#onEnd = onEnd;
  }

  onReply(reply: Reply): void {
    this.#row.isOpen = false;
    const record = reply.kind === 'found' ? reply.record : undefined;
    this.#row.own = record === undefined || this.#values ? record : withoutValue(record);
    if (reply.kind === 'failed') this.#row.failed = reply.fault;
    this.#onEnd(record === undefined ? 0 : encodedOf(record).length);
  }
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
