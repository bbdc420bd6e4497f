// The messages by which a client's question goes to another replica and its answer comes back, as bodies of codec.ts:
// texts carry their length, lists their count, an age in ms is rounded up and one more than it is (0 is unknown).

import { unreachable } from '../../base/assert.ts';
import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { LIST_LIMIT_MAX, type Staleness } from '../../model/command.ts';
import { type FaultCode, FAULTS } from '../../model/fault.ts';
import { KEY_BYTES_MAX, parseKey } from '../../model/id.ts';
import type { ForwardAnswer, ForwardReply, ForwardRequest, Question } from '../../model/message.ts';
import { LEVELS, TIMEOUT_MS_MAX } from '../../model/policy.ts';
import { parseQuorum, type QuorumSpec } from '../../model/quorum.ts';
import type { Mutation } from '../../model/record.ts';
import { NAME_BYTES_MAX, readNamespace } from './parts/names.ts';
import { headsBytesMax, readHeads, writeHeads } from './parts/head.ts';
import {
  readMutation,
  readRecords,
  recordsBytesMax,
  type Sealed,
  writeMutation,
  writeRecords,
} from './parts/mutation.ts';

type ReadQuestion = Question & { readonly kind: 'read' };
type ListQuestion = Question & { readonly kind: 'list' };
type ListAnswer = ForwardAnswer & { readonly kind: 'listed' };

const QUESTIONS = ['read', 'list'] as const satisfies readonly Question['kind'][];
const ANSWERS = [
  'found',
  'absent',
  'listed',
  'refused',
] as const satisfies readonly ForwardAnswer['kind'][];
/** A page whose items have no values, as they are written; ANSWERS has it as `listed`. */
const LISTED_KEYS = ANSWERS.length;
const REVERSE = 1;
const KEYS_ONLY = 2;
const DELIMITER_BYTES_MAX = 64;
const WORD_BYTES_MAX = 32;
const TEXTS_BYTES_MAX = NAME_BYTES_MAX + 4 * (KEY_BYTES_MAX + 2) + DELIMITER_BYTES_MAX;

/** What the parts of a message that are not always small take at most. */
export function forwardBytesMax(message: ForwardRequest | ForwardReply): number {
  if (message.kind === 'forward-request') return TEXTS_BYTES_MAX;
  const { answer } = message;
  if (answer.kind === 'found') return answer.record.bytes.length;
  if (answer.kind !== 'listed') return 0;
  const itemBytes = hasKeysOnly(answer)
    ? headsBytesMax(answer.items)
    : recordsBytesMax(answer.items);
  return answer.prefixes.reduce((sum, prefix) => sum + prefix.length + 2, itemBytes);
}

export function writeForwardRequest(writer: ByteWriter, request: ForwardRequest): void {
  const { id, timeoutMs, level, question } = request;
  writer.varint(id);
  writer.varint(Math.ceil(timeoutMs));
  writer.u8(LEVELS.indexOf(level));
  writer.u8(QUESTIONS.indexOf(question.kind));
  writer.text(question.namespace);
  if (question.kind === 'read') writeReadQuestion(writer, question);
  else writeListQuestion(writer, question);
}

export function readForwardRequest(reader: ByteReader): ForwardRequest | undefined {
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
  const word = reader.text(WORD_BYTES_MAX);
  const r: QuorumSpec | undefined = word === '' ? undefined : parseQuorum(word);
  if (namespace === undefined || key === undefined) return undefined;
  return word !== '' && r === undefined ? undefined : { kind: 'read', namespace, key, r };
}

