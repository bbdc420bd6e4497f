// How keys look outside: percent-encoded in a path, text or base64 in JSON. Inside they are byte strings (see Key in
// model/id.ts). Every door applies one rule: 1 to 1024 bytes, no empty segment, no segment '.' or '..'; text must be
// UTF-8, only base64 may name a key that is not.

import { isUtf8 } from 'node:buffer';
import { type Fault, fault } from '../model/fault.ts';
import { type Key, KEY_BYTES_MAX } from '../model/id.ts';
import { percentDecode } from './percent.ts';

const SLASH = 0x2f;
const DOT = 0x2e;
const LONE_SURROGATE = /\p{Surrogate}/u;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;

/** The key of a path; `a%2Fb` and `a/b` are the same one. */
export function keyFromPath(path: string): Key | Fault {
  const bytes = percentDecode(path);
  if (bytes === undefined) return fault('invalid-key', 'the key has a broken percent escape');
  return keyFromBytes(bytes, true);
}

export function keyFromText(text: string): Key | Fault {
  const bytes = bytesFromText(text);
  if (bytes === undefined) return fault('invalid-key', 'the key is not well-formed Unicode');
  return keyFromBytes(bytes, false);
}

export function keyFromBase64(text: string): Key | Fault {
  const bytes = fromBase64(text);
  if (bytes === undefined) return fault('invalid-key', 'keyBase64 is not base64');
  return keyFromBytes(bytes.toString('latin1'), false);
}

function keyFromBytes(bytes: string, mustBeText: boolean): Key | Fault {
  if (bytes.length === 0) return fault('invalid-key', 'the key is empty');
  if (bytes.length > KEY_BYTES_MAX) {
    return fault('invalid-key', `the key is longer than ${KEY_BYTES_MAX} bytes`);
  }
  if (hasBadSegment(bytes)) {
    return fault('invalid-key', "a segment of the key is empty, '.' or '..'");
  }
  if (mustBeText && !isText(bytes)) {
    return fault('invalid-key', 'the key is not UTF-8; binary keys go as keyBase64 in a batch');
  }
  return bytes as Key;
}

function hasBadSegment(bytes: string): boolean {
  let start = 0;
  let dots = 0;
  for (let i = 0; i <= bytes.length; i++) {
    const code = i < bytes.length ? bytes.charCodeAt(i) : SLASH;
    if (code === SLASH) {
      const length = i - start;
      if (length === dots && length <= 2) return true;
      start = i + 1;
      dots = 0;
    } else if (code === DOT) dots++;
  }
  return false;
}

function isText(bytes: string): boolean {
  return isAscii(bytes) || isUtf8(Buffer.from(bytes, 'latin1'));
}

function isAscii(bytes: string): boolean {
  let bits = 0;
  for (let i = 0; i < bytes.length; i++) bits |= bytes.charCodeAt(i);
  return bits < 0x80;
}

/** The text of a byte string, or `undefined` where it is not UTF-8. */
export function textFromBytes(bytes: string): string | undefined {
  if (isAscii(bytes)) return bytes;
  const buffer = Buffer.from(bytes, 'latin1');
  return isUtf8(buffer) ? buffer.toString('utf8') : undefined;
}

/** The UTF-8 of a text as a byte string, or `undefined` where it holds half a surrogate pair. */
export function bytesFromText(text: string): string | undefined {
  if (isAscii(text)) return text;
  return LONE_SURROGATE.test(text) ? undefined : Buffer.from(text, 'utf8').toString('latin1');
}

/** `{key}` where the key is text, else `{keyBase64}`. */
export function keyView(key: string): { key: string } | { keyBase64: string } {
  const text = textFromBytes(key);
  return text === undefined
    ? { keyBase64: Buffer.from(key, 'latin1').toString('base64') }
    : { key: text };
}

/** Strict, unlike Buffer.from: anything that is not base64 gives `undefined`. */
export function fromBase64(text: string): Buffer | undefined {
  return BASE64.test(text) ? Buffer.from(text, 'base64') : undefined;
}
