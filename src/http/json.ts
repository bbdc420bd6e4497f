// JSON of request bodies, parsed strictly and within bounds (json-scan.ts). A long body is parsed
// in pieces, each in a turn of the event loop of its own, so that one client's batch of many
// megabytes delays no other request.

import { isUtf8 } from 'node:buffer';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type JsonBounds, type LongList, scanJson } from './form/json-scan.ts';

export type Json =
  | { readonly ok: true; readonly value: unknown }
  | {
      readonly ok: false;
      /** True if a bound is exceeded, false if the text is malformed. */
      readonly isTooLarge: boolean;
      /** Never repeats any part of the text. */
      readonly reason: string;
    };

/** Enough for a batch of a thousand operations with all their members and tags. */
const JSON_VALUES_MAX = 32_768;
/** The largest object of a request is an operation, with eleven members. */
const MEMBERS_MAX = 32;
/** The most bytes for one byte of a value: `\u0041`. */
const ESCAPE_BYTES = 6;
/** Room for strings that are not values. */
const NAMES_BYTES = 16 * 1024;
/** Bytes parsed in one turn, more only if one element is larger. */
const PIECE_BYTES = 128 * 1024;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const NOT_JSON: Json = {
  ok: false,
  isTooLarge: false,
  reason: 'the body is not JSON in UTF-8',
};

/** Parses at once, whatever the length. */
export function parseJson(bytes: Buffer, depthMax: number): Json {
  if (!isUtf8(bytes)) return NOT_JSON;
  const body = withoutMark(bytes);
  const scan = scanJson(body, boundsOf(depthMax, body.length), PIECE_BYTES);
  return scan.ok ? parse(body.toString('utf8')) : scan;
}

/**
 * The same for a body whose values have at most this many bytes; a long one takes several turns.
 */
export async function parseJsonInPieces(
  bytes: Buffer,
  depthMax: number,
  valueBytesMax: number,
): Promise<Json> {
  if (!isUtf8(bytes)) return NOT_JSON;
  const body = withoutMark(bytes);
  const bounds = boundsOf(depthMax, ESCAPE_BYTES * valueBytesMax + NAMES_BYTES);
  const scan = scanJson(body, bounds, PIECE_BYTES);
  if (!scan.ok) return scan;
  if (scan.lists.length === 0) return parse(body.toString('utf8'));
  const whole = parse(skeletonOf(body, scan.lists));
  if (!whole.ok) return whole;
  for (const list of scan.lists) {
    const elements = await parseList(body, list);
    if (elements === undefined) return NOT_JSON;
    (whole.value as { [name: string]: unknown })[list.name] = elements;
  }
  return whole;
}

function boundsOf(depthMax: number, stringBytesMax: number): JsonBounds {
  return { depthMax, membersMax: MEMBERS_MAX, valuesMax: JSON_VALUES_MAX, stringBytesMax };
}

function parse(text: string): Json {
  try {
    return { ok: true, value: JSON.parse(text) as unknown };
  } catch {
    return NOT_JSON;
  }
}

/** The body without the elements of its long lists. */
function skeletonOf(body: Buffer, lists: readonly LongList[]): string {
  let text = '';
  let from = 0;
  for (const { start, end } of lists) {
    text += body.toString('utf8', from, start);
    from = end;
  }
  return text + body.toString('utf8', from);
}

async function parseList(body: Buffer, { start, end, cuts }: LongList) {
  const elements: unknown[] = [];
  let from = start;
  for (const cut of [...cuts, end]) {
    await nextTurn();
    const piece = parse(`[${body.toString('utf8', from, cut)}]`);
    if (!piece.ok) return undefined;
    const some = piece.value as unknown[];
    // An empty piece means that there is a comma too many.
    if (some.length === 0) return undefined;
    elements.push(...some);
    from = cut + 1;
  }
  return elements;
}

function withoutMark(bytes: Buffer): Buffer {
  return bytes.subarray(0, 3).equals(BYTE_ORDER_MARK) ? bytes.subarray(3) : bytes;
}
