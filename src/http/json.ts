// JSON of request bodies, read strictly: one pass over the text refuses what JSON.parse takes in silence, namely a
// member given twice (which of the two counts is what attacks are made of), depth without bound, members that reach
// for prototypes, and integers that a number cannot hold.

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const FORBIDDEN: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);
const NUMBER = /-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;

export type Json =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly reason: string };

/** The reason never repeats anything of the text. */
export function parseJson(bytes: Buffer, depthMax: number): Json {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    const flaw = findFlaw(text, depthMax);
    return flaw === undefined
      ? { ok: true, value: JSON.parse(text) as unknown }
      : { ok: false, reason: flaw };
  } catch {
    return { ok: false, reason: 'the body is not JSON in UTF-8' };
  }
}

// The grammar is the business of JSON.parse; this pass only has to find its way through what it will accept.
function findFlaw(text: string, depthMax: number): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string;
    if (char === '{' || char === '[') {
      open.push(char === '{' ? new Set() : undefined);
      if (open.length > depthMax) return `the body nests deeper than ${depthMax} levels`;
    } else if (char === '}' || char === ']') {
      open.pop();
    } else if (char === '"') {
      const end = endOfString(text, at);
      const members = open.at(-1);
      if (members !== undefined && isFollowedByColon(text, end)) {
        const flaw = addMember(members, text.slice(at, end));
        if (flaw !== undefined) return flaw;
      }
      at = end - 1;
    } else if (isNumberStart(char)) {
      const end = endOfNumber(text, at);
      if (!isExact(text.slice(at, end))) return 'the body has a number beyond 53 bits';
      at = end - 1;
    }
  }
  return undefined;
}

function addMember(members: Set<string>, quoted: string): string | undefined {
  const name = JSON.parse(quoted) as string;
  if (FORBIDDEN.has(name)) return 'the body has a member of a forbidden name';
  if (members.has(name)) return 'the body has a member twice';
  members.add(name);
  return undefined;
}

/** Behind the closing quote of the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end > 0 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end < 0 ? text.length : end + 1;
}

function isEscaped(text: string, quote: number): boolean {
  let backslashes = 0;
  while (text.charCodeAt(quote - 1 - backslashes) === BACKSLASH) backslashes++;
  return backslashes % 2 === 1 && text.charCodeAt(quote) === QUOTE;
}

function isFollowedByColon(text: string, end: number): boolean {
  let at = end;
  while (' \t\r\n'.includes(text[at] ?? 'end')) at++;
  return text[at] === ':';
}

function isNumberStart(char: string): boolean {
  return char === '-' || (char >= '0' && char <= '9');
}

function endOfNumber(text: string, start: number): number {
  NUMBER.lastIndex = start;
  return NUMBER.test(text) ? NUMBER.lastIndex : start + 1;
}

function isExact(text: string): boolean {
  const number = Number(text);
  if (Number.isInteger(number)) return Number.isSafeInteger(number);
  return Number.isFinite(number) || Number.isNaN(number);
}
