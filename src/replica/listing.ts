// Lists keys in byte order, page by page, from what is durable here. A page is a background range read; a list ends
// when it has its limit of items and prefixes, when the range ends, or at its deadline, whether or not the disk has answered.
// A range read that a disk does not answer counts as a running list until it does: at LISTS_MAX the next one is refused.
//
// With a delimiter, keys that share the part up to it fold into one prefix, and the scan leaps over the rest of them.

import { bytesOf, compareBytes } from '../base/bytes.ts';
import type { ListCommand, Staleness } from '../model/command.ts';
import type { FaultCode } from '../model/fault.ts';
import type { Now, Outbox, RangeEntry, RangeResult } from '../model/effect.ts';
import { decodeMutation } from '../model/encoding.ts';
import { isLive, type Record } from '../model/record.ts';
import { after, behind, parseRecordKey, recordKey, type Span } from '../store/layout.ts';
import { type Context, type Heal, refuse } from './context.ts';

const LISTS_MAX = 256;
const PAGE_ENTRIES = 512;
const PAGE_BYTES = 1024 * 1024;
/** Bytes of records and prefixes in one answer; a list that reaches it goes on with its cursor. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;

interface Listing {
  readonly command: ListCommand;
  readonly deadlineMs: number;
  /** When it began, and how stale what was stored then could be: the first page is as old as that. */
  readonly beganMs: number;
  readonly stalenessMs: Staleness;
  span: Span;
  readonly items: Record[];
  readonly prefixes: string[];
  bytes: number;
  after: string;
  /** Its client was told that the deadline has passed. */
  isOver: boolean;
}

export class Lists {
  readonly #context: Context;
  readonly #nextId: () => number;
  readonly #heal: Heal;
  /** By the range read that each waits for. */
  readonly #running = new Map<number, Listing>();
  #waiting = 0;
  #timerMs = Number.POSITIVE_INFINITY;

  constructor(context: Context, nextId: () => number, heal: Heal) {
    this.#context = context;
    this.#nextId = nextId;
    this.#heal = heal;
  }

  begin(command: ListCommand, now: Now, out: Outbox): void {
    const namespace = this.#context.namespaces.find(command.namespace);
    if (namespace === undefined) {
      refuse(command.client, out, 'namespace-not-found', 'no policy names this namespace');
    } else if (this.#running.size >= LISTS_MAX) {
      refuse(command.client, out, 'overloaded', `${LISTS_MAX} lists are running`, {
        retryAfterMs: 1000,
      });
    } else {
      const deadlineMs = now.monoMs + (command.timeoutMs ?? namespace.policy.timeoutMs);
      const stalenessMs = this.#context.freshness.bound(now.monoMs);
      const began = { deadlineMs, beganMs: now.monoMs, stalenessMs, span: spanOf(command) };
      this.#read(
        { command, ...began, items: [], prefixes: [], bytes: 0, after: '', isOver: false },
        now,
        out,
      );
    }
  }

  onRange(id: number, result: RangeResult, now: Now, out: Outbox): void {
    const listing = this.#running.get(id);
    if (listing === undefined) return;
    this.#running.delete(id);
    if (listing.isOver) return;
    this.#waiting--;
    if (!result.ok) {
      refuse(listing.command.client, out, 'storage-failed', 'the range could not be read');
      return;
    }
    const scan = this.#take(listing, result.entries, now, out);
    if (scan === 'damaged') {
      refuse(
        listing.command.client,
        out,
        'record-corrupt',
        'a stored record in the range cannot be read',
      );
    } else if (scan === 'full') {
      this.#reply(listing, now, out);
    } else if (scan === 'leap' || result.more) {
      this.#read(listing, now, out);
    } else {
      this.#end(listing, now, out);
    }
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Not after the next deadline; may be earlier. */
  get timerMs(): number {
    return this.#timerMs;
  }

  onTimer(now: Now, out: Outbox): void {
    if (now.monoMs < this.#timerMs) return;
    this.#timerMs = Number.POSITIVE_INFINITY;
    for (const listing of this.#running.values()) {
      if (listing.isOver) continue;
      if (listing.deadlineMs <= now.monoMs) this.#expire(listing, out);
      else this.#timerMs = Math.min(this.#timerMs, listing.deadlineMs);
    }
  }

  failAll(code: FaultCode, out: Outbox): void {
    for (const { command, isOver } of this.#running.values()) {
      if (!isOver) refuse(command.client, out, code, 'the replica has stopped');
    }
    this.#running.clear();
    this.#waiting = 0;
  }

  #expire(listing: Listing, out: Outbox): void {
    listing.isOver = true;
    listing.items.length = 0;
    this.#waiting--;
    const detail = 'the deadline passed before the disk had read the range';
    refuse(listing.command.client, out, 'timeout', detail);
  }

  #read(listing: Listing, now: Now, out: Outbox): void {
    if (now.monoMs >= listing.deadlineMs) {
      refuse(
        listing.command.client,
        out,
        'timeout',
        'the deadline passed before the range was read',
      );
      return;
    }
    const { command, span } = listing;
    if (compareBytes(span.from, span.to) >= 0) {
      this.#end(listing, now, out);
      return;
    }
    const id = this.#nextId();
    this.#running.set(id, listing);
    this.#waiting++;
    this.#timerMs = Math.min(this.#timerMs, listing.deadlineMs);
    const { reverse } = command;
    out.range(id, { ...span, reverse, limit: PAGE_ENTRIES, bytesMax: PAGE_BYTES });
  }

  /** Nothing is left behind what was found. */
  #end(listing: Listing, now: Now, out: Outbox): void {
    listing.after = '';
    this.#reply(listing, now, out);
  }

  /** Takes a page's entries up to the limit, or up to a prefix that the scan leaps over. */
  #take(
    listing: Listing,
    entries: readonly RangeEntry[],
    now: Now,
    out: Outbox,
  ): 'full' | 'more' | 'leap' | 'damaged' {
    const { command } = listing;
    for (const entry of entries) {
      const record = decodeMutation(entry.value);
      if (record === undefined) {
        const name = parseRecordKey(entry.key);
        if (name !== undefined) this.#heal(name.namespace, name.key, now, out);
        return 'damaged';
      }
      advance(listing, entry.key);
      if (!isLive(record, now.wallMs)) continue;
      if (isFull(listing)) return 'full';
      const prefix = foldedPrefix(command, record.key);
      if (prefix !== undefined) {
        listing.prefixes.push(prefix);
        listing.bytes += prefix.length;
        listing.after = prefix;
        leap(listing, prefix);
        return 'leap';
      }
      listing.items.push(record);
      listing.bytes += record.bytes.length;
      listing.after = record.key;
    }
    return 'more';
  }

  #reply(listing: Listing, now: Now, out: Outbox): void {
    const { items, prefixes, after: cursor, command, beganMs } = listing;
    const stalenessMs =
      listing.stalenessMs === 'unknown' ? 'unknown' : listing.stalenessMs + now.monoMs - beganMs;
    const page = { items, prefixes, after: cursor, heldBy: undefined };
    out.reply(command.client, { kind: 'listed', ...page, stalenessMs }, 0);
  }
}

