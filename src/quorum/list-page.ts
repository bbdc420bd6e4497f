// The page of a list: what it has found so far, in the order of keys, and when it ends.

import { assert } from '../base/assert.ts';
import type { ListCommand } from '../model/command.ts';
import type { Asker } from '../model/effect.ts';
import { withoutValue } from '../model/encoding.ts';
import { encodedOf, type Record } from '../model/record.ts';
import type { Listed } from '../model/reply.ts';
import { aged, type Staleness } from '../model/staleness.ts';
import type { VectorEntries } from '../model/vector.ts';
import { type Holder, ITEM_BYTES } from './list-room.ts';
import { isBefore } from './list-rows.ts';

/** Bytes of records and prefixes after which a page ends. */
export const PAGE_BYTES_MAX = 4 * 1024 * 1024;
/** The same if replicas are compared: the versions that they name need memory, too. */
export const COMPARED_PAGE_BYTES_MAX = PAGE_BYTES_MAX / 2;
const LOOKING_MS_MAX = 1000;

export interface ListPage extends Holder {
  readonly command: ListCommand<Asker>;
  readonly deadlineMs: number;
  /** From this time on it ends with its present items. */
  readonly enoughMs: number;
  /** When it began, and how stale the stored records could be then. */
  readonly beganMs: number;
  readonly stalenessMs: Staleness;
  readonly items: Record[];
  readonly prefixes: string[];
  /** Bytes of items and prefixes. */
  bytes: number;
  /** The cursor: the last key that was examined, or the prefix that was skipped. */
  after: string;
}

export function emptyPage(
  command: ListCommand<Asker>,
  deadlineMs: number,
  stalenessMs: Staleness,
  nowMs: number,
): ListPage {
  return {
    command,
    deadlineMs,
    enoughMs: nowMs + Math.min((deadlineMs - nowMs) / 2, LOOKING_MS_MAX),
    beganMs: nowMs,
    stalenessMs,
    items: [],
    prefixes: [],
    bytes: 0,
    held: 0,
    after: '',
  };
}

/**
 * It takes no further item. A list looks for one item more than its limit, so that its cursor
 * always has a next item.
 */
export function isFull({ command, items, prefixes, bytes }: ListPage, bytesMax: number): boolean {
  if (items.length + prefixes.length >= command.limit) return true;
  return bytes >= Math.min(command.bytesMax ?? bytesMax, bytesMax);
}

export function keep(page: ListPage, record: Record): void {
  const { values, reverse } = page.command;
  const isNext = page.after === '' || isBefore(page.after, record.key, reverse);
  assert(isNext, 'list page: items are in the order of keys');
  page.items.push(values ? record : withoutValue(record));
  page.bytes += values ? encodedOf(record).length : ITEM_BYTES + record.key.length;
  page.after = record.key;
}

export function fold(page: ListPage, prefix: string): void {
  assert(prefix !== page.prefixes.at(-1), 'list page: a prefix stands for all its keys');
  page.prefixes.push(prefix);
  page.bytes += prefix.length;
  page.after = prefix;
}

/** The answer. `shown`: what the page shows, or leaves out because of a delete. */
export function listedOf(page: ListPage, shown: VectorEntries, nowMs: number): Listed {
  const { items, prefixes, after } = page;
  assert(items.length + prefixes.length <= page.command.limit, 'list page: within its limit');
  const stalenessMs = aged(page.stalenessMs, nowMs - page.beganMs);
  return { kind: 'listed', items, prefixes, shown, after, stalenessMs, heldBy: undefined };
}
