// A cumulative acknowledgement: ack = vector | window | superseded

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { Ack } from '../../../model/message.ts';
import { supersededBytesMax, withSuperseded, writeSuperseded } from '../parts/superseded.ts';
import { readVector, vectorBytesMax, writeVector } from '../parts/vector.ts';
import type { MessageCodec } from '../message-codec.ts';

export const ackCodec: MessageCodec<Ack> = { bytesMax, write, read };

function bytesMax({ vector, superseded }: Ack): number {
  return vectorBytesMax(vector) + supersededBytesMax(superseded);
}

function write(writer: ByteWriter, { vector, windowBytes, superseded }: Ack): void {
  writeVector(writer, vector);
  writer.varint(windowBytes);
  writeSuperseded(writer, superseded);
}

function read(reader: ByteReader): Ack {
  const vector = readVector(reader);
  const windowBytes = reader.varint();
  return withSuperseded({ kind: 'ack', vector, windowBytes }, reader);
}
