// The headers of requests: Conit-Tags, Conit-Weight, Idempotency-Key, Prefer (RFC 7240), and the
// Content-Type of a write. Each reader returns the value or a fault that names the header.

import {
  CONTENT_TYPE_BYTES_MAX,
  IDEMPOTENCY_KEY_BYTES_MAX,
  TAG_BYTES_MAX,
  TAGS_MAX,
} from '../model/encoding.ts';
import { type Fault, fault } from '../model/fault.ts';
import { malformed } from './readers.ts';

export const CONTENT_TYPE_DEFAULT = 'application/octet-stream';
const CONTENT_TYPE = /^[\t\x20-\x7e\x80-\xff]+$/;
const TAG = /^(?:"([\x20\x21\x23-\x5b\x5d-\x7e]+)"|([!#$%&'*+.^_`|~0-9A-Za-z:/-]+))$/;
const WEIGHT = /^-?[0-9]{1,12}(?:\.[0-9]{1,6})?$/;
const IDEMPOTENCY_KEY = /^(?:"([\x20\x21\x23-\x5b\x5d-\x7e]+)"|([\x21\x23-\x7e]+))$/;
const NO_TAGS: readonly string[] = [];

/** What may be stored as a content type, because it may be sent in a reply's header. */
export function isContentType(text: string): boolean {
  return text.length <= CONTENT_TYPE_BYTES_MAX && CONTENT_TYPE.test(text);
}

export function readContentType(header: string | undefined): string | Fault {
  if (header === undefined || header === '') return CONTENT_TYPE_DEFAULT;
  if (isContentType(header)) return header;
  const detail = `the content type is malformed or longer than ${CONTENT_TYPE_BYTES_MAX} bytes`;
  return fault('invalid-parameter', detail);
}

/** A list of tokens or quoted strings. */
export function readTags(header: string | undefined): readonly string[] | Fault {
  if (header === undefined) return NO_TAGS;
  const tags: string[] = [];
  for (const text of header.split(',')) {
    const match = TAG.exec(text.trim());
    if (match === null) return malformed('Conit-Tags');
    tags.push(match[1] ?? (match[2] as string));
  }
  if (areTags(tags)) return tags;
  return fault('invalid-parameter', `Conit-Tags takes ${TAGS_MAX} tags of ${TAG_BYTES_MAX} bytes`);
}

/** A tag written as plain text. */
export function isTag(text: string): boolean {
  return /^[\x20-\x7e]+$/.test(text);
}

export function areTags(tags: readonly string[]): boolean {
  return tags.length <= TAGS_MAX && tags.every((tag) => tag.length <= TAG_BYTES_MAX);
}

export function readWeight(header: string | undefined): number | Fault {
  if (header === undefined) return 0;
  return WEIGHT.test(header) ? Number(header) : malformed('Conit-Weight');
}

/** Accepts the key bare or as a quoted string; the quotes are not part of it. */
export function readIdempotencyKey(header: string, lengthMax: number): string | Fault {
  const match = IDEMPOTENCY_KEY.exec(header);
  const key = match?.[1] ?? match?.[2];
  if (key !== undefined && key.length <= Math.min(lengthMax, IDEMPOTENCY_KEY_BYTES_MAX)) return key;
  return fault('invalid-parameter', `Idempotency-Key takes 1 to ${lengthMax} printable characters`);
}

export function prefersAsync(header: string | undefined): boolean {
  return header !== undefined && /(?:^|,)\s*respond-async\s*(?:;|,|$)/i.test(header);
}

/** `return=representation` (RFC 7240 section 4.2); for a DELETE, the value that it removed. */
export function prefersOld(header: string | undefined): boolean {
  if (header === undefined) return false;
  return /(?:^|,)\s*return\s*=\s*"?representation"?\s*(?:;|,|$)/i.test(header);
}

const WAIT_S_MAX = 3600;

/** Prefer, for a client that waits for the end. */
export function preferWait(seconds: number): string {
  return `wait=${seconds}`;
}

/** How long the client prefers to wait for the end, in ms; `undefined` if it does not say. */
export function readWait(header: string): number | undefined | Fault {
  const text = /(?:^|,)\s*wait\s*=\s*"?([^",;]*)"?\s*(?:;|,|$)/i.exec(header)?.[1];
  if (text === undefined) return undefined;
  const seconds = /^[0-9]{1,4}$/.test(text) ? Number(text) : WAIT_S_MAX + 1;
  if (seconds <= WAIT_S_MAX) return seconds * 1000;
  const detail = `the header "Prefer" waits for whole seconds, at most ${WAIT_S_MAX}`;
  return fault('invalid-parameter', detail);
}
