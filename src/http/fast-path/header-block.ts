// The header lines of an ordinary request, from the end of the request line to the empty line. A
// client sends the same lines with almost every request, so lines with the same bytes as the last
// ones reuse their parsed list. Only the token of the session may differ.
//
// Not ordinary, and left to Node: folded lines; values that are empty or have bytes other than
// visible ASCII; spaces before or after a value, except one before it; a length that is repeated or
// not plain digits; every header that changes how a message or its connection is read.

import { assert } from '../../base/assert.ts';
import { latin1Text } from '../form/latin1.ts';
import { isTokenByte, isValueByte, isVisibleByte } from './grammar.ts';

export interface HeaderBlock {
  /** The header lines, the empty line included, perhaps with an earlier token. */
  readonly bytes: Uint8Array;
  /** How many bytes the lines have. */
  readonly size: number;
  /** Names and values in turn. */
  readonly raw: readonly string[];
  /** The headers that are looked up by name: the length, if there is one. */
  readonly headers: { readonly 'content-length'?: string };
  /** 0 without a Content-Length. */
  readonly length: number;
  /** The only line that changes from request to request; `undefined` if there is none. */
  readonly token: TokenPlace | undefined;
}

/** The value of Conit-Session: its bytes, and its place in the list. */
interface TokenPlace {
  readonly from: number;
  readonly to: number;
  readonly index: number;
}

const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;
const COLON = 0x3a;

/** Longer blocks are left to Node. */
const BLOCK_BYTES_MAX = 4096;
const LINES_MAX = 32;
/** `7` digits are enough for every body that the fast path accepts. */
const LENGTH = /^(?:0|[1-9][0-9]{0,6})$/;
/**
 * Headers that change how a message or its connection is read, or that need more headers in the
 * reply.
 */
const LEFT_TO_NODE: ReadonlySet<string> = new Set([
  'expect',
  'http2-settings',
  'keep-alive',
  'origin',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const NO_HEADERS = Object.freeze({});
const TOKEN_NAME = 'conit-session';

/** The lines at `from`, or `undefined` if they are not ordinary or not complete. */
export function readHeaderBlock(chunk: Buffer, from: number): HeaderBlock | undefined {
  const end = chunk.indexOf('\r\n\r\n', from - 2, 'latin1');
  if (end < 0 || end + 4 - from > BLOCK_BYTES_MAX) return undefined;
  const bytes = Uint8Array.prototype.slice.call(chunk, from, end + 4);
  const raw: string[] = [];
  let token: TokenPlace | undefined;
  // The empty line follows the request line at once: there are no headers.
  for (let at = from; at < end + 2; ) {
    at = readLine(chunk, at, raw);
    if (at < 0 || raw.length > 2 * LINES_MAX) return undefined;
    token = tokenAt(raw, at - from) ?? token;
  }
  return judge(bytes, raw, token);
}

/** The lines at `from` if they are those of `known`, but for the token; else `undefined`. */
export function readSameBlock(
  known: HeaderBlock,
  chunk: Buffer,
  from: number,
): HeaderBlock | undefined {
  const { bytes, token } = known;
  if (token === undefined) return isAt(bytes, 0, bytes.length, chunk, from) ? known : undefined;
  if (!isAt(bytes, 0, token.from, chunk, from)) return undefined;
  const begin = from + token.from;
  const end = endOfValue(chunk, begin);
  if (end < 0 || !isAt(bytes, token.to, bytes.length, chunk, end)) return undefined;
  const size = end - from + bytes.length - token.to;
  if (size > BLOCK_BYTES_MAX) return undefined;
  const value = latin1Text(chunk, begin, end);
  if (value === known.raw[token.index]) return known;
  const raw = known.raw.slice();
  raw[token.index] = value;
  return { bytes, size, raw, headers: known.headers, length: known.length, token };
}

/** `bytes[start, end)` are in the input at this place. */
function isAt(
  bytes: Uint8Array,
  start: number,
  end: number,
  chunk: Uint8Array,
  from: number,
): boolean {
  if (from + end - start > chunk.length) return false;
  for (let i = start; i < end; i++) if (chunk[from + i - start] !== bytes[i]) return false;
  return true;
}

/** Adds name and value; returns where the next line begins, -1 for a line that is not ordinary. */
function readLine(chunk: Buffer, from: number, raw: string[]): number {
  let colon = from;
  while (isTokenByte(chunk[colon] as number)) colon++;
  if (colon === from || chunk[colon] !== COLON) return -1;
  let begin = colon + 1;
  while (chunk[begin] === SPACE) begin++;
  const end = endOfValue(chunk, begin);
  if (end < 0) return -1;
  raw.push(latin1Text(chunk, from, colon), latin1Text(chunk, begin, end));
  return end + 2;
}

/** The place of the last header that was read, if it is a token; its line ends before `next`. */
function tokenAt(raw: readonly string[], next: number): TokenPlace | undefined {
  const index = raw.length - 1;
  const name = raw[index - 1] as string;
  if (name.length !== TOKEN_NAME.length || name.toLowerCase() !== TOKEN_NAME) return undefined;
  const to = next - 2;
  return { from: to - (raw[index] as string).length, to, index };
}

/** -1 if the line does not end ordinarily, or has no value. */
function endOfValue(chunk: Uint8Array, begin: number): number {
  let end = begin;
  while (isValueByte(chunk[end] as number)) end++;
  if (chunk[end] !== CR || chunk[end + 1] !== LF) return -1;
  if (end === begin || !isVisibleByte(chunk[begin] as number)) return -1;
  return isVisibleByte(chunk[end - 1] as number) ? end : -1;
}

function judge(
  bytes: Uint8Array,
  raw: readonly string[],
  token: TokenPlace | undefined,
): HeaderBlock | undefined {
  let length: string | undefined;
  let connections = 0;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase();
    const value = raw[i + 1] as string;
    if (LEFT_TO_NODE.has(name)) return undefined;
    if (name === 'connection' && (++connections > 1 || value.toLowerCase() !== 'keep-alive'))
      return undefined;
    if (name !== 'content-length') continue;
    if (length !== undefined || !LENGTH.test(value)) return undefined;
    length = value;
  }
  const headers = length === undefined ? NO_HEADERS : { 'content-length': length };
  const block = {
    bytes,
    size: bytes.length,
    raw,
    headers,
    length: Number(length ?? 0),
    token,
  };
  assert(Number.isSafeInteger(block.length), 'fast path: a length that is no number');
  return block;
}
