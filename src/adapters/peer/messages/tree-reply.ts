// Digests of nodes, each of two words: tree-reply = id | answer u8 | count | word u32*

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { TreeReply } from '../../../model/message.ts';
import type { MessageCodec } from '../message-codec.ts';

const ANSWERS = ['known', 'unknown', 'waiting'] as const satisfies readonly TreeReply['answer'][];
const WORD_BYTES = 4;

export const treeReplyCodec: MessageCodec<TreeReply> = { bytesMax, write, read };

function bytesMax({ digests }: TreeReply): number {
  return digests.length * WORD_BYTES;
}

function write(writer: ByteWriter, { id, answer, digests }: TreeReply): void {
  writer.varint(id);
  writer.u8(ANSWERS.indexOf(answer));
  writer.varint(digests.length);
  for (const word of digests) writer.u32(word);
}

function read(reader: ByteReader): TreeReply | undefined {
  const id = reader.varint();
  const answer = ANSWERS[reader.u8()];
  const count = reader.varint();
  if (answer === undefined || count % 2 !== 0 || count * WORD_BYTES > reader.left) return undefined;
  const digests: number[] = [];
  while (digests.length < count) digests.push(reader.u32());
  return { kind: 'tree-reply', id, answer, digests };
}