/** Full once a further item is found behind the limit, so that a cursor always has something to go on to. */
function isFull(listing: Listing): boolean {
  const found = listing.items.length + listing.prefixes.length;
  const { limit, bytesMax = ANSWER_BYTES_MAX } = listing.command;
  return found >= limit || listing.bytes >= Math.min(bytesMax, ANSWER_BYTES_MAX);
}

/** The part of the key up to the delimiter, where there is one behind the list's prefix. */
function foldedPrefix(command: ListCommand, key: string): string | undefined {
  if (command.delimiter === '') return undefined;
  const at = key.indexOf(command.delimiter, command.prefix.length);
  return at < 0 ? undefined : key.slice(0, at + command.delimiter.length);
}

function spanOf(command: ListCommand): Span {
  const { namespace, prefix, start, end, reverse } = command;
  const base = recordKey(namespace, '');
  const whole = prefix === '' ? { from: base, to: after(base) } : prefixSpan(base, prefix);
  let { from, to } = whole;
  if (start !== '') from = larger(from, concat(base, start));
  if (end !== '') to = smaller(to, concat(base, end));
  if (command.after === '') return { from, to };
  const isFolded = foldedPrefix(command, command.after) === command.after;
  const last = concat(base, command.after);
  if (reverse) return { from, to: smaller(to, last) };
  return { from: larger(from, isFolded ? after(last) : behind(last)), to };
}

function prefixSpan(base: Uint8Array, prefix: string): Span {
  const from = concat(base, prefix);
  return { from, to: after(from) };
}

/** Goes on behind (in reverse: before) the entry just read. */
function advance(listing: Listing, key: Uint8Array): void {
  if (listing.command.reverse) {
    listing.span = { from: listing.span.from, to: key };
  } else {
    listing.span = { from: behind(key), to: listing.span.to };
  }
}

function leap(listing: Listing, prefix: string): void {
  const { from, to } = prefixSpan(recordKey(listing.command.namespace, ''), prefix);
  listing.span = listing.command.reverse
    ? { from: listing.span.from, to: from }
    : { from: to, to: listing.span.to };
}

function concat(base: Uint8Array, text: string): Uint8Array {
  const tail = bytesOf(text);
  const bytes = new Uint8Array(base.length + tail.length);
  bytes.set(base);
  bytes.set(tail, base.length);
  return bytes;
}

function larger(left: Uint8Array, right: Uint8Array): Uint8Array {
  return compareBytes(left, right) >= 0 ? left : right;
}

function smaller(left: Uint8Array, right: Uint8Array): Uint8Array {
  return compareBytes(left, right) <= 0 ? left : right;
}
