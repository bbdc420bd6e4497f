// Permits the sender to send more parts of a snapshot: snapshot-credit = id | parts

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { SnapshotCredit } from '../../../model/message.ts';
import { type MessageCodec, noBytes } from '../message-codec.ts';

export const snapshotCreditCodec: MessageCodec<SnapshotCredit> = { bytesMax: noBytes, write, read };

function write(writer: ByteWriter, { id, parts }: SnapshotCredit): void {
  writer.varint(id);
  writer.varint(parts);
}

function read(reader: ByteReader): SnapshotCredit {
  const id = reader.varint();
  return { kind: 'snapshot-credit', id, parts: reader.varint() };
}
