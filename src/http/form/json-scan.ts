// One pass over the bytes of a JSON body, before it is parsed. It stops at the first thing that
// JSON.parse would accept in silence and that no request needs: a repeated member (attacks rely on
// two readers that choose different ones), a member whose name reaches the prototype, a number that
// a double cannot hold. It also stops when the depth, the members of one object or the values of
// the whole body exceed their bounds, so the parser never builds more than a route can use.
//
// JSON.parse checks the grammar. The pass only matches brackets and strings, and records where a
// long list can be cut: at commas between the elements of a list that is a member of the outermost
// object. A body is valid JSON if its skeleton and its pieces are.

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const LIST = 0x5b;
const LIST_END = 0x5d;
const OBJECT = 0x7b;
const OBJECT_END = 0x7d;

const FORBIDDEN: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);
const NAME_BYTES_MAX = 256;
const NUMBER_BYTES_MAX = 64;
/**
 * For each object and list: the marks, names and values of one member are a name, a colon and a
 * comma.
 */
const TOKENS_A_VALUE = 5;
/** A whole number with at most this many digits is exact. */
const EXACT_DIGITS = 15;

export interface JsonBounds {
  /** Nested lists and objects. */
  readonly depthMax: number;
  /** Members of one object. */
  readonly membersMax: number;
  /** Values of the whole body: members, elements of lists, and the body itself. */
  readonly valuesMax: number;
  /** Bytes of one string, escapes included. */
  readonly stringBytesMax: number;
}

/** A list in the outermost object, and the commas at which it may be cut, as byte positions. */
export interface LongList {
  readonly name: string;
  readonly start: number;
  end: number;
  readonly cuts: number[];
}

export type Scan =
  | { readonly ok: true; readonly lists: readonly LongList[] }
  | { readonly ok: false; readonly isTooLarge: boolean; readonly reason: string };

/**
 * `bytes` are UTF-8. Cuts are at least `pieceBytes` apart. The reason of a refusal repeats nothing
 * of the text.
 */
export function scanJson(bytes: Buffer, bounds: JsonBounds, pieceBytes: number): Scan {
  return new Scanner(bytes, bounds, pieceBytes).run();
}

class Scanner {
  readonly #bytes: Buffer;
  readonly #bounds: JsonBounds;
  readonly #pieceBytes: number;
  /** For each open object the names of its members, for each open list nothing. */
  readonly #open: (string[] | undefined)[] = [];
  readonly #lists: LongList[] = [];
  /** The list that may be cut: one that is a member of the outermost object. */
  #long: LongList | undefined = undefined;
  #cutFrom = 0;
  #values = 0;

  constructor(bytes: Buffer, bounds: JsonBounds, pieceBytes: number) {
    this.#bytes = bytes;
    this.#bounds = bounds;
    this.#pieceBytes = pieceBytes;
  }

