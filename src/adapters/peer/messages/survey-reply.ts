// The versions of the keys of a range:
//
//  survey-reply = id | answer u8 | more u8 | count | (key | deleted u8 | hlc u64 | origin | seq)*

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { KEY_BYTES_MAX, parseKey } from '../../../model/id.ts';
import { type KeyVersion, SURVEY_KEYS_MAX, type SurveyReply } from '../../../model/message.ts';
import { NAME_BYTES_MAX, readOrigin } from '../parts/names.ts';
import type { MessageCodec } from '../message-codec.ts';

const ANSWERS = ['known', 'unknown'] as const satisfies readonly SurveyReply['answer'][];
/** The bound of an item besides its key. */
const VERSION_BYTES = 2 + 1 + 8 + NAME_BYTES_MAX + 10;

export const surveyReplyCodec: MessageCodec<SurveyReply> = { bytesMax, write, read };

function bytesMax({ keys }: SurveyReply): number {
  return keys.reduce((sum, { key }) => sum + key.length + VERSION_BYTES, 0);
}

function write(writer: ByteWriter, reply: SurveyReply): void {
  writer.varint(reply.id);
  writer.u8(ANSWERS.indexOf(reply.answer));
  writer.u8(reply.more ? 1 : 0);
  writer.varint(reply.keys.length);
  for (const { key, isDeleted, hlc, origin, seq } of reply.keys) {
    writer.text(key);
    writer.u8(isDeleted ? 1 : 0);
    writer.u64(hlc);
    writer.text(origin);
    writer.varint(seq);
  }
}

function read(reader: ByteReader): SurveyReply | undefined {
  const id = reader.varint();
  const answer = ANSWERS[reader.u8()];
  const more = reader.u8();
  const count = reader.varint();
  if (answer === undefined || more > 1 || count > SURVEY_KEYS_MAX) return undefined;
  const keys: KeyVersion[] = [];
  while (keys.length < count) {
    const version = readKeyVersion(reader);
    if (version === undefined) return undefined;
    keys.push(version);
  }
  return { kind: 'survey-reply', id, answer, keys, more: more === 1 };
}

function readKeyVersion(reader: ByteReader): KeyVersion | undefined {
  const key = parseKey(reader.text(KEY_BYTES_MAX));
  const deleted = reader.u8();
  const hlc = reader.u64();
  const origin = readOrigin(reader);
  const seq = reader.varint();
  if (key === undefined || origin === undefined || deleted > 1 || reader.failed) return undefined;
  return { key, isDeleted: deleted === 1, hlc, origin, seq };
}
