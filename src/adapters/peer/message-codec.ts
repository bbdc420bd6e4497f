// What a kind of message is to the codec: one file of messages/ has its bound, its writer and its reader side by side.

import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import type { Message } from '../../model/message.ts';
import type { Sealed } from './parts/mutation.ts';

export interface MessageCodec<M extends Message> {
  /** The bytes of its lists, mutations and long texts, at most. `MESSAGE_BYTES_USUAL` holds the rest. */
  bytesMax(message: M): number;
  write(writer: ByteWriter, message: M, sealed: Sealed): void;
  /** The message, or `undefined` or a failed reader where the bytes are not one. */
  read(reader: ByteReader, sealed: Sealed): M | undefined;
}

/** Numbers, names, one key and one URL. */
export const MESSAGE_BYTES_USUAL = 1536;

/** The bound of a message that holds nothing but these. */
export const noBytes = (): number => 0;