function writeListQuestion(writer: ByteWriter, question: ListQuestion): void {
  const { prefix, start, end, after, reverse, limit, delimiter, bytesMax, values, r } = question;
  for (const bound of [prefix, start, end, after, delimiter]) writer.text(bound);
  writer.u8((reverse ? REVERSE : 0) | (values ? 0 : KEYS_ONLY));
  writer.varint(limit);
  writer.varint(bytesMax === undefined ? 0 : bytesMax + 1);
  if (r !== undefined) writer.text(String(r));
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
  const word = reader.left === 0 ? '' : reader.text(WORD_BYTES_MAX);
  const r = word === '' ? undefined : parseQuorum(word);
  if (word !== '' && r === undefined) return undefined;
  if (namespace === undefined || !isKnown || limit < 1 || limit > LIST_LIMIT_MAX) return undefined;
  const isReverse = (flags & REVERSE) !== 0;
  const values = (flags & KEYS_ONLY) === 0;
  const bounds = { prefix, start, end, after, delimiter, reverse: isReverse, values };
  const bytesMax = most === 0 ? undefined : most - 1;
  return { kind: 'list', namespace, ...bounds, limit, r, bytesMax };
}

export function writeForwardReply(
  writer: ByteWriter,
  { id, answer }: ForwardReply,
  sealed: Sealed,
): void {
  writer.varint(id);
  const hasKeys = answer.kind === 'listed' && hasKeysOnly(answer);
  writer.u8(hasKeys ? LISTED_KEYS : ANSWERS.indexOf(answer.kind));
  if (answer.kind === 'refused') return writer.text(answer.code);
  writeAge(writer, answer.stalenessMs);
  switch (answer.kind) {
    case 'found':
      writer.varint(answer.answers);
      return writeMutation(writer, answer.record, sealed);
    case 'absent':
      return writer.varint(answer.answers);
    case 'listed':
      if (hasKeys) writeHeads(writer, answer.items);
      else writeRecords(writer, answer.items, sealed);
      writer.varint(answer.prefixes.length);
      for (const prefix of answer.prefixes) writer.text(prefix);
      return writer.text(answer.after);
    default:
      return unreachable(answer);
  }
}

export function readForwardReply(reader: ByteReader, sealed: Sealed): ForwardReply | undefined {
  const id = reader.varint();
  const answer = readAnswer(reader, sealed);
  return answer && { kind: 'forward-reply', id, answer };
}

function readAnswer(reader: ByteReader, sealed: Sealed): ForwardAnswer | undefined {
  const code = reader.u8();
  const hasKeys = code === LISTED_KEYS;
  const kind = hasKeys ? 'listed' : ANSWERS[code];
  if (kind === undefined || reader.failed) return undefined;
  if (kind === 'refused') return readRefusal(reader);
  const stalenessMs = readAge(reader);
  if (kind === 'listed') {
    const items = hasKeys ? readHeads(reader) : readRecords(reader, sealed);
    return items && readListed(reader, stalenessMs, items);
  }
  const answers = reader.varint();
  if (kind === 'absent') return { kind, stalenessMs, answers };
  const record = readMutation(reader, sealed);
  return record && { kind, record, stalenessMs, answers };
}

function readRefusal(reader: ByteReader): ForwardAnswer | undefined {
  const code = reader.text(WORD_BYTES_MAX);
  return Object.hasOwn(FAULTS, code) ? { kind: 'refused', code: code as FaultCode } : undefined;
}

function readListed(
  reader: ByteReader,
  stalenessMs: Staleness,
  items: readonly Mutation[],
): ListAnswer | undefined {
  const count = reader.varint();
  if (items.length + count > LIST_LIMIT_MAX) return undefined;
  const prefixes: string[] = [];
  while (prefixes.length < count && !reader.failed) prefixes.push(reader.text(KEY_BYTES_MAX));
  return { kind: 'listed', items, prefixes, after: reader.text(KEY_BYTES_MAX), stalenessMs };
}

/** Items without values: whoever made the page was asked for keys. */
function hasKeysOnly({ items }: ListAnswer): boolean {
  return items[0]?.bytes.length === 0;
}

function writeAge(writer: ByteWriter, stalenessMs: Staleness): void {
  writer.varint(stalenessMs === 'unknown' ? 0 : Math.ceil(stalenessMs) + 1);
}

function readAge(reader: ByteReader): Staleness {
  const told = reader.varint();
  return told === 0 ? 'unknown' : told - 1;
}
