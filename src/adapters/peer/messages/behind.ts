// The log does not reach back to the requested entries: behind = origin | floor

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { Behind } from '../../../model/message.ts';
import { readOrigin } from '../parts/names.ts';
import { type MessageCodec, noBytes } from '../message-codec.ts';

export const behindCodec: MessageCodec<Behind> = { bytesMax: noBytes, write, read };

function write(writer: ByteWriter, { origin, floor }: Behind): void {
  writer.text(origin);
  writer.varint(floor);
}

function read(reader: ByteReader): Behind | undefined {
  const origin = readOrigin(reader);
  const floor = reader.varint();
  return origin === undefined ? undefined : { kind: 'behind', origin, floor };
}
