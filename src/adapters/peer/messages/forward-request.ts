// A question of a client that a peer answers in place of the asking replica:
//
//  forward-request = id | time left | level u8 | question u8 | namespace | (read | list)
//                    | session?
//  read            = key | r
//  list            = prefix | start | end | after | delimiter | flags u8 | limit | bytes + 1 | r?
//
// `bytes + 1` is 0 without a bound. An empty `r` is that of the policy. A request of an earlier
// build ends before the `r` of a list, and before the session.

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { LIST_LIMIT_MAX } from '../../../model/command.ts';
import { KEY_BYTES_MAX, parseKey } from '../../../model/id.ts';
import type { ForwardRequest, Question } from '../../../model/message.ts';
import { LEVELS } from '../../../model/level.ts';
import { TIMEOUT_MS_MAX } from '../../../model/policy.ts';
import { parseQuorum, type QuorumSpec } from '../../../model/quorum.ts';
import type { Session } from '../../../model/session.ts';
import { NAME_BYTES_MAX, readNamespace } from '../parts/names.ts';
import { readVector, vectorBytesMax, writeVector } from '../parts/vector.ts';
import type { MessageCodec } from '../message-codec.ts';

type ReadQuestion = Question & { readonly kind: 'read' };
type ListQuestion = Question & { readonly kind: 'list' };

const QUESTIONS = ['read', 'list'] as const satisfies readonly Question['kind'][];
const REVERSE = 1;
const KEYS_ONLY = 2;
const DELIMITER_BYTES_MAX = 64;
const QUORUM_BYTES_MAX = 32;
const TEXTS_BYTES_MAX = NAME_BYTES_MAX + 4 * (KEY_BYTES_MAX + 2) + DELIMITER_BYTES_MAX;

export const forwardRequestCodec: MessageCodec<ForwardRequest> = {
  bytesMax: ({ question: { session } }) =>
    TEXTS_BYTES_MAX + (session === undefined ? 0 : vectorBytesMax([...session])),
  write,
  read,
};

function write(writer: ByteWriter, request: ForwardRequest): void {
  const { id, timeoutMs, level, question } = request;
  writer.varint(id);
  writer.varint(Math.ceil(timeoutMs));
  writer.u8(LEVELS.indexOf(level));
  writer.u8(QUESTIONS.indexOf(question.kind));
  writer.text(question.namespace);
  if (question.kind === 'read') writeReadQuestion(writer, question);
  else writeListQuestion(writer, question);
  if (question.session !== undefined) writeVector(writer, [...question.session]);
}

function read(reader: ByteReader): ForwardRequest | undefined {
  const id = reader.varint();
  const timeoutMs = reader.varint();
  const level = LEVELS[reader.u8()];
  const kind = QUESTIONS[reader.u8()];
  if (level === undefined || kind === undefined || reader.failed) return undefined;
  if (timeoutMs < 1 || timeoutMs > TIMEOUT_MS_MAX) return undefined;
  const question = kind === 'read' ? readReadQuestion(reader) : readListQuestion(reader);
  return question && { kind: 'forward-request', id, timeoutMs, level, question };
}

function writeReadQuestion(writer: ByteWriter, { key, r }: ReadQuestion): void {
  writer.text(key);
  writer.text(r === undefined ? '' : String(r));
}

function readReadQuestion(reader: ByteReader): ReadQuestion | undefined {
  const namespace = readNamespace(reader);
  const key = parseKey(reader.text(KEY_BYTES_MAX));
  const word = reader.text(QUORUM_BYTES_MAX);
  const r: QuorumSpec | undefined = word === '' ? undefined : parseQuorum(word);
  if (namespace === undefined || key === undefined) return undefined;
  if (word !== '' && r === undefined) return undefined;
  return { kind: 'read', namespace, key, r, session: readSession(reader) };
}

function writeListQuestion(writer: ByteWriter, question: ListQuestion): void {
  const { prefix, start, end, after, reverse, limit, delimiter, bytesMax, values, r } = question;
  for (const bound of [prefix, start, end, after, delimiter]) writer.text(bound);
  writer.u8((reverse ? REVERSE : 0) | (values ? 0 : KEYS_ONLY));
  writer.varint(limit);
  writer.varint(bytesMax === undefined ? 0 : bytesMax + 1);
  writer.text(r === undefined ? '' : String(r));
}

function readListQuestion(reader: ByteReader): ListQuestion | undefined {
  const namespace = readNamespace(reader);
  const prefix = reader.text(KEY_BYTES_MAX);
  const start = reader.text(KEY_BYTES_MAX);
  const end = reader.text(KEY_BYTES_MAX);
  const after = reader.text(KEY_BYTES_MAX);
  const delimiter = reader.text(DELIMITER_BYTES_MAX);
  const flags = reader.u8();
  const limit = reader.varint();
  const most = reader.varint();
  const isKnown = (flags & ~(REVERSE | KEYS_ONLY)) === 0;
  const word = reader.left === 0 ? '' : reader.text(QUORUM_BYTES_MAX);
  const r = word === '' ? undefined : parseQuorum(word);
  if (word !== '' && r === undefined) return undefined;
  if (namespace === undefined || !isKnown || limit < 1 || limit > LIST_LIMIT_MAX) return undefined;
  const isReverse = (flags & REVERSE) !== 0;
  const values = (flags & KEYS_ONLY) === 0;
  const bounds = { prefix, start, end, after, delimiter, reverse: isReverse, values };
  const bytesMax = most === 0 ? undefined : most - 1;
  const session = readSession(reader);
  return { kind: 'list', namespace, ...bounds, limit, r, bytesMax, session };
}

function readSession(reader: ByteReader): Session | undefined {
  return reader.left === 0 ? undefined : new Map(readVector(reader));
}
