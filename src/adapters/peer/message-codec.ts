// The codec of one kind of message: a file of messages/ holds its bound, its writer and its reader.

import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import type { Message } from '../../model/message.ts';
import type { Sealed } from './parts/mutation.ts';

export interface MessageCodec<M extends Message> {
  /**
   * The bound of its lists, mutations and long texts. `MESSAGE_BYTES_USUAL` covers everything else.
   */
  bytesMax(message: M): number;
  write(writer: ByteWriter, message: M, sealed: Sealed): void;
  /** The message. If the bytes are not valid, it is `undefined` or the reader has failed. */
  read(reader: ByteReader, sealed: Sealed): M | undefined;
}

/** Room for numbers, names, one key and one URL. */
export const MESSAGE_BYTES_USUAL = 1536;

/** The bound of a message that holds nothing else. */
export const noBytes = (): number => 0;
