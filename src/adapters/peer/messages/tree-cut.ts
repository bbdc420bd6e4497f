// What the frozen tree covers: tree-cut = id | answer u8 | vector

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { TreeCut } from '../../../model/message.ts';
import { readVector, vectorBytesMax, writeVector } from '../parts/vector.ts';
import type { MessageCodec } from '../message-codec.ts';

const ANSWERS = ['known', 'unknown'] as const satisfies readonly TreeCut['answer'][];

export const treeCutCodec: MessageCodec<TreeCut> = { bytesMax, write, read };

function bytesMax({ vector }: TreeCut): number {
  return vectorBytesMax(vector);
}

function write(writer: ByteWriter, { id, answer, vector }: TreeCut): void {
  writer.varint(id);
  writer.u8(ANSWERS.indexOf(answer));
  writeVector(writer, vector);
}

function read(reader: ByteReader): TreeCut | undefined {
  const id = reader.varint();
  const answer = ANSWERS[reader.u8()];
  const vector = readVector(reader);
  return answer && { kind: 'tree-cut', id, answer, vector };
}
