// A request for a run of the log of an origin: pull = origin | from | bytes

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { Pull } from '../../../model/message.ts';
import { readOrigin } from '../parts/names.ts';
import { type MessageCodec, noBytes } from '../message-codec.ts';

export const pullCodec: MessageCodec<Pull> = { bytesMax: noBytes, write, read };

function write(writer: ByteWriter, { origin, from, bytesMax }: Pull): void {
  writer.text(origin);
  writer.varint(from);
  writer.varint(bytesMax);
}

function read(reader: ByteReader): Pull | undefined {
  const origin = readOrigin(reader);
  const from = reader.varint();
  const bytesMax = reader.varint();
  return origin === undefined ? undefined : { kind: 'pull', origin, from, bytesMax };
}
