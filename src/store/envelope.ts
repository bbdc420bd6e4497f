// The envelope of the small values that are not mutations: format version, content, CRC-32C.
// Opening a damaged or unknown envelope returns `undefined`; a reader never gets unverified bytes.

import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { crc32c } from '../base/crc32c.ts';
import type { Hlc } from '../model/hlc.ts';
import { UNREADABLE } from '../model/port.ts';

const FORMAT_VERSION = 1;
const TRAILER_BYTES = 4;

/** Reused: each sealed value is copied out of it. */
const writer = new ByteWriter(1024);

export function seal(write: (into: ByteWriter) => void): Uint8Array {
  writer.reset();
  writer.u8(FORMAT_VERSION);
  write(writer);
  return close();
}

/** An empty envelope: the existence of the value is its whole information. */
export function sealNothing(): Uint8Array {
  return seal(() => {});
}

export function sealStamp(stamp: Hlc): Uint8Array {
  return seal((into) => into.u64(stamp));
}

/** `undefined` if it cannot be read. */
export function unsealStamp(stored: Uint8Array | typeof UNREADABLE): Hlc | undefined {
  return stored === UNREADABLE ? undefined : unseal(stored)?.u64();
}

/** Eight bytes in an envelope, for callers that write many. */
export function sealWords(low: number, high: number): Uint8Array {
  writer.reset();
  writer.u8(FORMAT_VERSION);
  writer.u32(low);
  writer.u32(high);
  return close();
}

function close(): Uint8Array {
  writer.u32(crc32c(writer.bytes, 0, writer.at));
  return writer.take();
}

export function unseal(bytes: Uint8Array): ByteReader | undefined {
  const end = bytes.length - TRAILER_BYTES;
  if (end < 1 || bytes[0] !== FORMAT_VERSION) return undefined;
  const trailer = new ByteReader(bytes, end);
  if (trailer.u32() !== crc32c(bytes, 0, end)) return undefined;
  return new ByteReader(bytes, 1, end);
}
