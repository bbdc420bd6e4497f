// Percent-encoding (RFC 3986) over byte strings. Node's parser returns a request target with one
// character for each byte, so text without an escape is its own byte string, and costs one search
// for a '%'.

const HEX = hexTable();
const UNRESERVED = /^[A-Za-z0-9._~-]$/;
const ESCAPES = Array.from({ length: 256 }, (_, byte) => escapeOf(byte));

/** The decoded byte string, or `undefined` if an escape is broken. */
export function percentDecode(text: string): string | undefined {
  let mark = text.indexOf('%');
  if (mark < 0) return text;
  let bytes = '';
  let from = 0;
  while (mark >= 0) {
    const high = HEX[text.charCodeAt(mark + 1)] ?? -1;
    const low = HEX[text.charCodeAt(mark + 2)] ?? -1;
    if (high < 0 || low < 0) return undefined;
    bytes += text.slice(from, mark) + String.fromCharCode(high * 16 + low);
    from = mark + 3;
    mark = text.indexOf('%', from);
  }
  return bytes + text.slice(from);
}

/** For a query, where '+' is a space as well. */
export function formDecode(text: string): string | undefined {
  return percentDecode(text.includes('+') ? text.replaceAll('+', ' ') : text);
}

/** Escapes everything except the unreserved characters, so '/' too. */
export function percentEncode(bytes: string): string {
  let text = '';
  for (let i = 0; i < bytes.length; i++) text += ESCAPES[bytes.charCodeAt(i)] ?? '';
  return text;
}

function hexTable(): Int8Array {
  const table = new Int8Array(256).fill(-1);
  for (let digit = 0; digit < 16; digit++) {
    const char = digit.toString(16);
    table[char.charCodeAt(0)] = digit;
    table[char.toUpperCase().charCodeAt(0)] = digit;
  }
  return table;
}

function escapeOf(byte: number): string {
  const char = String.fromCharCode(byte);
  return UNRESERVED.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}
