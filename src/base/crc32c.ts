// CRC-32C (Castagnoli, RFC 3720 appendix B.4) by slicing-by-8 (Kounavis and Berry, 2005). It
// detects every burst of up to 32 bits, and so every changed byte, in stored and sent data.

const POLYNOMIAL = 0x82f63b78;
const TABLE = buildTable();

/**
 * The checksum of `bytes[start, end)` as an unsigned 32-bit number; `crc` is that of the bytes
 * before.
 */
export function crc32c(bytes: Uint8Array, start: number, end: number, before = 0): number {
  const table = TABLE;
  let crc = before ^ 0xffffffff;
  let i = start;
  for (const last = end - 7; i < last; i += 8) {
    // The part that does not depend on the previous checksum comes first: the processor computes it
    // ahead.
    const behind =
      (table[768 + (bytes[i + 4] as number)] as number) ^
      (table[512 + (bytes[i + 5] as number)] as number) ^
      (table[256 + (bytes[i + 6] as number)] as number) ^
      (table[bytes[i + 7] as number] as number);
    const even =
      (table[1792 + ((crc ^ (bytes[i] as number)) & 255)] as number) ^
      (table[1280 + (((crc >>> 16) ^ (bytes[i + 2] as number)) & 255)] as number);
    const odd =
      (table[1536 + (((crc >>> 8) ^ (bytes[i + 1] as number)) & 255)] as number) ^
      (table[1024 + ((crc >>> 24) ^ (bytes[i + 3] as number))] as number);
    crc = behind ^ even ^ odd;
  }
  for (; i < end; i++) {
    crc = (table[(crc ^ (bytes[i] as number)) & 255] as number) ^ (crc >>> 8);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/**
 * Like `crc32c` of the eight bytes of `value`, a non-negative safe integer in little-endian order.
 */
export function crc32cOfU64(value: number, before: number): number {
  const table = TABLE;
  const low = ~before ^ (value | 0);
  const high = Math.floor(value / 2 ** 32);
  const even =
    (table[1792 + (low & 255)] as number) ^
    (table[1280 + ((low >>> 16) & 255)] as number) ^
    (table[768 + (high & 255)] as number) ^
    (table[256 + ((high >>> 16) & 255)] as number);
  const odd =
    (table[1536 + ((low >>> 8) & 255)] as number) ^
    (table[1024 + (low >>> 24)] as number) ^
    (table[512 + ((high >>> 8) & 255)] as number) ^
    (table[high >>> 24] as number);
  return ~(even ^ odd) >>> 0;
}

function buildTable(): Int32Array {
  const table = new Int32Array(8 * 256);
  for (let i = 0; i < 256; i++) {
    let crc = i;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
    table[i] = crc;
  }
  for (let i = 256; i < table.length; i++) {
    const previous = table[i - 256] as number;
    table[i] = (table[previous & 255] as number) ^ (previous >>> 8);
  }
  return table;
}
