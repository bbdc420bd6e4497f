// A request for the versions under leaves: tree-keys-request = id | count leaf* | after | up to

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { TreeKeysRequest } from '../../../model/message.ts';
import { POSITION_BYTES_MAX } from '../parts/names.ts';
import { NUMBER_BYTES_MAX, readNumbers, writeNumbers } from '../parts/numbers.ts';
import type { MessageCodec } from '../message-codec.ts';

export const treeKeysRequestCodec: MessageCodec<TreeKeysRequest> = { bytesMax, write, read };

function bytesMax({ leaves }: TreeKeysRequest): number {
  return leaves.length * NUMBER_BYTES_MAX + 2 * POSITION_BYTES_MAX;
}

function write(writer: ByteWriter, { id, leaves, after, upTo }: TreeKeysRequest): void {
  writer.varint(id);
  writeNumbers(writer, leaves);
  writer.text(after);
  writer.text(upTo);
}

function read(reader: ByteReader): TreeKeysRequest | undefined {
  const id = reader.varint();
  const leaves = readNumbers(reader);
  const after = reader.text(POSITION_BYTES_MAX);
  const upTo = reader.text(POSITION_BYTES_MAX);
  return leaves && { kind: 'tree-keys-request', id, leaves, after, upTo };
}
