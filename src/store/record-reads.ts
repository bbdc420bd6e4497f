// Reads ranges of records as the table shows them: what storage holds, with what memory knows
// better merged in.
//
// Storage answers some time after it was asked, and shows some moment in between. A name that was
// dirty, or was being removed, when it was asked, or has changed since, is taken from memory
// instead. For every other name storage shows the same at all of these moments. So a page is what
// the table shows at the moment at which it comes.
//
// `shows` is what is wanted of a change that is not durable yet: the change (`newest`), or what was
// shown before it (`durable`).
//
// Bounds: what is taken from memory when it is asked is at most as much as a page may hold, and a
// page ends where more would be needed; NAMES_MAX names that change meanwhile.

import { assert } from '../base/assert.ts';
import { compareBytes } from '../base/bytes.ts';
import type {
  Outbox,
  RangeEntry,
  RangeResult,
  ReadLimits,
  ReadOwner,
  Turn,
} from '../model/effect.ts';
import { READ_ENTRIES_MAX } from '../model/effect.ts';
import { withoutValue } from '../model/encoding.ts';
import type { Position } from '../model/message.ts';
import { encodedOf } from '../model/record.ts';
import type { Cell, Cells } from './cells.ts';
import {
  behind,
  keyOfPosition,
  parseRecordKey,
  positionOfKey,
  positionsOf,
  type Span,
} from './layout.ts';

type Page = RangeResult & { readonly ok: true };
export type Shows = 'newest' | 'durable';

interface Reading {
  readonly span: Span;
  readonly limits: ReadLimits;
  readonly shows: Shows;
  /** Names for which memory decides. */
  readonly names: Set<Position>;
  /** No page ends behind this name: not all names behind it are known. */
  readonly end: Position | undefined;
  readonly from: Position;
  readonly to: Position | undefined;
  /** Too much has changed meanwhile: the range is read again. */
  isLost: boolean;
}

/** The bound of names that a read knows. A read during which more names change begins again. */
const NAMES_MAX = 65_536;

const NOTHING = new Uint8Array(0);

export class RecordReads {
  readonly #cells: Cells;
  readonly #namesMax: number;
  readonly #running = new Set<Reading>();

  constructor(cells: Cells, namesMax = NAMES_MAX) {
    this.#cells = cells;
    this.#namesMax = namesMax;
  }

