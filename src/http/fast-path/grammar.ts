// The bytes of an ordinary request: a subset of what RFC 9110 and 9112 allow and Node's parser
// accepts. A request with other bytes is not wrong; Node reads it.

const TARGET = tableOf("0-9A-Za-z-._~%!$&'()*+,;=:@/?");
const TOKEN = tableOf("0-9A-Za-z!#$%&'*+.^_`|~-");
const VALUE_FIRST = 0x21;
const VALUE_LAST = 0x7e;
const SPACE = 0x20;

/** Bytes of a target that need no percent-encoding and do not begin a fragment (RFC 3986). */
export function isTargetByte(byte: number): boolean {
  return TARGET[byte] === 1;
}

/** Bytes of a header's name (RFC 9110 section 5.6.2). */
export function isTokenByte(byte: number): boolean {
  return TOKEN[byte] === 1;
}

/** Bytes of a header's value: visible ASCII and single spaces. */
export function isValueByte(byte: number): boolean {
  return byte >= SPACE && byte <= VALUE_LAST;
}

/** Bytes with which a value may begin and end. */
export function isVisibleByte(byte: number): boolean {
  return byte >= VALUE_FIRST && byte <= VALUE_LAST;
}

function tableOf(allowed: string): Uint8Array {
  const pattern = new RegExp(`[${allowed.replace(/[\\\]^]/g, '\\$&')}]`);
  const bytes = Array.from({ length: 256 }, (_, byte) => byte);
  return Uint8Array.from(bytes, (byte) => (pattern.test(String.fromCharCode(byte)) ? 1 : 0));
}
