// Asks the peer to freeze its hash tree: tree-cut-request = id

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { TreeCutRequest } from '../../../model/message.ts';
import { type MessageCodec, noBytes } from '../message-codec.ts';

export const treeCutRequestCodec: MessageCodec<TreeCutRequest> = { bytesMax: noBytes, write, read };

function write(writer: ByteWriter, { id }: TreeCutRequest): void {
  writer.varint(id);
}

function read(reader: ByteReader): TreeCutRequest {
  return { kind: 'tree-cut-request', id: reader.varint() };
}
