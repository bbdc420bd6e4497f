// The head of a reply in the form that Node writes: status line, the headers in their order, Date,
// and the connection headers if the caller gives none. Like Node it refuses a header whose value
// would end its line or begin another.

import { STATUS_CODES } from 'node:http';
import { assert } from '../../base/assert.ts';

/** RFC 9110 section 5.5, with the same check as Node. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const NOT_IN_A_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

const CLOSE = 'Connection: close\r\n';

/** What must be known to write a head. */
export interface ReplyHead {
  readonly text: string;
  /** The connection closes after this reply. */
  readonly isLast: boolean;
}

/**
 * `head` is names and values in turn; `keepAlive` are the lines of a connection that stays open,
 * and absent for one that does not.
 */
export function headText(
  status: number,
  head: readonly string[],
  keepAlive: string | undefined,
): ReplyHead {
  let text = statusLine(status);
  let connection: string | undefined;
  let hasLength = status === 204 || status === 304;
  for (let i = 0; i + 1 < head.length; i += 2) {
    const name = head[i] as string;
    const value = head[i + 1] as string;
    if (NOT_IN_A_VALUE.test(value)) throw new TypeError(`invalid character in header ${name}`);
    if (name === 'Content-Length') hasLength = true;
    else if (name === 'Connection') connection = value;
    text += `${name}: ${value}\r\n`;
  }
  assert(hasLength, 'fast path: a reply that does not say where it ends');
  assert(
    connection === undefined || connection === 'close',
    'fast path: a connection of no known kind',
  );
  const isLast = connection !== undefined || keepAlive === undefined;
  const more = connection === undefined ? (keepAlive ?? CLOSE) : '';
  return { text: `${text}${dateLine()}${more}\r\n`, isLast };
}

/** Node writes `Keep-Alive` in whole seconds, and omits it for a time of 0. */
export function keepAliveLines(keepAliveMs: number): string {
  const seconds = Math.floor(keepAliveMs / 1000);
  const timeout = keepAliveMs > 0 ? `Keep-Alive: timeout=${seconds}\r\n` : '';
  return `Connection: keep-alive\r\n${timeout}`;
}

/** Status line and headers of a reply that is made once; connection and length are added later. */
export function headLines(status: number, head: readonly string[]): string {
  let text = statusLine(status);
  for (let i = 0; i + 1 < head.length; i += 2) text += `${head[i]}: ${head[i + 1]}\r\n`;
  return text;
}

const statusLines = new Map<number, string>();

function statusLine(status: number): string {
  const known = statusLines.get(status);
  if (known !== undefined) return known;
  const line = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n`;
  statusLines.set(status, line);
  return line;
}

let dateSecond = 0;
let dateText = '';

export function dateLine(): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = `Date: ${new Date(second * 1000).toUTCString()}\r\n`;
  }
  return dateText;
}