  /** The `read` of a turn, for records. Its results also contain what storage holds. */
  in(out: Outbox, shows: Shows): Pick<Outbox, 'read'> {
    return { read: (span, limits, owner) => this.#read(span, limits, shows, owner, out) };
  }

  /** From now on the table shows another record under this name. */
  onChange(position: Position): void {
    for (const reading of this.#running) {
      if (position < reading.from || (reading.to !== undefined && position >= reading.to)) continue;
      if (reading.names.size < this.#namesMax) reading.names.add(position);
      else reading.isLost = true;
    }
  }

  /** True while something reads: then changes must be reported. */
  get isReading(): boolean {
    return this.#running.size > 0;
  }

  #read(span: Span, limits: ReadLimits, shows: Shows, owner: ReadOwner, out: Outbox): void {
    const { limit = READ_ENTRIES_MAX, reverse = false } = limits;
    assert(limit >= 1, 'record reads: a page has room for an entry');
    const { from, to } = positionsOf(span);
    const dirty = this.#cells.dirty.within({ from, to }, limit + 1, reverse);
    const isCut = dirty.length > limit;
    const names = new Set(isCut ? dirty.slice(0, limit) : dirty);
    for (const position of this.#cells.droppingAt()) names.add(position);
    const end = isCut ? dirty[limit - 1] : undefined;
    const reading: Reading = { span, limits, shows, names, end, from, to, isLost: false };
    this.#running.add(reading);
    out.read(span, limits, {
      onRead: (result, turn) => {
        this.#running.delete(reading);
        if (result.ok && reading.isLost) this.#read(span, limits, shows, owner, turn);
        else if (result.ok) this.#onPage(reading, result, owner, turn);
        else owner.onRead(result, turn);
      },
    });
  }

  #onPage(reading: Reading, page: Page, owner: ReadOwner, turn: Turn): void {
    const { span, limits, shows } = reading;
    const sign = limits.reverse === true ? -1 : 1;
    const end = endOf(reading, page, sign);
    const entries = this.#merge(reading, page.entries, end, sign);
    const taken = fitting(entries, limits);
    const more = taken.length < entries.length || end !== undefined;
    assert(taken.length > 0 || entries.length === 0, 'record reads: a page has one entry at least');
    if (taken.length > 0 || end === undefined)
      return owner.onRead({ ok: true, entries: taken, more, stored: page.entries }, turn);
    // Everything that was read is gone meanwhile.
    const rest = sign < 0 ? { from: span.from, to: end } : { from: behind(end), to: span.to };
    this.#read(rest, limits, shows, owner, turn);
  }

  #merge(
    reading: Reading,
    entries: readonly RangeEntry[],
    end: Uint8Array | undefined,
    sign: 1 | -1,
  ): RangeEntry[] {
    const isWithin = ({ key }: RangeEntry): boolean =>
      end === undefined || sign * compareBytes(key, end) <= 0;
    const { names } = reading;
    const stored = entries.filter(
      (entry) => isWithin(entry) && !names.has(positionOfKey(entry.key)),
    );
    const known: RangeEntry[] = [];
    for (const position of names) {
      const entry = this.#entryOf(reading, position);
      if (entry !== undefined && isWithin(entry)) known.push(entry);
    }
    known.sort((left, right) => sign * compareBytes(left.key, right.key));
    return merged(stored, known, sign);
  }

  #entryOf({ span, limits, shows }: Reading, position: Position): RangeEntry | undefined {
    const key = keyOfPosition(position);
    if (compareBytes(key, span.from) < 0 || compareBytes(key, span.to) >= 0) return undefined;
    const name = parseRecordKey(key);
    if (name === undefined) return undefined;
    const { record, damaged }: Cell =
      shows === 'durable'
        ? this.#cells.readDurable(name.namespace, name.key)
        : this.#cells.read(name.namespace, name.key);
    // An unreadable value is passed on unchanged; it is no record.
    if (record === undefined) return damaged ? { key, value: NOTHING } : undefined;
    if (limits.headsOnly === true) return { key, value: NOTHING, head: withoutValue(record) };
    return { key, value: encodedOf(record) };
  }
}

/** The key behind which a page is incomplete; `undefined` if it reaches the end of its span. */
function endOf({ end }: Reading, { entries, more }: Page, sign: 1 | -1): Uint8Array | undefined {
  const last = more ? entries.at(-1)?.key : undefined;
  const cut = end === undefined ? undefined : keyOfPosition(end);
  if (last === undefined || cut === undefined) return last ?? cut;
  return sign * compareBytes(last, cut) <= 0 ? last : cut;
}

function merged(
  left: readonly RangeEntry[],
  right: readonly RangeEntry[],
  sign: 1 | -1,
): RangeEntry[] {
  if (right.length === 0) return [...left];
  const all: RangeEntry[] = [];
  let at = 0;
  for (const entry of left) {
    for (; at < right.length; at++) {
      const other = right[at] as RangeEntry;
      if (sign * compareBytes(other.key, entry.key) >= 0) break;
      all.push(other);
    }
    all.push(entry);
  }
  all.push(...right.slice(at));
  return all;
}

/** As many entries as the limits allow, and at least one. */
function fitting(
  entries: RangeEntry[],
  { limit = READ_ENTRIES_MAX, bytesMax }: ReadLimits,
): RangeEntry[] {
  let bytes = 0;
  for (const [at, { key, value }] of entries.entries()) {
    bytes += key.length + value.length;
    if (at >= limit || (bytes > bytesMax && at > 0)) return entries.slice(0, at);
  }
  return entries;
}
