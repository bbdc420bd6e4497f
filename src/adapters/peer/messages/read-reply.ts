// The answer to a read-request: read-reply = id | answer u8 | mutation?
//
// Only the answer `record` is followed by a mutation.

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { ReadReply } from '../../../model/message.ts';
import { encodedOf } from '../../../model/record.ts';
import { readRecord, type Sealed, writeRecord } from '../parts/mutation.ts';
import type { MessageCodec } from '../message-codec.ts';

const ANSWERS = [
  'record',
  'absent',
  'damaged',
  'same',
] as const satisfies readonly ReadReply['answer'][];

export const readReplyCodec: MessageCodec<ReadReply> = { bytesMax, write, read };

function bytesMax({ record }: ReadReply): number {
  return record === undefined ? 0 : encodedOf(record).length;
}

function write(writer: ByteWriter, { id, answer, record }: ReadReply, sealed: Sealed): void {
  writer.varint(id);
  writer.u8(ANSWERS.indexOf(answer));
  if (record !== undefined) writeRecord(writer, record, sealed);
}

function read(reader: ByteReader, sealed: Sealed): ReadReply | undefined {
  const id = reader.varint();
  const answer = ANSWERS[reader.u8()];
  if (answer === undefined || reader.failed) return undefined;
  if (answer !== 'record') return { kind: 'read-reply', id, answer, record: undefined };
  const record = readRecord(reader, sealed);
  return record === undefined ? undefined : { kind: 'read-reply', id, answer, record };
}
