// The answer to a client's question:
//
//   forward-reply = id | answer u8 | (refused | found | absent | listed)
//   refused       = fault code
//   found         = age | answers | mutation
//   absent        = age | answers | removal?
//   listed        = age | count (mutation | head)* | count prefix* | after | shown?
//   removal       = origin | seq
//
// A page of an earlier build ends before `shown`, a vector. An age is in ms, rounded up and plus
// one; 0 is unknown. A list of keys has an answer number of
// its own, and has heads (parts/head.ts) instead of mutations.

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { unreachable } from '../../../base/assert.ts';
import { LIST_LIMIT_MAX } from '../../../model/command.ts';
import { type FaultCode, FAULTS } from '../../../model/fault.ts';
import { type Dot, KEY_BYTES_MAX } from '../../../model/id.ts';
import type { ForwardAnswer, ForwardReply } from '../../../model/message.ts';
import { encodedOf, type Record } from '../../../model/record.ts';
import type { Staleness } from '../../../model/staleness.ts';
import { headsBytesMax, readHeads, writeHeads } from '../parts/head.ts';
import {
  readRecord,
  readRecords,
  recordsBytesMax,
  type Sealed,
  writeRecord,
  writeRecords,
} from '../parts/mutation.ts';
import { readOrigin } from '../parts/names.ts';
import { readVector, vectorBytesMax, writeVector } from '../parts/vector.ts';
import type { MessageCodec } from '../message-codec.ts';

type ListAnswer = ForwardAnswer & { readonly kind: 'listed' };

const ANSWERS = [
  'found',
  'absent',
  'listed',
  'refused',
] as const satisfies readonly ForwardAnswer['kind'][];
/** The answer number of a page of keys without values; in ANSWERS both are `listed`. */
const LISTED_KEYS = ANSWERS.length;
const FAULT_BYTES_MAX = 32;

export const forwardReplyCodec: MessageCodec<ForwardReply> = { bytesMax, write, read };

function bytesMax({ answer }: ForwardReply): number {
  if (answer.kind === 'found') return encodedOf(answer.record).length;
  if (answer.kind !== 'listed') return 0;
  const itemBytes = hasKeysOnly(answer)
    ? headsBytesMax(answer.items)
    : recordsBytesMax(answer.items);
  const otherBytes = itemBytes + vectorBytesMax(answer.shown);
  return answer.prefixes.reduce((sum, prefix) => sum + prefix.length + 2, otherBytes);
}

function write(writer: ByteWriter, { id, answer }: ForwardReply, sealed: Sealed): void {
  writer.varint(id);
  const hasKeys = answer.kind === 'listed' && hasKeysOnly(answer);
  writer.u8(hasKeys ? LISTED_KEYS : ANSWERS.indexOf(answer.kind));
  if (answer.kind === 'refused') return writer.text(answer.code);
  writeAge(writer, answer.stalenessMs);
  switch (answer.kind) {
    case 'found':
      writer.varint(answer.answers);
      return writeRecord(writer, answer.record, sealed);
    case 'absent':
      writer.varint(answer.answers);
      return writeRemoval(writer, answer.removal);
    case 'listed':
      if (hasKeys) writeHeads(writer, answer.items);
      else writeRecords(writer, answer.items, sealed);
      writer.varint(answer.prefixes.length);
      for (const prefix of answer.prefixes) writer.text(prefix);
      writer.text(answer.after);
      return writeVector(writer, answer.shown);
    default:
      return unreachable(answer);
  }
}

function read(reader: ByteReader, sealed: Sealed): ForwardReply | undefined {
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
  if (kind === 'absent') return readAbsent(reader, stalenessMs, answers);
  const record = readRecord(reader, sealed);
  return record && { kind, record, stalenessMs, answers };
}

function readRefusal(reader: ByteReader): ForwardAnswer | undefined {
  const code = reader.text(FAULT_BYTES_MAX);
  return Object.hasOwn(FAULTS, code) ? { kind: 'refused', code: code as FaultCode } : undefined;
}

function readListed(
  reader: ByteReader,
  stalenessMs: Staleness,
  items: readonly Record[],
): ListAnswer | undefined {
  const count = reader.varint();
  if (items.length + count > LIST_LIMIT_MAX) return undefined;
  const prefixes: string[] = [];
  while (prefixes.length < count && !reader.failed) prefixes.push(reader.text(KEY_BYTES_MAX));
  const after = reader.text(KEY_BYTES_MAX);
  const shown = reader.left === 0 ? [] : readVector(reader);
  return { kind: 'listed', items, prefixes, shown, after, stalenessMs };
}

function writeRemoval(writer: ByteWriter, removal: Dot | undefined): void {
  if (removal === undefined) return;
  writer.text(removal.origin);
  writer.varint(removal.seq);
}

function readAbsent(
  reader: ByteReader,
  stalenessMs: Staleness,
  answers: number,
): ForwardAnswer | undefined {
  const absent = { kind: 'absent', stalenessMs, answers } as const;
  if (reader.left === 0) return { ...absent, removal: undefined };
  const origin = readOrigin(reader);
  const seq = reader.varint();
  return origin && { ...absent, removal: { origin, seq } };
}

/** The items have no values: the question was for keys. */
function hasKeysOnly({ items }: ListAnswer): boolean {
  const [first] = items;
  return first !== undefined && encodedOf(first).length === 0;
}

function writeAge(writer: ByteWriter, stalenessMs: Staleness): void {
  writer.varint(stalenessMs === 'unknown' ? 0 : Math.ceil(stalenessMs) + 1);
}

function readAge(reader: ByteReader): Staleness {
  const age = reader.varint();
  return age === 0 ? 'unknown' : age - 1;
}
