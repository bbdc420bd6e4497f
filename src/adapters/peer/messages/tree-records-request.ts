// A request for lost records: tree-records-request = id | count (namespace | key)*

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { TreeRecordsRequest } from '../../../model/message.ts';
import { type KeyName, keyNameBytes, readKeyName, writeKeyName } from '../parts/key-name.ts';
import type { MessageCodec } from '../message-codec.ts';

export const treeRecordsRequestCodec: MessageCodec<TreeRecordsRequest> = { bytesMax, write, read };

function bytesMax({ keys }: TreeRecordsRequest): number {
  return keys.reduce((sum, key) => sum + keyNameBytes(key), 0);
}

function write(writer: ByteWriter, { id, keys }: TreeRecordsRequest): void {
  writer.varint(id);
  writer.varint(keys.length);
  for (const key of keys) writeKeyName(writer, key);
}

function read(reader: ByteReader): TreeRecordsRequest | undefined {
  const id = reader.varint();
  const count = reader.varint();
  if (count > reader.left) return undefined;
  const keys: KeyName[] = [];
  while (keys.length < count) {
    const name = readKeyName(reader);
    if (name === undefined) return undefined;
    keys.push(name);
  }
  return { kind: 'tree-records-request', id, keys };
}
