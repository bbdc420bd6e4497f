// Reading and writing binary forms: little-endian words, LEB128 varints up to 2^53 - 1, and byte
// strings (strings in which every character is one byte, see Key in model/id.ts).
//
// A reader never throws on bad input. It notes the failure and returns zeroes and empty strings
// from then on; the caller checks `failed` once at the end. Every length is compared with the
// remaining bytes before memory is allocated.

import { assert } from './assert.ts';

const VARINT_BYTES_MAX = 8;
const EMPTY = new Uint8Array(0);

/**
 * A growing buffer to encode into. The written bytes are `bytes[start, at)`, and `start` is 0
 * unless `cut` is used. The writer is reused: `take` returns a copy of the finished bytes; `cut`
 * returns the bytes themselves and continues after them.
 */
export class ByteWriter {
  bytes: Uint8Array;
  start = 0;
  at = 0;
  readonly #capacity: number;

  constructor(capacity = 4096) {
    this.bytes = new Uint8Array(capacity);
    this.#capacity = capacity;
  }

  reset(): void {
    this.at = this.start;
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    if (this.at + count > this.bytes.length) this.#grow(count);
  }

  /** Exact for the first write; afterwards doubles, because the final size is unknown. */
  #grow(count: number): void {
    const written = this.at - this.start;
    const needed = written === 0 ? count : 2 * (written + count);
    const larger = new Uint8Array(Math.max(this.#capacity, needed));
    larger.set(this.bytes.subarray(this.start, this.at));
    this.bytes = larger;
    this.start = 0;
    this.at = written;
  }

  u8(value: number): void {
    this.reserve(1);
    this.bytes[this.at++] = value;
  }

  u32(value: number): void {
    this.reserve(4);
    const { bytes, at } = this;
    bytes[at] = value;
    bytes[at + 1] = value >>> 8;
    bytes[at + 2] = value >>> 16;
    bytes[at + 3] = value >>> 24;
    this.at = at + 4;
  }

  /** A non-negative safe integer in eight bytes. */
  u64(value: number): void {
    this.u32(value >>> 0);
    this.u32(Math.floor(value / 2 ** 32));
  }

  f64(value: number): void {
    this.reserve(8);
    new DataView(this.bytes.buffer, this.bytes.byteOffset).setFloat64(this.at, value, true);
    this.at += 8;
  }

  /** A non-negative safe integer in one to eight bytes. */
  varint(value: number): void {
    assert(value >= 0 && value <= Number.MAX_SAFE_INTEGER, 'varint: not a safe unsigned integer');
    this.reserve(VARINT_BYTES_MAX);
    let rest = value;
    while (rest > 0x7f) {
      this.bytes[this.at++] = (rest % 128) | 0x80;
      rest = rest > 0x7fffffff ? Math.floor(rest / 128) : rest >>> 7;
    }
    this.bytes[this.at++] = rest;
  }

  /** A byte string with its length in front. */
  text(value: string): void {
    this.varint(value.length);
    this.rawText(value);
  }

  rawText(value: string): void {
    this.reserve(value.length);
    const { bytes } = this;
    let { at } = this;
    for (let i = 0; i < value.length; i++) bytes[at++] = value.charCodeAt(i);
    this.at = at;
  }

  /** Bytes with their length in front. */
  blob(value: Uint8Array): void {
    this.varint(value.length);
    this.raw(value);
  }

  raw(value: Uint8Array): void {
    this.reserve(value.length);
    this.bytes.set(value, this.at);
    this.at += value.length;
  }

  /** A copy of the written bytes. */
  take(): Uint8Array {
    return copyToSlab(this.bytes, this.start, this.at);
  }

  /** The written bytes without a copy; the writer never overwrites them. */
  cut(): Uint8Array {
    const { start, at } = this;
    this.start = at;
    return this.bytes.subarray(start, at);
  }
}

/** A cursor over bytes that another part wrote. */
export class ByteReader {
  bytes: Uint8Array;
  at: number;
  end: number;
  failed = false;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
  }

  /** Starts over on other bytes, so that a hot decoder allocates no reader. */
  load(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
    this.failed = false;
  }

  get left(): number {
    return this.end - this.at;
  }

  /** Everything was read and nothing was missing. */
  get finished(): boolean {
    return !this.failed && this.at === this.end;
  }

