// Keys outside the replica: percent-encoded in a path, text or base64 in JSON. Inside, they are
// byte strings of 1 to 1024 bytes (Key in model/id.ts). Text must be UTF-8; only base64 can name a
// key that is not. A path must not have a segment '.' or '..', escaped or not, because clients and
// proxies resolve such segments (RFC 3986 section 5.2.4); JSON may.

import { isUtf8 } from 'node:buffer';
import { type Fault, fault } from '../../model/fault.ts';
import { type Key, KEY_BYTES_MAX } from '../../model/id.ts';
import { percentDecode } from './percent.ts';

const SLASH = 0x2f;
const DOT = 0x2e;
const LONE_SURROGATE = /\p{Surrogate}/u;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;

/** The key of a path; `a%2Fb` and `a/b` are the same key. */
export function keyFromPath(path: string): Key | Fault {
  const bytes = percentDecode(path);
  if (bytes === undefined) return fault('invalid-key', 'the key has a broken percent escape');
  if (hasDotSegment(bytes)) return DOT_SEGMENT;
  const key = keyFromBytes(bytes);
  return typeof key === 'string' && !isText(key) ? NOT_TEXT : key;
}

const DOT_SEGMENT = fault(
  'invalid-key',
  "a key in a path must not have a segment '.' or '..', because clients and proxies resolve it; " +
    'POST /v1/batch/{ns} accepts it as "key" or "keyBase64"',
);
const NOT_TEXT = fault(
  'invalid-key',
  'the key is not UTF-8; POST /v1/batch/{ns} accepts it as "keyBase64"',
);

export function keyFromText(text: string): Key | Fault {
  const bytes = bytesFromText(text);
  if (bytes === undefined) return fault('invalid-key', 'the key is not well-formed Unicode');
  return keyFromBytes(bytes);
}

export function keyFromBase64(text: string): Key | Fault {
  const bytes = fromBase64(text);
  if (bytes === undefined) return fault('invalid-key', 'keyBase64 is not base64');
  return keyFromBytes(bytes.toString('latin1'));
}

function keyFromBytes(bytes: string): Key | Fault {
  if (bytes.length === 0) return fault('invalid-key', 'the key is empty');
  if (bytes.length > KEY_BYTES_MAX) {
    return fault('invalid-key', `the key is longer than ${KEY_BYTES_MAX} bytes`);
  }
  return bytes as Key;
}

function hasDotSegment(bytes: string): boolean {
  if (!bytes.includes('.')) return false;
  let start = 0;
  let dots = 0;
  for (let i = 0; i <= bytes.length; i++) {
    const code = i < bytes.length ? bytes.charCodeAt(i) : SLASH;
    if (code === SLASH) {
      const length = i - start;
      if (length === dots && (length === 1 || length === 2)) return true;
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

/** The text of a byte string, or `undefined` if it is not UTF-8. */
export function textFromBytes(bytes: string): string | undefined {
  if (isAscii(bytes)) return bytes;
  const buffer = Buffer.from(bytes, 'latin1');
  return isUtf8(buffer) ? buffer.toString('utf8') : undefined;
}

/** The UTF-8 of a text as a byte string; `undefined` if it holds half a surrogate pair. */
export function bytesFromText(text: string): string | undefined {
  if (isAscii(text)) return text;
  return LONE_SURROGATE.test(text) ? undefined : Buffer.from(text, 'utf8').toString('latin1');
}

/** `{key}` if the key is text, else `{keyBase64}`. */
export function keyView(key: string): { key: string } | { keyBase64: string } {
  const text = textFromBytes(key);
  return text === undefined
    ? { keyBase64: Buffer.from(key, 'latin1').toString('base64') }
    : { key: text };
}

/** Strict, unlike Buffer.from: invalid base64 returns `undefined`. */
export function fromBase64(text: string): Buffer | undefined {
  return BASE64.test(text) ? Buffer.from(text, 'base64') : undefined;
}
