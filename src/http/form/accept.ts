// Content negotiation (RFC 9110 section 12.5.1). A value is always answered: as it was put, whatever types the client
// lists, because clients name `application/json` out of habit; the JSON envelope is chosen only by its own media type.

import { ENVELOPE_TYPE } from '../../api/operations.ts';

export type Form = 'raw' | 'envelope';

/** The envelope where it is named and liked at least as well as the value's own type, else the raw bytes. */
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

/** How much a list such as Accept-Encoding likes a name, 0 to 1; `*` stands for those that it does not name. */
export function weightOf(list: string, name: string): number {
  const ranges = list.split(',').map(parseRange);
  const match =
    ranges.find(({ range }) => range === name) ?? ranges.find(({ range }) => range === '*');
  return match?.quality ?? 0;
}

/** Of two types that can be had, the client likes the first one better. */
export function prefersFirst(accept: string | undefined, first: string, second: string): boolean {
  if (accept === undefined) return false;
  const ranges = accept.split(',').map(parseRange);
  return qualityOf(first, ranges) > qualityOf(second, ranges);
}
