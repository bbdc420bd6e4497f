// The messages by which a list compares what replicas have under the keys of a range, as bodies of codec.ts:
//
//   survey-request = id | namespace | from | to | reverse u8 | limit
//   survey-reply   = id | answer u8 | more u8 | count | (key | deleted u8 | hlc u64 | origin | seq)*

import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { KEY_BYTES_MAX, parseKey } from '../../model/id.ts';
import {
  type KeyVersion,
  SURVEY_KEYS_MAX,
  type SurveyReply,
  type SurveyRequest,
} from '../../model/message.ts';
import { NAME_BYTES_MAX, readNamespace, readOrigin } from './parts/names.ts';

const ANSWERS = ['known', 'unknown'] as const satisfies readonly SurveyReply['answer'][];
/** Besides the key. */
const VERSION_BYTES = 2 + 1 + 8 + NAME_BYTES_MAX + 10;
/** A bound may be just behind the longest key. */
const BOUND_BYTES_MAX = KEY_BYTES_MAX + 1;

export function surveyBytesMax(message: SurveyRequest | SurveyReply): number {
  if (message.kind === 'survey-request') return message.from.length + message.to.length;
  return message.keys.reduce((sum, { key }) => sum + key.length + VERSION_BYTES, 0);
}

export function writeSurveyRequest(writer: ByteWriter, request: SurveyRequest): void {
  const { id, namespace, from, to, reverse, limit } = request;
  writer.varint(id);
  writer.text(namespace);
  writer.text(from);
  writer.text(to);
  writer.u8(reverse ? 1 : 0);
  writer.varint(limit);
}

export function readSurveyRequest(reader: ByteReader): SurveyRequest | undefined {
  const id = reader.varint();
  const namespace = readNamespace(reader);
  const from = reader.text(BOUND_BYTES_MAX);
  const to = reader.text(BOUND_BYTES_MAX);
  const reverse = reader.u8();
  const limit = reader.varint();
  if (namespace === undefined || reverse > 1 || limit < 1 || limit > SURVEY_KEYS_MAX)
    return undefined;
  return { kind: 'survey-request', id, namespace, from, to, reverse: reverse === 1, limit };
}

export function writeSurveyReply(writer: ByteWriter, reply: SurveyReply): void {
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

export function readSurveyReply(reader: ByteReader): SurveyReply | undefined {
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
