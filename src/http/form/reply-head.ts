// The headers of a reply as a flat list for `writeHead`, which saves Node a look-up table for each
// reply. All values are printable: versions and levels are names of ours, and content types were
// checked when they were received.

import { formatServedBy, versionTag } from '../../api/headers.ts';
import { type Hlc, hlcToMs } from '../../model/hlc.ts';
import { formatDot } from '../../model/id.ts';
import type { Level } from '../../model/level.ts';
import { latestOf, type Record } from '../../model/record.ts';
import type { Found, Holder } from '../../model/reply.ts';
import type { Staleness } from '../../model/staleness.ts';
import { type HttpContext, isDraining } from '../context.ts';
import { CONTENT_TYPE_DEFAULT, isContentType } from '../../api/request-headers.ts';

/** Names and values in turn. */
export type HeaderList = string[];

/**
 * For every reply: no browser guesses its type, and no page of another site embeds it (Fetch
 * standard, 3.7).
 */
export const SHIELD: readonly string[] = [
  'X-Content-Type-Options',
  'nosniff',
  'Cross-Origin-Resource-Policy',
  'same-origin',
];

/** Stored values come from users: browsers must not guess their type or run anything in them. */
const VALUE_POLICY = "default-src 'none'; sandbox";

/** For a reply about a stored value: with its content, or a 304 without it. */
export function valueHead(
  context: HttpContext,
  level: Level,
  found: Found,
  sessionToken: string,
  begunMs: number,
): HeaderList {
  const { stalenessMs } = found;
  const shown = latestOf(found.record);
  const version = formatDot(shown.origin, shown.seq);
  const head = [
    'Content-Type',
    safeContentType(shown.contentType),
    'Content-Length',
    String(shown.value.length),
    'ETag',
    versionTag(version),
    'Conit-Version',
    version,
    'Conit-Served-By',
    servedByText(context, found.heldBy),
    'Conit-Consistency',
    level,
    'Conit-Staleness',
    stalenessText(stalenessMs),
    'Conit-Session',
    sessionToken,
    'Last-Modified',
    httpDate(shown.hlc),
    'Accept-Ranges',
    'none',
    'Server-Timing',
    timingText(performance.now() - begunMs),
    'Cache-Control',
    'no-store',
    ...SHIELD,
    'Content-Security-Policy',
    VALUE_POLICY,
  ];
  if (shown.expiresAtMs !== 0) head.push('Conit-Expires', timeText(shown.expiresAtMs));
  closeIfDraining(context, head);
  return head;
}

/**
 * A stored value as the content of a reply that is not about that value; it follows `plainHead`.
 */
export function pushContent(head: HeaderList, record: Record): void {
  const { contentType, value } = latestOf(record);
  head.push('Content-Type', safeContentType(contentType), 'Content-Length', String(value.length));
  head.push('Content-Security-Policy', VALUE_POLICY);
}

/** The replica that answered: this one, or another instead of it. */
export function servedByText(context: HttpContext, heldBy: Holder | undefined): string {
  return heldBy === undefined ? context.servedBy : formatServedBy(heldBy.id, heldBy.region);
}

/** The same for another representation of the value, or without content. */
export function replaceContent(head: HeaderList, contentType: string, length: number): HeaderList {
  return ['Content-Type', contentType, 'Content-Length', String(length), ...head.slice(4)];
}

export function withoutContent(head: HeaderList): HeaderList {
  return head.slice(4);
}

/** The common headers of replies to writes and about absent keys. */
export function plainHead(context: HttpContext, level: Level, begunMs: number): HeaderList {
  const head = [
    'Conit-Served-By',
    context.servedBy,
    'Conit-Consistency',
    level,
    'Server-Timing',
    timingText(performance.now() - begunMs),
    'Cache-Control',
    'no-store',
    ...SHIELD,
  ];
  closeIfDraining(context, head);
  return head;
}

export function closeIfDraining(context: HttpContext, head: HeaderList): void {
  if (isDraining(context)) head.push('Connection', 'close');
}

/** A proved bound, in whole ms, rounded up because it is an upper bound. */
export function stalenessText(stalenessMs: Staleness): string {
  return String(wholeStaleness(stalenessMs));
}

/** An upper bound in whole milliseconds. */
export function wholeStaleness(stalenessMs: Staleness): Staleness {
  return stalenessMs === 'unknown' ? stalenessMs : Math.ceil(stalenessMs);
}

/** The time of the request in this server, in microseconds, in the form of Server Timing. */
export function timingText(ms: number): string {
  return `total;dur=${Math.round(ms * 1000) / 1000}`;
}

let knownType = CONTENT_TYPE_DEFAULT;

/** The stored content type, which may come from a peer: an invalid header value is omitted. */
function safeContentType(stored: string): string {
  if (stored === knownType) return stored;
  if (!isContentType(stored)) return CONTENT_TYPE_DEFAULT;
  knownType = stored;
  return stored;
}

// Dates of recent seconds, direct-mapped. Formatting one costs more than all other headers.
const DATES = 1024;
const dateSeconds = new Float64Array(DATES).fill(-1);
const dateTexts = new Array<string>(DATES).fill('');

const YEAR_9999_END_MS = 253_402_300_799_999;

/**
 * A time as RFC 3339 writes it. A time beyond the year 9999, which a peer may send, becomes the end
 * of that year.
 */
export function timeText(ms: number): string {
  return new Date(ms > 0 ? Math.min(ms, YEAR_9999_END_MS) : 0).toISOString();
}

export function httpDate(hlc: Hlc): string {
  const second = Math.floor(hlcToMs(hlc) / 1000);
  const slot = second % DATES;
  if (dateSeconds[slot] !== second) {
    dateSeconds[slot] = second;
    dateTexts[slot] = new Date(second * 1000).toUTCString();
  }
  return dateTexts[slot] as string;
}