  fail(): 0 {
    this.failed = true;
    this.at = this.end;
    return 0;
  }

  u8(): number {
    if (this.at >= this.end) return this.fail();
    return this.bytes[this.at++] as number;
  }

  u32(): number {
    if (this.at + 4 > this.end) return this.fail();
    const { bytes, at } = this;
    this.at = at + 4;
    return (
      ((bytes[at] as number) |
        ((bytes[at + 1] as number) << 8) |
        ((bytes[at + 2] as number) << 16) |
        ((bytes[at + 3] as number) << 24)) >>>
      0
    );
  }

  u64(): number {
    const low = this.u32();
    const high = this.u32();
    if (high > 0x1fffff) return this.fail();
    return high * 2 ** 32 + low;
  }

  f64(): number {
    if (this.at + 8 > this.end) return this.fail();
    const value = new DataView(this.bytes.buffer, this.bytes.byteOffset).getFloat64(this.at, true);
    this.at += 8;
    return value;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < VARINT_BYTES_MAX; i++) {
      if (this.at >= this.end) return this.fail();
      const byte = this.bytes[this.at++] as number;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value <= Number.MAX_SAFE_INTEGER ? value : this.fail();
      scale *= 128;
    }
    return this.fail();
  }

  text(lengthMax: number): string {
    const length = this.varint();
    if (length > lengthMax || length > this.left) {
      this.fail();
      return '';
    }
    const start = this.at;
    this.at += length;
    return byteString(this.bytes, start, this.at);
  }

  /** A view of the bytes, not a copy: it keeps the whole buffer alive. */
  blob(): Uint8Array {
    return this.view(this.varint());
  }

  view(length: number): Uint8Array {
    if (length > this.left) {
      this.fail();
      return EMPTY;
    }
    const start = this.at;
    this.at += length;
    return this.bytes.subarray(start, this.at);
  }
}

/**
 * The byte string of `bytes[start, end)`. One call with many characters makes one flat string,
 * which is the fastest form for the usual short key.
 */
export function byteString(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  let i = start;
  for (; i + 16 <= end; i += 16) {
    text += String.fromCharCode(
      bytes[i] as number,
      bytes[i + 1] as number,
      bytes[i + 2] as number,
      bytes[i + 3] as number,
      bytes[i + 4] as number,
      bytes[i + 5] as number,
      bytes[i + 6] as number,
      bytes[i + 7] as number,
      bytes[i + 8] as number,
      bytes[i + 9] as number,
      bytes[i + 10] as number,
      bytes[i + 11] as number,
      bytes[i + 12] as number,
      bytes[i + 13] as number,
      bytes[i + 14] as number,
      bytes[i + 15] as number,
    );
  }
  for (; i + 8 <= end; i += 8) {
    text += String.fromCharCode(
      bytes[i] as number,
      bytes[i + 1] as number,
      bytes[i + 2] as number,
      bytes[i + 3] as number,
      bytes[i + 4] as number,
      bytes[i + 5] as number,
      bytes[i + 6] as number,
      bytes[i + 7] as number,
    );
  }
  for (; i < end; i++) text += String.fromCharCode(bytes[i] as number);
  return text;
}

/** The bytes of a byte string. */
export function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return false;
  return true;
}

// Small arrays cost several hundred nanoseconds each to allocate; slices of a shared slab cost
// sixty. A slab stays in memory as long as any slice of it, so it is small, and large copies get
// memory of their own.
const SLAB_BYTES = 8192;
let slab = new Uint8Array(SLAB_BYTES);
let slabUsed = 0;

/** A copy of `bytes[start, end)`. */
export function copyToSlab(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const copy = slabRoom(end - start);
  copy.set(bytes.subarray(start, end));
  return copy;
}

function slabRoom(length: number): Uint8Array {
  if (length > SLAB_BYTES / 4) return new Uint8Array(length);
  if (slabUsed + length > SLAB_BYTES) {
    slab = new Uint8Array(SLAB_BYTES);
    slabUsed = 0;
  }
  slabUsed += length;
  return slab.subarray(slabUsed - length, slabUsed);
}

/** Negative, zero or positive in byte order. */
export function compareBytes(left: Uint8Array, right: Uint8Array): number {
  const shared = Math.min(left.length, right.length);
  for (let i = 0; i < shared; i++) {
    const difference = (left[i] as number) - (right[i] as number);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}
