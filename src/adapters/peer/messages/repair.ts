// A record that the receiver lacks: repair = mutation

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { Repair } from '../../../model/message.ts';
import { encodedOf } from '../../../model/record.ts';
import { readRecord, type Sealed, writeRecord } from '../parts/mutation.ts';
import type { MessageCodec } from '../message-codec.ts';

export const repairCodec: MessageCodec<Repair> = { bytesMax, write, read };

function bytesMax({ record }: Repair): number {
  return encodedOf(record).length;
}

function write(writer: ByteWriter, { record }: Repair, sealed: Sealed): void {
  writeRecord(writer, record, sealed);
}

function read(reader: ByteReader, sealed: Sealed): Repair | undefined {
  const record = readRecord(reader, sealed);
  return record === undefined ? undefined : { kind: 'repair', record };
}
