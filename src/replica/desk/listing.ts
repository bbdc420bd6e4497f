// Lists keys in byte order, page by page, from what is durable here. A page is a background range
// read; a list ends when it has its limit of items and prefixes, when the range ends, or at its
// deadline, whether or not the disk has answered.
//
// It ends early, with a cursor, after a bound of entries or bytes, or after half of its client's
// time: deletes and large values make a short page, or an empty one, but the list always ends. A
// list of keys keeps no values.
//
// With a delimiter, keys with an equal part up to it fold into one prefix, and the scan skips the
// rest of them. After a skip it reads a few entries, because the next skip may be near, and more as
// long as there is none.
//
// Bounds over all lists: READING_MAX read at the same time, and the others wait in turn.
// RUNNING_MAX are accepted; a range read that a disk does not answer counts until it does. While
// all lists together exceed their bound (list-room.ts), each ends with its present items.

import { assert, present } from '../../base/assert.ts';
import { createRing } from '../../base/ring.ts';
import type { ListCommand } from '../../model/command.ts';
import { type Fault, type FaultCode, fault } from '../../model/fault.ts';
import type {
  Asker,
  Outbox,
  RangeEntry,
  RangeResult,
  ReadOwner,
  Turn,
} from '../../model/effect.ts';
import { recordIn } from '../../model/encoding.ts';
import { latestOf, type Record, shows } from '../../model/record.ts';
import type { Log } from '../../store/log.ts';
import type { Table } from '../../store/table.ts';
import { foldedPrefix, type KeyRange, keyRangeOf, restOf } from '../../store/key-range.ts';
import { parseRecordKey, spanOfKeys } from '../../store/layout.ts';
import type { Heal } from '../../model/heal.ts';
import { refuse } from '../../model/refuse.ts';
import type { StalenessBound } from '../../lag/staleness.ts';
import type { Terms } from '../../model/terms.ts';
import { RANGE_DAMAGED, RANGE_LATE, RANGE_UNREADABLE, STOPPED } from '../../model/reasons.ts';
import {
  emptyPage,
  fold,
  isFull,
  keep,
  listedOf,
  type ListPage,
  PAGE_BYTES_MAX,
} from '../../quorum/list-page.ts';
import { type ListRoom, looksAt } from '../../quorum/list-room.ts';

const RUNNING_MAX = 256;
const READING_MAX = 8;
const PAGE_ENTRIES = 512;
const LEAP_ENTRIES = 4;
const PAGE_GROWTH = 4;
/** Entries that one answer examines. */
const LOOKED_ENTRIES_MAX = 10_000;
const LOOKED_BYTES_MAX = 32 * 1024 * 1024;
const FULL = fault('overloaded', `${RUNNING_MAX} lists are running`, { retryAfterMs: 1000 });

interface Listing extends ListPage {
  /** What is left to read; `undefined`: nothing. */
  range: KeyRange | undefined;
  lookedEntries: number;
  lookedBytes: number;
  /** Entries of the next page. */
  pageEntries: number;
  /** Its client has its answer. */
  isOver: boolean;
}

type Page = RangeResult & { readonly ok: true };

export interface ListsOptions {
  readonly log: Log;
  readonly table: Table;
  readonly staleness: StalenessBound;
}

export class Lists {
  readonly #options: ListsOptions;
  readonly #heal: Heal;
  readonly #room: ListRoom;
  /** Lists that wait for a range read. */
  readonly #reading = new Set<Listing>();
  /** Lists that wait for their turn to read. */
  readonly #queue = createRing<Listing>(16);
  #waiting = 0;

  constructor(options: ListsOptions, heal: Heal, room: ListRoom) {
    this.#options = options;
    this.#room = room;
    this.#heal = heal;
  }

  /** Why no further list can run; `undefined` if one can. */
  get fullness(): Fault | undefined {
    return this.#reading.size + this.#queue.size < RUNNING_MAX ? undefined : FULL;
  }

  begin(command: ListCommand<Asker>, { deadlineMs }: Terms, turn: Turn): void {
    const stalenessMs = this.#options.staleness.bound(turn.now.monoMs);
    const listing = begun(emptyPage(command, deadlineMs, stalenessMs, turn.now.monoMs));
    this.#waiting++;
    turn.arm('list', listing.deadlineMs);
    this.#read(listing, turn);
  }

