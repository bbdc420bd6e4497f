// Text as people, editors and templates leave it: with a byte order mark, Windows line ends, a line
// end after a path, or quotes that a shell would have removed and `docker --env-file` keeps. All of
// it must be UTF-8; text in another encoding is refused, and the refusal names that encoding.

import { accept, decline, type Parsed } from './kind.ts';

const MARK = '\uFEFF';
const QUOTED = /^(["'])(.*)\1$/s;
const SAVE = 'save it as UTF-8';

/** The text of a file, without its byte order mark. */
export function decodeText(bytes: Uint8Array): Parsed<string> {
  const wide = wideEncodingOf(bytes);
  if (wide !== undefined) return decline(`is ${wide}; ${SAVE}`);
  try {
    return accept(withoutMark(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
  } catch {
    return decline(`is not UTF-8; ${SAVE}`);
  }
}

/** The same for content of any bytes, as a secret may have: the bytes are not changed. */
export function decodeLoosely(bytes: Uint8Array): Parsed<string> {
  const wide = markedEncodingOf(bytes);
  if (wide !== undefined) return decline(`is ${wide}; ${SAVE}`);
  return accept(withoutMark(Buffer.from(bytes).toString('utf8')));
}

/** A value of a variable or a flag, without surrounding white space and one pair of quotes. */
export function plainValue(raw: string): string {
  const text = withoutMark(raw).trim();
  const quoted = QUOTED.exec(text)?.[2];
  return quoted === undefined ? text : quoted.trim();
}

function withoutMark(text: string): string {
  return text.startsWith(MARK) ? text.slice(MARK.length) : text;
}

/** Recognised by the byte order mark, or by a zero in every second byte of mostly ASCII text. */
function wideEncodingOf(bytes: Uint8Array): string | undefined {
  const marked = markedEncodingOf(bytes);
  if (marked !== undefined || bytes.length < 4) return marked;
  const [first, second, third, fourth] = bytes;
  if (first !== 0 && second === 0 && third !== 0 && fourth === 0) return 'UTF-16';
  return first === 0 && second !== 0 && third === 0 && fourth !== 0 ? 'UTF-16' : undefined;
}

function markedEncodingOf([first, second, third, fourth]: Uint8Array): string | undefined {
  if (first === 0 && second === 0 && third === 0xfe && fourth === 0xff) return 'UTF-32';
  if (first === 0xff && second === 0xfe) return third === 0 && fourth === 0 ? 'UTF-32' : 'UTF-16';
  return first === 0xfe && second === 0xff ? 'UTF-16' : undefined;
}
