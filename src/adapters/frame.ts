// The content of one WebSocket message between replicas: all messages of one turn to one peer.
//
//  frame = protocol version u8 | message* | crc32c u32
//
// The checksum covers every byte that has none yet: each mutation has carried its own since it was
// written. So a changed byte or a missing end is always refused. Checksums detect accidents; the
// handshake keeps attackers out.

import { assert } from '../base/assert.ts';
import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { crc32c } from '../base/crc32c.ts';
import type { Message } from '../model/message.ts';
import { readMessage, writeMessage } from './peer/codec.ts';
import type { Sealed } from './peer/parts/mutation.ts';

/** The versions that this program supports, highest first. */
export const PROTOCOL_VERSIONS: readonly number[] = [1];

export type Decoded =
  | { readonly ok: true; readonly messages: readonly Message[] }
  | { readonly ok: false; readonly reason: FrameDefect };

export type FrameDefect = 'too-short' | 'version' | 'checksum' | 'message';

const HEAD_BYTES = 1;
const TRAILER_BYTES = 4;
/**
 * Frames are written one after the other into slabs that are never reused, so the socket may send
 * them later.
 */
const SLAB_BYTES = 64 * 1024;

/** Collects messages into frames. */
export class FrameWriter {
  readonly #version: number;
  readonly #writer: ByteWriter;
  #sealed: Sealed = [];

  constructor(version: number, slabBytes = SLAB_BYTES) {
    this.#version = version;
    this.#writer = new ByteWriter(slabBytes);
  }

  /** Bytes of the unfinished frame; 0 while it has no message. */
  get size(): number {
    const { at, start } = this.#writer;
    return at === start ? 0 : at - start + TRAILER_BYTES;
  }

  add(message: Message): void {
    if (this.size === 0) this.#writer.u8(this.#version);
    writeMessage(this.#writer, message, this.#sealed);
  }

  /** Returns the finished frame; the next message begins another. */
  finish(): Uint8Array {
    const writer = this.#writer;
    assert(this.size > 0, 'frame: nothing to send');
    writer.u32(checksumOf(writer.bytes, writer.start, writer.at, this.#sealed));
    this.#sealed = [];
    return writer.cut();
  }
}

export function encodeFrame(messages: readonly Message[], version = 1): Uint8Array {
  const writer = new FrameWriter(version, 256);
  for (const message of messages) writer.add(message);
  return writer.finish();
}

/** Reads frames of the version that the handshake chose. */
export function decodeFrame(arrived: Uint8Array, version = 1): Decoded {
  // Plain Uint8Arrays are faster than Buffers, and a slice of a Buffer would be a Buffer again.
  const bytes = new Uint8Array(arrived.buffer, arrived.byteOffset, arrived.length);
  const end = bytes.length - TRAILER_BYTES;
  if (end <= HEAD_BYTES) return refuse('too-short');
  if (bytes[0] !== version) return refuse('version');
  const reader = new ByteReader(bytes, HEAD_BYTES, end);
  const sealed: Sealed = [];
  const messages: Message[] = [];
  while (reader.left > 0) {
    const message = readMessage(reader, sealed);
    if (message === undefined) return refuse('message');
    messages.push(message);
  }
  reader.load(bytes, end, bytes.length);
  if (reader.u32() !== checksumOf(bytes, 0, end, sealed)) return refuse('checksum');
  return { ok: true, messages };
}

/**
 * The checksum of the bytes outside the sealed ranges: those of mutations, which have their own.
 * Positions count from `start`.
 */
function checksumOf(bytes: Uint8Array, start: number, end: number, sealed: Sealed): number {
  let crc = 0;
  let at = start;
  for (let i = 0; i < sealed.length; i += 2) {
    crc = crc32c(bytes, at, start + (sealed[i] as number), crc);
    at = start + (sealed[i + 1] as number);
  }
  return crc32c(bytes, at, end, crc);
}

function refuse(reason: FrameDefect): Decoded {
  return { ok: false, reason };
}
