// A request for the versions of the keys of a range:
//
//  survey-request = id | namespace | from | to | reverse u8 | limit

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { KEY_BYTES_MAX } from '../../../model/id.ts';
import { SURVEY_KEYS_MAX, type SurveyRequest } from '../../../model/message.ts';
import { readNamespace } from '../parts/names.ts';
import type { MessageCodec } from '../message-codec.ts';

/** A bound of the range may be one byte longer than the longest key. */
const BOUND_BYTES_MAX = KEY_BYTES_MAX + 1;

export const surveyRequestCodec: MessageCodec<SurveyRequest> = { bytesMax, write, read };

function bytesMax({ from, to }: SurveyRequest): number {
  return from.length + to.length;
}

function write(writer: ByteWriter, request: SurveyRequest): void {
  const { id, namespace, from, to, reverse, limit } = request;
  writer.varint(id);
  writer.text(namespace);
  writer.text(from);
  writer.text(to);
  writer.u8(reverse ? 1 : 0);
  writer.varint(limit);
}

function read(reader: ByteReader): SurveyRequest | undefined {
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