  run(): Scan {
    const { valuesMax } = this.#bounds;
    const tokensMax = TOKENS_A_VALUE * valuesMax;
    let tokens = 0;
    for (let at = endOfSpace(this.#bytes, 0); at < this.#bytes.length; tokens++) {
      const next = this.#step(at);
      if (typeof next === 'string')
        return { ok: false, isTooLarge: next === LONG_STRING, reason: next };
      if (this.#values > valuesMax || tokens > tokensMax) {
        const reason = `the body has more than ${valuesMax} values`;
        return { ok: false, isTooLarge: true, reason };
      }
      at = endOfSpace(this.#bytes, next);
    }
    if (this.#open.length > 0) return { ok: false, isTooLarge: false, reason: NOT_JSON };
    return { ok: true, lists: this.#lists };
  }

  /** Where the next token begins, or the reason why this one is refused. */
  #step(at: number): number | string {
    const code = this.#bytes[at] as number;
    switch (code) {
      case QUOTE:
        return this.#string(at);
      case COMMA:
        if (this.#long !== undefined && this.#open.length === 2) this.#cut(this.#long, at);
        return at + 1;
      case OBJECT:
      case LIST:
        return this.#begin(code, at);
      case OBJECT_END:
      case LIST_END:
        return this.#end(code, at);
      default:
        return code === COLON ? at + 1 : this.#word(at);
    }
  }

  #begin(code: number, at: number): number | string {
    const { depthMax } = this.#bounds;
    this.#values++;
    const outer = this.#open[0];
    if (code === LIST && this.#open.length === 1 && outer !== undefined) {
      this.#long = { name: outer.at(-1) ?? '', start: at + 1, end: 0, cuts: [] };
      this.#cutFrom = at;
    }
    this.#open.push(code === OBJECT ? [] : undefined);
    if (this.#open.length > depthMax) return `the body is nested deeper than ${depthMax} levels`;
    return at + 1;
  }

  #end(code: number, at: number): number | string {
    if (this.#open.length === 0) return NOT_JSON;
    const members = this.#open.pop();
    if ((members === undefined) !== (code === LIST_END)) return NOT_JSON;
    if (this.#long !== undefined && this.#open.length === 1) {
      this.#long.end = at;
      if (this.#long.cuts.length > 0) this.#lists.push(this.#long);
      this.#long = undefined;
    }
    return at + 1;
  }

  #cut({ cuts }: LongList, at: number): void {
    if (at - this.#cutFrom < this.#pieceBytes) return;
    cuts.push(at);
    this.#cutFrom = at;
  }

  #string(at: number): number | string {
    const end = endOfString(this.#bytes, at);
    if (end - at > this.#bounds.stringBytesMax) return LONG_STRING;
    const members = this.#open[this.#open.length - 1];
    if (members === undefined || !isFollowedByColon(this.#bytes, end)) {
      this.#values++;
      return end;
    }
    return this.#member(members, at, end);
  }

  #member(members: string[], start: number, end: number): number | string {
    const { membersMax } = this.#bounds;
    if (end - start > NAME_BYTES_MAX) return 'the body has a member with a name that is too long';
    if (members.length === membersMax) return `an object has more than ${membersMax} members`;
    const name = nameOf(this.#bytes, start, end);
    if (name === undefined) return NOT_JSON;
    if (FORBIDDEN.has(name)) return 'the body has a member with a forbidden name';
    if (members.includes(name)) return 'the body has a repeated member';
    members.push(name);
    return end;
  }

  /** A number, or `true`, `false` or `null`; JSON.parse refuses other words. */
  #word(start: number): number | string {
    this.#values++;
    const code = this.#bytes[start] as number;
    let end = start + 1;
    while (isWordByte(this.#bytes[end])) end++;
    if (end - start > NUMBER_BYTES_MAX) return 'the body has a number with too many digits';
    if (code !== MINUS && !isDigit(code)) return end;
    return isExact(this.#bytes, start, end) ? end : 'the body has a number beyond 53 bits';
  }
}

const NOT_JSON = 'the body is not JSON in UTF-8';
const LONG_STRING = 'the body has a string that is longer than any value';

/** The position after the closing quote of the string that begins at `start`. */
function endOfString(bytes: Buffer, start: number): number {
  for (let at = start + 1; at < bytes.length; at++) {
    const code = bytes[at] as number;
    if (code === QUOTE) return at + 1;
    if (code === BACKSLASH) at++;
  }
  return bytes.length;
}

function isFollowedByColon(bytes: Buffer, end: number): boolean {
  return bytes[endOfSpace(bytes, end)] === COLON;
}

function endOfSpace(bytes: Buffer, start: number): number {
  let at = start;
  while (at < bytes.length && (bytes[at] as number) <= 0x20) at++;
  return at;
}

/** A name with an escape in it may equal another; `undefined` if it is no valid JSON string. */
function nameOf(bytes: Buffer, start: number, end: number): string | undefined {
  const quoted = bytes.toString('utf8', start, end);
  if (!quoted.includes('\\')) return quoted.slice(1, -1);
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return undefined;
  }
}

function isDigit(code: number | undefined): boolean {
  return code !== undefined && code >= 0x30 && code <= 0x39;
}

/** Any byte except white space and the marks of JSON. */
function isWordByte(code: number | undefined): boolean {
  if (code === undefined || code <= 0x20 || code === COMMA || code === COLON) return false;
  if (code === QUOTE || code === LIST || code === LIST_END) return false;
  return code !== OBJECT && code !== OBJECT_END;
}

function isExact(bytes: Buffer, start: number, end: number): boolean {
  if (end - start <= EXACT_DIGITS && hasDigitsOnly(bytes, start, end)) return true;
  const number = Number(bytes.toString('latin1', start, end));
  if (Number.isInteger(number)) return Number.isSafeInteger(number);
  return Number.isFinite(number) || Number.isNaN(number);
}

function hasDigitsOnly(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (!isDigit(bytes[at])) return false;
  return true;
}
