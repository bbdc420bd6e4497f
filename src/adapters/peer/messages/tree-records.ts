// Records that the asking replica had lost: tree-records = id | taken | count mutation*

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { TreeRecords } from '../../../model/message.ts';
import { readRecords, recordsBytesMax, type Sealed, writeRecords } from '../parts/mutation.ts';
import type { MessageCodec } from '../message-codec.ts';

export const treeRecordsCodec: MessageCodec<TreeRecords> = { bytesMax, write, read };

function bytesMax({ records }: TreeRecords): number {
  return recordsBytesMax(records);
}

function write(writer: ByteWriter, { id, taken, records }: TreeRecords, sealed: Sealed): void {
  writer.varint(id);
  writer.varint(taken);
  writeRecords(writer, records, sealed);
}

function read(reader: ByteReader, sealed: Sealed): TreeRecords | undefined {
  const id = reader.varint();
  const taken = reader.varint();
  const records = readRecords(reader, sealed);
  return records === undefined ? undefined : { kind: 'tree-records', id, taken, records };
}