  #onRead(listing: Listing, result: RangeResult, turn: Turn): void {
    if (!this.#reading.delete(listing)) return;
    if (!listing.isOver) {
      if (result.ok) this.#go(listing, result, turn);
      else this.#fail(listing, 'storage-failed', RANGE_UNREADABLE, turn);
    }
    while (this.#reading.size < READING_MAX && this.#queue.size > 0) {
      const next = present(this.#queue.shift(), 'listing: a list waits');
      if (!next.isOver) this.#read(next, turn);
    }
  }

  get waiting(): number {
    return this.#waiting;
  }

  onDue(turn: Turn): void {
    if (!turn.takeDue('list')) return;
    for (const listing of this.#reading) this.#watch(listing, turn);
    for (let n = 0; n < this.#queue.size; n++) this.#watch(this.#queue.at(n), turn);
  }

  failAll(code: FaultCode, out: Outbox): void {
    for (const listing of this.#reading)
      if (!listing.isOver) this.#fail(listing, code, STOPPED, out);
    this.#reading.clear();
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift())
      if (!next.isOver) this.#fail(next, code, STOPPED, out);
  }

  #watch(listing: Listing, turn: Turn): void {
    if (listing.isOver) return;
    if (listing.deadlineMs > turn.now.monoMs) turn.arm('list', listing.deadlineMs);
    else if (listing.after !== '') this.#reply(listing, turn);
    else this.#fail(listing, 'timeout', RANGE_LATE, turn);
  }

  /** Continues or ends a list after a page. */
  #go(listing: Listing, page: Page, turn: Turn): void {
    const scan = this.#take(listing, page.entries, turn);
    if (scan === 'damaged') {
      this.#fail(listing, 'record-corrupt', RANGE_DAMAGED, turn);
    } else if (scan === 'full') {
      this.#reply(listing, turn);
    } else if (scan === 'more' && !page.more) {
      this.#end(listing, turn);
    } else if (listing.after !== '' && this.#isEnough(listing, turn.now.monoMs)) {
      this.#reply(listing, turn);
    } else {
      const more = Math.min(PAGE_GROWTH * listing.pageEntries, PAGE_ENTRIES);
      listing.pageEntries = scan === 'leap' ? LEAP_ENTRIES : more;
      this.#read(listing, turn);
    }
  }

  /** It has used its time, or all lists together have reached their bound. */
  #isEnough({ bytes, lookedEntries, lookedBytes, enoughMs }: Listing, nowMs: number): boolean {
    if (bytes > 0 && this.#room.isFull) return true;
    if (lookedEntries >= LOOKED_ENTRIES_MAX || lookedBytes >= LOOKED_BYTES_MAX) return true;
    return nowMs >= enoughMs;
  }

  #read(listing: Listing, turn: Turn): void {
    const { command, range, pageEntries } = listing;
    if (range === undefined) return this.#end(listing, turn);
    if (this.#reading.size >= READING_MAX) return this.#queue.push(listing);
    assert(!this.#reading.has(listing), 'listing: a list reads one page at a time');
    this.#reading.add(listing);
    const { namespace, reverse, values } = command;
    const looks = looksAt(values);
    const bytesMax = Math.min(looks.bytesMax, Math.max(LOOKED_BYTES_MAX - listing.lookedBytes, 1));
    const limits = { reverse, limit: pageEntries, ...looks, bytesMax };
    const owner: ReadOwner = { onRead: (result, then) => this.#onRead(listing, result, then) };
    const span = spanOfKeys(namespace, range.from, range.to);
    this.#options.table.reads.in(turn, 'durable').read(span, limits, owner);
  }

  /** The range is empty after the last found key. */
  #end(listing: Listing, turn: Turn): void {
    listing.after = '';
    this.#reply(listing, turn);
  }

  /** Accepts a page's entries up to the limit, or up to a prefix that the scan skips. */
  #take(
    listing: Listing,
    entries: readonly RangeEntry[],
    turn: Turn,
  ): 'full' | 'more' | 'leap' | 'damaged' {
    const { command } = listing;
    for (const entry of entries) {
      const record = recordIn(entry);
      if (record === undefined) {
        const name = parseRecordKey(entry.key);
        if (name !== undefined) this.#heal(name.namespace, name.key, turn);
        return 'damaged';
      }
      const isShown: boolean = shows(record, turn.now.wallMs);
      if (isShown && isFull(listing, PAGE_BYTES_MAX)) return 'full';
      look(listing, entry.key, record);
      const prefix = foldedPrefix(command, record.key);
      if (!isShown) {
        // A cursor with this prefix covers all keys that begin with it.
        if (prefix !== record.key) listing.after = record.key;
      } else if (prefix === undefined) {
        keep(listing, record);
        this.#room.hold(listing, listing.bytes);
      } else {
        fold(listing, prefix);
        this.#room.hold(listing, listing.bytes);
        goOn(listing, prefix, true);
        return 'leap';
      }
    }
    return 'more';
  }

  #reply(listing: Listing, turn: Turn): void {
    // The page is of what was durable when it was read.
    const shown = [...this.#options.log.durable];
    this.#leave(listing);
    turn.reply(listing.command.client, listedOf(listing, shown, turn.now.monoMs), 0);
  }

  #fail(listing: Listing, code: FaultCode, detail: string, out: Outbox): void {
    listing.items.length = 0;
    this.#leave(listing);
    refuse(listing.command.client, out, code, detail);
  }

  #leave(listing: Listing): void {
    assert(!listing.isOver, 'listing: a list is answered once');
    listing.isOver = true;
    this.#waiting--;
    assert(this.#waiting >= 0, 'listing: lists that wait are counted');
    this.#room.hold(listing, 0);
  }
}

function begun(page: ListPage): Listing {
  const { command } = page;
  return {
    ...page,
    range: keyRangeOf(command),
    lookedEntries: 0,
    lookedBytes: 0,
    pageEntries: Math.min(command.limit + 1, PAGE_ENTRIES),
    isOver: false,
  };
}

/** Counts the entry just read, and continues after (in reverse: before) it. */
function look(listing: Listing, at: Uint8Array, record: Record): void {
  listing.lookedEntries++;
  listing.lookedBytes += at.length + latestOf(record).size;
  goOn(listing, record.key, false);
}

function goOn(listing: Listing, at: string, isLeap: boolean): void {
  const { command, range } = listing;
  if (range !== undefined) listing.range = restOf(range, at, isLeap, command.reverse);
}
