// A request for nodes of the frozen tree:
//
//  tree-request = id | cut id | vector | root u32 u32 | level u8 | count node* | skip

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { TreeRequest } from '../../../model/message.ts';
import { NUMBER_BYTES_MAX, readNumbers, writeNumbers } from '../parts/numbers.ts';
import { readVector, vectorBytesMax, writeVector } from '../parts/vector.ts';
import type { MessageCodec } from '../message-codec.ts';

const LEVELS = ['root', 'inner', 'leaves'] as const satisfies readonly TreeRequest['level'][];

export const treeRequestCodec: MessageCodec<TreeRequest> = { bytesMax, write, read };

function bytesMax({ nodes, vector }: TreeRequest): number {
  return nodes.length * NUMBER_BYTES_MAX + vectorBytesMax(vector);
}

function write(writer: ByteWriter, request: TreeRequest): void {
  writer.varint(request.id);
  writer.varint(request.cutId);
  writeVector(writer, request.vector);
  const [low, high] = request.root;
  writer.u32(low);
  writer.u32(high);
  writer.u8(LEVELS.indexOf(request.level));
  writeNumbers(writer, request.nodes);
  writer.varint(request.skip);
}

function read(reader: ByteReader): TreeRequest | undefined {
  const id = reader.varint();
  const cutId = reader.varint();
  const vector = readVector(reader);
  const root = [reader.u32(), reader.u32()] as const;
  const level = LEVELS[reader.u8()];
  const nodes = readNumbers(reader);
  const skip = reader.varint();
  if (level === undefined || nodes === undefined) return undefined;
  return { kind: 'tree-request', id, cutId, vector, root, level, nodes, skip };
}
