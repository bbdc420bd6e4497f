// Which bytes an ordinary request is made of. It is a part of what RFC 9110 and 9112 allow, and of what Node's parser takes:
// whatever is missing here is not wrong, it is only read by Node.

const TARGET = tableOf("0-9A-Za-z-._~%!$&'()*+,;=:@/?");
const TOKEN = tableOf("0-9A-Za-z!#$%&'*+.^_`|~-");
const VALUE_FIRST = 0x21;
const VALUE_LAST = 0x7e;
const SPACE = 0x20;

/** Of a target: what is neither reserved for a fragment nor to be percent-encoded (RFC 3986). */
export function isTargetByte(byte: number): boolean {
  return TARGET[byte] === 1;
}

/** Of the name of a header (RFC 9110 section 5.6.2). */
export function isTokenByte(byte: number): boolean {
  return TOKEN[byte] === 1;
}

/** Of the value of a header: visible ASCII and single bytes of space. */
export function isValueByte(byte: number): boolean {
  return byte >= SPACE && byte <= VALUE_LAST;
}

/** With what a value begins and ends. */
export function isVisibleByte(byte: number): boolean {
  return byte >= VALUE_FIRST && byte <= VALUE_LAST;
}

function tableOf(allowed: string): Uint8Array {
  const pattern = new RegExp(`[${allowed.replace(/[\\\]^]/g, '\\$&')}]`);
  const bytes = Array.from({ length: 256 }, (_, byte) => byte);
  return Uint8Array.from(bytes, (byte) => (pattern.test(String.fromCharCode(byte)) ? 1 : 0));
}
