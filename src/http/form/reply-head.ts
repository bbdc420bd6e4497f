// The headers of a reply as a flat list for `writeHead`, which spares Node a look-up table per reply. Whatever stands
// here is printable already: versions and levels are names of ours, content types were checked when they came.

import { formatServedBy, versionTag } from '../../api/headers.ts';
import type { Found, Holder, Staleness } from '../../model/command.ts';
import { type Hlc, hlcToMs } from '../../model/hlc.ts';
import { formatDot } from '../../model/id.ts';
import type { Level } from '../../model/policy.ts';
import { latestOf, type Record } from '../../model/record.ts';
import { type HttpContext, isDraining } from '../context.ts';
import { CONTENT_TYPE_DEFAULT, isContentType } from '../../api/request-headers.ts';

/** Names and values in turn. */
export type HeaderList = string[];

/** Of every reply: no browser sniffs a type into it, and no page of another site embeds it (Fetch standard, 3.7). */
export const SHIELD: readonly string[] = [
  'X-Content-Type-Options',
  'nosniff',
  'Cross-Origin-Resource-Policy',
  'same-origin',
];

/** Stored values are user content: nobody may sniff a type into them, and a browser runs nothing of them. */
const VALUE_POLICY = "default-src 'none'; sandbox";

/** Of a reply about a stored value: with its content, or for a 304 with what is left without. */
export function valueHead(
  context: HttpContext,
  level: Level,
  found: Found,
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

/** A stored value as the content of another reply than one about itself: behind `plainHead`. */
export function pushContent(head: HeaderList, record: Record): void {
  const { contentType, value } = latestOf(record);
  head.push('Content-Type', safeContentType(contentType), 'Content-Length', String(value.length));
  head.push('Content-Security-Policy', VALUE_POLICY);
}

/** Who answered: this replica, or another in its place. */
export function servedByText(context: HttpContext, heldBy: Holder | undefined): string {
  return heldBy === undefined ? context.servedBy : formatServedBy(heldBy.id, heldBy.region);
}

/** The same for another representation of the value, or for none. */
export function replaceContent(head: HeaderList, contentType: string, length: number): HeaderList {
  return ['Content-Type', contentType, 'Content-Length', String(length), ...head.slice(4)];
}

export function withoutContent(head: HeaderList): HeaderList {
  return head.slice(4);
}

/** What every reply to a write or about an absent key begins with. */
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

/** A bound that is proved, in whole ms, rounded up because it is an upper bound. */
export function stalenessText(stalenessMs: Staleness): string {
  return String(wholeStaleness(stalenessMs));
}

/** An upper bound in whole milliseconds. */
export function wholeStaleness(stalenessMs: Staleness): Staleness {
  return stalenessMs === 'unknown' ? stalenessMs : Math.ceil(stalenessMs);
}

/** How long the request was here, to the microsecond, as the Server Timing specification writes it. */
export function timingText(ms: number): string {
  return `total;dur=${Math.round(ms * 1000) / 1000}`;
}

let knownType = CONTENT_TYPE_DEFAULT;

/** The stored content type, which peers supply too: one that no header may hold is not passed on. */
function safeContentType(stored: string): string {
  if (stored === knownType) return stored;
  if (!isContentType(stored)) return CONTENT_TYPE_DEFAULT;
  knownType = stored;
  return stored;
}

// Dates of the last seconds seen, direct-mapped. Building one costs more than all other headers together.
const DATES = 1024;
const dateSeconds = new Float64Array(DATES).fill(-1);
const dateTexts = new Array<string>(DATES).fill('');

const YEAR_9999_END_MS = 253_402_300_799_999;

/** A time as RFC 3339 writes it. One beyond the year 9999, which a peer may send, is the end of that year. */
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
