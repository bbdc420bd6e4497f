// A request for a snapshot, or for the rest of one: snapshot-request = id | after | bytes | parts

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { SnapshotRequest } from '../../../model/message.ts';
import { POSITION_BYTES_MAX } from '../parts/names.ts';
import type { MessageCodec } from '../message-codec.ts';

export const snapshotRequestCodec: MessageCodec<SnapshotRequest> = {
  bytesMax: () => POSITION_BYTES_MAX,
  write,
  read,
};

function write(writer: ByteWriter, request: SnapshotRequest): void {
  writer.varint(request.id);
  writer.text(request.after);
  writer.varint(request.bytesMax);
  writer.varint(request.parts);
}

function read(reader: ByteReader): SnapshotRequest {
  const id = reader.varint();
  const after = reader.text(POSITION_BYTES_MAX);
  const partBytesMax = reader.varint();
  const parts = reader.varint();
  return { kind: 'snapshot-request', id, after, bytesMax: partBytesMax, parts };
}
