// Content negotiation (RFC 9110 section 12.5.1). A value is always returned as it was put, whatever
// types the client lists, because many clients name `application/json` by default. Only its own
// media type asks for the JSON envelope.

import { ENVELOPE_TYPE } from '../../api/operations.ts';

export type Form = 'raw' | 'envelope';

/**
 * The envelope if it is named and at least as preferred as the value's own type, else the bytes.
 */
export function chooseForm(accept: string | undefined, contentType: string): Form {
  if (accept === undefined || !/vnd\.conit\.record/i.test(accept)) return 'raw';
  const ranges = accept.split(',').map(parseRange);
  const envelope = ranges.find(({ range }) => range === ENVELOPE_TYPE)?.quality ?? 0;
  const raw = qualityOf(mediaTypeOf(contentType), ranges);
  return envelope > 0 && envelope >= raw ? 'envelope' : 'raw';
}

export function mediaTypeOf(contentType: string): string {
  const end = contentType.indexOf(';');
  return (end < 0 ? contentType : contentType.slice(0, end)).trim().toLowerCase();
}

interface Range {
  readonly range: string;
  readonly quality: number;
}

function parseRange(text: string): Range {
  const [range = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
  const weight = parameters.find((parameter) => parameter.startsWith('q='));
  const quality = weight === undefined ? 1 : Number(weight.slice(2));
  return { range, quality: quality >= 0 && quality <= 1 ? quality : 0 };
}

// The most specific range that covers the type decides.
function qualityOf(mediaType: string, ranges: readonly Range[]): number {
  const family = `${mediaType.slice(0, mediaType.indexOf('/'))}/*`;
  for (const wanted of [mediaType, family, '*/*']) {
    const match = ranges.find(({ range }) => range === wanted);
    if (match !== undefined) return match.quality;
  }
  return 0;
}

/** The preference for a name in a list such as Accept-Encoding, 0 to 1; `*` covers other names. */
export function weightOf(list: string, name: string): number {
  const ranges = list.split(',').map(parseRange);
  const match =
    ranges.find(({ range }) => range === name) ?? ranges.find(({ range }) => range === '*');
  return match?.quality ?? 0;
}

/** Given these two types, the client prefers the first one. */
export function prefersFirst(accept: string | undefined, first: string, second: string): boolean {
  if (accept === undefined) return false;
  const ranges = accept.split(',').map(parseRange);
  return qualityOf(first, ranges) > qualityOf(second, ranges);
}
